// The rules of pymalloc that the vectors do not reach: exhaustive where the space is small, seeded
// random against a model where it is large.
#include <gmock/gmock.h>

#include <cstring>
#include <map>

#include "core/base/random.h"
#include "tests/pymalloc/heap_fixture.h"

namespace pymemlab {
namespace {

using testing::ElementsAre;

constexpr std::array kAll = {kGeometry36,  kGeometry37,  kGeometry39,
                             kGeometry310, kGeometry311, kGeometry315HugePages};
constexpr std::array kNames = {"python36",  "python37",  "python39",
                               "python310", "python311", "python315hugepages"};

class EveryGeometry : public testing::TestWithParam<std::size_t> {
 protected:
  Geometry geometry = kAll[GetParam()];
};
INSTANTIATE_TEST_SUITE_P(Geometries, EveryGeometry, testing::Range(std::size_t{0}, kAll.size()),
                         [](const auto& info) { return kNames[info.param]; });

TEST_P(EveryGeometry, EveryRequestGetsTheSmallestClassThatHoldsIt) {
  for (std::size_t request = 1; request <= 512; ++request) {
    Heap heap(geometry);
    void* block = heap.malloc(request);
    ASSERT_TRUE(heap->owns(block)) << request;
    const std::size_t bytes = heap->block_bytes(block);
    EXPECT_GE(bytes, request);
    EXPECT_LT(bytes - request, geometry.alignment);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % geometry.alignment, 0u);
  }
}

TEST_P(EveryGeometry, ReallocStaysInPlaceExactlyAboveThreeQuartersOfTheClass) {
  for (std::size_t old_request = 1; old_request <= 512; ++old_request) {
    const std::size_t s = geometry.block_bytes(geometry.size_class(old_request));
    Heap heap(geometry);
    void* block = heap.malloc(old_request);
    for (std::size_t request = 0; request <= 520; ++request) {
      if (request <= s && 4 * request > 3 * s) {
        ASSERT_EQ(heap.realloc(block, request), block) << old_request << " to " << request;
      } else {
        void* moved = heap.realloc(block, request);
        ASSERT_NE(moved, block) << old_request << " to " << request;
        heap.free(moved);
        block = heap.malloc(old_request);
      }
    }
  }
}

TEST_P(EveryGeometry, APoolHoldsItsCapacityAndThenTheNextIsCarved) {
  for (std::size_t c = 0; c < geometry.size_classes(); ++c) {
    Heap heap(geometry);
    const std::size_t capacity = geometry.pool_capacity(c);
    const std::vector<void*> blocks = heap.malloc_many(capacity + 1, geometry.block_bytes(c));
    EXPECT_EQ(heap.where(blocks[capacity - 1]),
              fmt::format("A0+{}", 48 + (capacity - 1) * geometry.block_bytes(c)));
    EXPECT_EQ(heap.where(blocks[capacity]), fmt::format("A0+{}", geometry.pool_bytes + 48));
    heap->check_invariants();
  }
}

TEST_P(EveryGeometry, AnArenaOffThePoolBoundaryHasOnePoolFewer) {
  for (std::size_t residue = 0; residue < geometry.pool_bytes; residue += 4096) {
    Heap heap(geometry, residue);
    (void)heap.malloc(1);
    const HeapStatistics s = heap->statistics();
    EXPECT_EQ(s.unused_pools, geometry.pools_per_arena() - (residue == 0 ? 1 : 2));
    EXPECT_EQ(s.alignment_bytes, residue == 0 ? 0 : geometry.pool_bytes);
    EXPECT_EQ(s.total_bytes(), geometry.arena_bytes);
  }
}

TEST_P(EveryGeometry, OwnsAnswersForEveryKindOfPointer) {
  for (std::size_t residue : {std::size_t{0}, geometry.pool_bytes / 2}) {
    Heap heap(geometry, residue);
    auto* block = static_cast<std::byte*>(heap.malloc(1));
    const std::byte* base = block - heap->placement(block)->offset_bytes;
    EXPECT_TRUE(heap->owns(base));
    EXPECT_TRUE(heap->owns(base + geometry.arena_bytes - 1));
    EXPECT_FALSE(heap->owns(base - 1));
    EXPECT_FALSE(heap->owns(base + geometry.arena_bytes));
    int on_stack = 0;
    EXPECT_FALSE(heap->owns(&on_stack));
    for (std::uintptr_t wild :
         {std::uintptr_t{0}, std::uintptr_t{1}, std::uintptr_t{1} << 47, ~std::uintptr_t{0},
          reinterpret_cast<std::uintptr_t>(block) | std::uintptr_t{1} << 60}) {
      EXPECT_FALSE(heap->owns(reinterpret_cast<const void*>(wild))) << wild;
    }
    heap.free(block);
    (void)heap.malloc_many(3, 100);
    if (geometry.empty_arena == EmptyArena::release) {
      EXPECT_FALSE(heap->owns(base + 64));
    }
  }
}

TEST_P(EveryGeometry, CallocClearsWhatWasAskedForAndNoMore) {
  Heap heap(geometry);
  (void)heap.malloc(500);  // keeps the arena
  auto* block = static_cast<unsigned char*>(heap.malloc(64));
  std::memset(block, 0xAA, 64);
  heap.free(block);
  block = static_cast<unsigned char*>(heap.calloc(5, 10));
  EXPECT_TRUE(std::all_of(block, block + 50, [](unsigned char c) { return c == 0; }));
  EXPECT_EQ(block[50], 0xAA);
}

TEST_P(EveryGeometry, FirstRequestAsksRawAndArenasInCPythonsOrder) {
  Heap heap(geometry);
  (void)heap.malloc(1);
  std::vector<std::string> expected = {"realloc NULL 768"};
  if (geometry.radix.exists()) {
    expected.push_back(fmt::format("calloc 1 {}", geometry.radix.mid_bytes()));
    expected.push_back(fmt::format("calloc 1 {}", geometry.radix.leaf_bytes()));
  }
  std::vector<std::string> first(
      heap.raw.log.begin(),
      heap.raw.log.begin() + std::min<std::ptrdiff_t>(3, std::ssize(heap.raw.log)));
  first.resize(expected.size());
  EXPECT_EQ(first, expected);
}

TEST_P(EveryGeometry, TheSlotVectorStartsAt16AndDoubles) {
  Heap heap(geometry);
  const std::size_t per_arena =
      geometry.pool_capacity(geometry.size_class(512)) * geometry.pools_per_arena();
  (void)heap.malloc_many(per_arena * 33, 512);
  std::vector<std::string> growth;
  for (const std::string& line : heap.raw.log) {
    if (line.starts_with("realloc")) growth.push_back(line);
  }
  EXPECT_THAT(growth, ElementsAre("realloc NULL 768", "realloc block 1536", "realloc block 3072"));
  heap->check_invariants();
}

TEST_P(EveryGeometry, WithoutAnArenaSlotOrRadixNodeTheRequestGoesToRaw) {
  const int needed = geometry.radix.exists() ? 3 : 1;
  for (int successes = 0; successes < needed; ++successes) {
    Heap heap(geometry);
    heap.raw.successes = successes;
    EXPECT_EQ(heap.malloc(16), nullptr) << "raw is exhausted too";
    EXPECT_EQ(heap.arenas.requested(), heap.arenas.released());
    heap.raw.successes = -1;
    EXPECT_EQ(heap.where(heap.malloc(16)).back(), '8');  // ...+48
    heap->check_invariants();
  }
}

TEST_P(EveryGeometry, AllocatedBlocksCountsWhatPassesThroughPymalloc) {
  Heap heap(geometry);
  EXPECT_EQ(heap->allocated_blocks(), 0);
  void* small = heap.malloc(10);
  void* large = heap.malloc(1000);
  EXPECT_EQ(heap->allocated_blocks(), 2);
  large = heap.realloc(large, 2000);
  EXPECT_EQ(heap->allocated_blocks(), 2);
  heap.free(nullptr);
  heap.free(small);
  heap.free(large);
  EXPECT_EQ(heap->allocated_blocks(), 0);
  heap.free(std::malloc(1));  // not ours: CPython counts it down all the same
  EXPECT_EQ(heap->allocated_blocks(), -1);
}

TEST_P(EveryGeometry, AnArenaIsReportedBeforeItExists) {
  std::size_t reports = 0;
  SmallHeapOptions options;
  options.before_new_arena = [](void* count) { ++*static_cast<std::size_t*>(count); };
  options.before_new_arena_context = &reports;
  Heap heap(geometry, 0, options);
  heap.arenas.fail_next(1);
  heap.free(heap.malloc(1));
  EXPECT_EQ(reports, 1u);
  (void)heap.malloc(1);
  EXPECT_EQ(reports, 2u);
}

TEST(RadixNodes, CPython311NeedsTwoLeavesOnlyAcrossA16GiBBoundary) {
  struct Case {
    std::uint64_t base;
    std::size_t leaves;
  };
  for (const Case& c : {Case{0x7f0000000000, 1}, Case{0x7f0000001000, 1}, Case{0x7f03fff00000, 1},
                        Case{0x7f03fff01000, 2}}) {
    std::uint64_t base = c.base;
    SmallHeapOptions options;
    options.nominal_base = [](void* b, std::uint64_t) { return *static_cast<std::uint64_t*>(b); };
    options.nominal_base_context = &base;
    Heap heap(kGeometry311, 0, options);
    (void)heap.malloc(1);
    EXPECT_EQ(heap->statistics().leaf_nodes, c.leaves) << c.base;
    EXPECT_EQ(heap->statistics().mid_nodes, 1u);
  }
}

TEST(RadixNodes, CPython310NeedsALeafEvery256MiBAndAMidEvery256GiB) {
  std::uint64_t base = 0x7f0000000000;
  SmallHeapOptions options;
  options.nominal_base = [](void* b, std::uint64_t) { return *static_cast<std::uint64_t*>(b); };
  options.nominal_base_context = &base;
  Heap heap(kGeometry310, 0, options);
  const std::size_t per_arena = kGeometry310.pool_capacity(31) * 64;
  (void)heap.malloc_many(per_arena, 512);
  base += 256 * kMiB;
  (void)heap.malloc_many(per_arena, 512);
  EXPECT_EQ(heap->statistics().leaf_nodes, 2u);
  base += 256 * kGiB;
  (void)heap.malloc_many(per_arena, 512);
  EXPECT_EQ(heap->statistics().leaf_nodes, 3u);
  EXPECT_EQ(heap->statistics().mid_nodes, 2u);
}

TEST(Realloc, OfAForeignBlockToZeroAsksForOneByteOnlyInPython36) {
  for (bool python36 : {false, true}) {
    SmallHeapOptions options;
    options.realloc_zero_asks_one = python36;
    Heap heap(kGeometry37, 0, options);
    void* block = heap.malloc(600);
    block = heap.realloc(block, 0);
    EXPECT_EQ(heap.raw.log.back(), python36 ? "realloc block 1" : "realloc block 0");
    heap.raw.successes = 0;
    EXPECT_EQ(heap.realloc(block, 0), python36 ? block : nullptr);
    heap.raw.successes = -1;
    heap.free(block);
  }
}

// Ten thousand random operations with failing arenas and raw requests, every invariant after every
// few, every byte of every block checked: against a map of what should be live.
TEST_P(EveryGeometry, KeepsEveryByteAndEveryInvariantUnderRandomUse) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    Heap heap(geometry, seed % 2 == 0 ? 0 : geometry.pool_bytes / 2);
    if (seed >= 3) {
      heap.arenas.fail_randomly([](void* r) { return static_cast<Random*>(r)->next(); }, &random);
    }
    struct Block {
      void* address;
      std::size_t size;
      unsigned char fill;
    };
    std::vector<Block> live;
    std::map<std::uintptr_t, std::uintptr_t> ranges;
    auto check_fill = [](const Block& b) {
      const auto* bytes = static_cast<unsigned char*>(b.address);
      return std::all_of(bytes, bytes + b.size, [&](unsigned char c) { return c == b.fill; });
    };
    auto enter = [&](Block b) {
      const auto low = reinterpret_cast<std::uintptr_t>(b.address);
      auto after = ranges.lower_bound(low);
      ASSERT_TRUE(after == ranges.end() || after->first >= low + b.size)
          << "overlaps the next block";
      ASSERT_TRUE(after == ranges.begin() || std::prev(after)->second <= low)
          << "overlaps the previous block";
      ranges.emplace(low, low + std::max<std::size_t>(b.size, 1));
      std::memset(b.address, b.fill, b.size);
      live.push_back(b);
    };
    for (int step = 0; step < 20'000; ++step) {
      const bool growing = step / 4000 % 2 == 0;
      const std::size_t size = random.chance(1, 40) ? random.below(3000) : random.below(520);
      if (live.empty() || random.chance(growing ? 3 : 1, 5)) {
        const bool zeroed = random.chance(1, 4);
        heap.raw.successes = random.chance(1, 50) ? 0 : -1;
        void* block = zeroed ? heap.calloc(1, size) : heap.malloc(size);
        heap.raw.successes = -1;
        if (block == nullptr) continue;
        if (zeroed) {
          ASSERT_TRUE(check_fill({block, size, 0}));
        }
        enter({block, size, static_cast<unsigned char>(random.below(256))});
      } else {
        const std::size_t i = random.below(live.size());
        const Block b = live[i];
        ASSERT_TRUE(check_fill(b)) << "a live block's bytes changed";
        if (random.chance(1, 4)) {
          heap.raw.successes = random.chance(1, 50) ? 0 : -1;
          void* moved = heap.realloc(b.address, size);
          heap.raw.successes = -1;
          if (moved == nullptr) {
            ASSERT_TRUE(check_fill(b)) << "a failed realloc changed the block";
            continue;
          }
          ASSERT_TRUE(check_fill({moved, std::min(size, b.size), b.fill})) << "realloc lost bytes";
          ranges.erase(reinterpret_cast<std::uintptr_t>(b.address));
          live[i] = live.back();
          live.pop_back();
          enter({moved, size, b.fill});
        } else {
          heap.free(b.address);
          ranges.erase(reinterpret_cast<std::uintptr_t>(b.address));
          live[i] = live.back();
          live.pop_back();
        }
      }
      if (step % 500 == 0) heap->check_invariants();
    }
    EXPECT_EQ(heap->allocated_blocks(), static_cast<std::int64_t>(live.size()));
    for (const Block& b : live) heap.free(b.address);
    heap->check_invariants();
    EXPECT_EQ(heap->allocated_blocks(), 0);
    EXPECT_LE(heap->arenas(), geometry.empty_arena == EmptyArena::release ? 0u : 1u);
  }
}

