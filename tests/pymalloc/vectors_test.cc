// The hand-checkable vectors V1 to V17, every one confirmed on real interpreters, for both pool
// sizes and, where they differ, both policies for empty arenas.
#include <gmock/gmock.h>

#include "tests/pymalloc/heap_fixture.h"

namespace pymemlab {
namespace {

using testing::ElementsAre;
using Places = std::vector<std::string>;

struct Vector {
  const char* name;
  Geometry geometry;
};

// Each geometry of CPython 3.7 and later: 4 KiB or 16 KiB pools.
class Vectors : public testing::TestWithParam<Vector> {
 protected:
  Geometry geometry = GetParam().geometry;
  Heap heap{geometry};

  [[nodiscard]] bool small_pools() const { return geometry.pool_bytes == 4096; }
  [[nodiscard]] bool keeps_last() const { return geometry.empty_arena == EmptyArena::keep_last; }
  // Offset `block_offset` in pool `pool` of arena `arena`.
  [[nodiscard]] std::string at(std::size_t arena, std::size_t pool,
                               std::size_t block_offset) const {
    return fmt::format("A{}+{}", arena, pool * geometry.pool_bytes + block_offset);
  }
  std::string malloc(std::size_t size) { return heap.where(heap.malloc(size)); }
  [[nodiscard]] std::size_t per_pool() const { return geometry.pool_capacity(31); }
  [[nodiscard]] std::size_t per_arena() const { return per_pool() * geometry.pools_per_arena(); }
  // Frees all 512-byte blocks of one pool, given all blocks in order of allocation.
  void empty_pool(const std::vector<void*>& blocks, std::size_t arena, std::size_t pool) {
    heap.free_range(blocks, arena * per_arena() + pool * per_pool(), per_pool());
  }
};

INSTANTIATE_TEST_SUITE_P(Geometries, Vectors,
                         testing::Values(Vector{"python37", kGeometry37},
                                         Vector{"python39", kGeometry39},
                                         Vector{"python310", kGeometry310},
                                         Vector{"python311", kGeometry311},
                                         Vector{"python315hugepages", kGeometry315HugePages}),
                         [](const auto& info) { return info.param.name; });

TEST_P(Vectors, V1FirstBlocksLieBehindTheHeaderAndEachClassHasItsPool) {
  const Places places = {malloc(1), malloc(1), malloc(1), malloc(16), malloc(17)};
  EXPECT_THAT(places, ElementsAre("A0+48", "A0+64", "A0+80", "A0+96", at(0, 1, 48)));
}

TEST_P(Vectors, V2TheNewestFreedBlockIsReusedFirst) {
  const std::vector<void*> b = heap.malloc_many(4, 64);
  for (int i : {1, 0, 2}) heap.free(b[static_cast<std::size_t>(i)]);
  const Places places = {malloc(64), malloc(64), malloc(64), malloc(64)};
  EXPECT_THAT(places, ElementsAre("A0+176", "A0+48", "A0+112", "A0+304"));
}

TEST_P(Vectors, V3ZeroAndOversizeGoToRaw) {
  EXPECT_EQ(malloc(0), "R");
  EXPECT_EQ(malloc(513), "R");
  void* x = heap.malloc(512);
  EXPECT_EQ(heap.where(x), "A0+48");
  EXPECT_EQ(heap.where(heap.calloc(0, 8)), "R");
  EXPECT_EQ(heap.where(heap.calloc(8, 64)), "A0+560");
  EXPECT_EQ(heap.where(heap.calloc(9, 64)), "R");
  EXPECT_EQ(heap.where(heap.realloc(x, 0)), "R");
  EXPECT_EQ(malloc(512), "A0+48");
}

TEST_P(Vectors, V4ABlockOf64StaysAt49AndMovesAt48) {
  void* p = heap.malloc(64);
  EXPECT_EQ(heap.where(p), "A0+48");
  p = heap.realloc(p, 49);
  EXPECT_EQ(heap.where(p), "A0+48");
  EXPECT_EQ(heap.where(heap.realloc(p, 48)), at(0, 1, 48));
}

TEST_P(Vectors, V5ABlockOf112StaysAt85AndMovesAt84) {
  void* p = heap.realloc(heap.malloc(100), 85);
  EXPECT_EQ(heap.where(p), "A0+48");
  EXPECT_EQ(heap.where(heap.realloc(p, 84)), at(0, 1, 48));
}

TEST_P(Vectors, V6ABlockGrowsInPlaceUpToItsClass) {
  void* p = heap.realloc(heap.malloc(100), 112);
  EXPECT_EQ(heap.where(p), "A0+48");
  EXPECT_EQ(heap.where(heap.realloc(p, 113)), at(0, 1, 48));
}

TEST_P(Vectors, V7ARawBlockNeverMigratesIntoAPool) {
  void* p = heap.malloc(512);
  EXPECT_EQ(heap.where(p), "A0+48");
  for (std::size_t size : {600, 10, 0}) {
    p = heap.realloc(p, size);
    EXPECT_EQ(heap.where(p), "R") << size;
  }
}

TEST_P(Vectors, V8ReallocOfNullIsMalloc) {
  EXPECT_EQ(heap.where(heap.realloc(nullptr, 10)), "A0+48");
  EXPECT_EQ(heap.where(heap.realloc(nullptr, 0)), "R");
}

TEST_P(Vectors, V9APoolThatWasFullServesNext) {
  const std::vector<void*> b = heap.malloc_many(3 * per_pool(), 512);
  heap.free(b[2]);
  heap.free(b[per_pool() + 3]);
  const Places places = {malloc(512), malloc(512), malloc(512)};
  EXPECT_THAT(places, ElementsAre(at(0, 1, 48 + 3 * 512), at(0, 0, 48 + 2 * 512), at(0, 3, 48)));
}

TEST_P(Vectors, V10AnEmptiedPoolKeepsItsFreeListForItsClass) {
  const std::vector<void*> b = heap.malloc_many(3, 64);
  for (int i : {0, 2, 1}) heap.free(b[static_cast<std::size_t>(i)]);
  const Places places = {malloc(64), malloc(64), malloc(64), malloc(64)};
  if (keeps_last()) {
    EXPECT_THAT(places, ElementsAre("A0+112", "A0+176", "A0+48", "A0+240"));
  } else {
    EXPECT_THAT(places, ElementsAre("A1+48", "A1+112", "A1+176", "A1+240"));
  }
}

TEST_P(Vectors, V11AnEmptiedPoolIsPreferredToAVirginOne) {
  heap.free_range(heap.malloc_many(3, 64), 0, 3);
  const std::size_t arena = keeps_last() ? 0 : 1;
  const Places places = {malloc(32), malloc(32), malloc(64)};
  EXPECT_THAT(places, ElementsAre(at(arena, 0, 48), at(arena, 0, 80), at(arena, 1, 48)));
}

TEST_P(Vectors, V12EmptiedPoolsAreAStack) {
  void* a = heap.malloc(16);
  void* b = heap.malloc(32);
  void* c = heap.malloc(48);
  for (void* block : {a, c, b}) heap.free(block);
  const Places places = {malloc(100), malloc(200), malloc(300), malloc(400)};
  if (keeps_last()) {
    EXPECT_THAT(places, ElementsAre(at(0, 1, 48), at(0, 2, 48), at(0, 0, 48), at(0, 3, 48)));
  } else {
    EXPECT_THAT(places, ElementsAre(at(1, 0, 48), at(1, 1, 48), at(1, 2, 48), at(1, 3, 48)));
  }
}

TEST_P(Vectors, V13AnArenaBoundaryThrashesUnlessTheLastEmptyArenaIsKept) {
  (void)heap.malloc_many(per_arena(), 512);
  ASSERT_EQ(heap.arenas.requested(), 1u);
  for (int i = 0; i < 100; ++i) heap.free(heap.malloc(512));
  EXPECT_EQ(heap.arenas.requested(), keeps_last() ? 2u : 101u);
  EXPECT_EQ(heap.arenas.released(), keeps_last() ? 0u : 100u);
}

TEST_P(Vectors, V14TheArenaThatGotAPoolBackLastServesFirst) {
  const std::vector<void*> b = heap.malloc_many(3 * per_arena(), 512);
  empty_pool(b, 0, 5);
  empty_pool(b, 1, 6);
  empty_pool(b, 2, 7);
  const Places places = {malloc(16), malloc(32), malloc(48)};
  EXPECT_THAT(places, ElementsAre(at(2, 7, 48), at(1, 6, 48), at(0, 5, 48)));
}

TEST_P(Vectors, V15FullerArenasServeBeforeEmptierOnes) {
  const std::vector<void*> b = heap.malloc_many(3 * per_arena(), 512);
  empty_pool(b, 0, 5);
  empty_pool(b, 1, 6);
  empty_pool(b, 2, 7);
  empty_pool(b, 1, 8);
  empty_pool(b, 2, 9);
  const Places places = {malloc(16), malloc(32), malloc(48), malloc(64), malloc(80)};
  EXPECT_THAT(places,
              ElementsAre(at(0, 5, 48), at(2, 9, 48), at(2, 7, 48), at(1, 8, 48), at(1, 6, 48)));
}

TEST_P(Vectors, V16TheEarlierOfTwoEmptyArenasSurvives) {
  const std::vector<void*> b = heap.malloc_many(3 * per_arena(), 512);
  heap.arenas.log.clear();
  for (std::size_t arena : {1, 2, 0}) heap.free_range(b, arena * per_arena(), per_arena());
  if (keeps_last()) {
    EXPECT_THAT(heap.arenas.log, ElementsAre("-2", "-0"));
    EXPECT_EQ(malloc(16), at(1, geometry.pools_per_arena() - 1, 48));
  } else {
    EXPECT_THAT(heap.arenas.log, ElementsAre("-1", "-2", "-0"));
    EXPECT_EQ(malloc(16), "A3+48");
  }
}

TEST_P(Vectors, V17ARefusedArenaSendsTheRequestToRawAndTheNextTriesAgain) {
  heap.arenas.fail_next(1);
  void* first = heap.malloc(16);
  void* second = heap.malloc(16);
  EXPECT_EQ(heap.where(first), "R");
  EXPECT_EQ(heap.where(second), "A0+48");
  heap.free(first);
  EXPECT_EQ(heap.where(heap.realloc(second, 8)), "A0+64");
}

}  // namespace
}  // namespace pymemlab