TEST(StatisticsText, IsCPythonsWordForWord) {
  HeapStatistics s;
  s.size_classes = 32;
  for (std::size_t c = 0; c < 32; ++c) s.classes[c].block_bytes = (c + 1) * 16;
  s.classes[0] = {.block_bytes = 16, .pools = 1, .live_blocks = 32, .available_blocks = 221};
  s.classes[31] = {.block_bytes = 512, .pools = 3, .live_blocks = 16, .available_blocks = 5};
  s.arenas_total = 14;
  s.arenas_highwater = 13;
  s.arenas_current = 2;
  s.allocated_bytes = 258176;
  s.available_bytes = 58992;
  s.unused_pools = 47;
  s.unused_pool_bytes = 192512;
  s.header_bytes = 3888;
  s.quantization_bytes = 10720;
  EXPECT_EQ(statistics_text(s, kGeometry39), R"(Small block threshold = 512, in 32 size classes.

class   size   num pools   blocks in use  avail blocks
-----   ----   ---------   -------------  ------------
    0     16           1              32           221
   31    512           3              16             5

# arenas allocated total           =                   14
# arenas reclaimed                 =                   12
# arenas highwater mark            =                   13
# arenas allocated current         =                    2
2 arenas * 262144 bytes/arena      =              524,288

# bytes in allocated blocks        =              258,176
# bytes in available blocks        =               58,992
47 unused pools * 4096 bytes       =              192,512
# bytes lost to pool headers       =                3,888
# bytes lost to quantization       =               10,720
# bytes lost to arena alignment    =                    0
Total                              =              524,288
)");
  s.mid_nodes = s.leaf_nodes = 1;
  EXPECT_TRUE(statistics_text(s, kGeometry310).ends_with(R"(
arena map counts
# arena map mid nodes              =                    1
# arena map bot nodes              =                    1

# bytes lost to arena map root     =                8,192
# bytes lost to arena map mid      =                8,192
# bytes lost to arena map bot      =                2,048
Total                              =               18,432
)"));
  EXPECT_NE(statistics_text(s, kGeometry37, 19039)
                .find("# times object malloc called       =               19,039\n"),
            std::string::npos);
}

}  // namespace
}  // namespace pymemlab
