// The debug hooks' bytes, for every profile, over an inner allocator that never moves a block. The
// expected bytes were read from real interpreters; runs are written as in docs/pymem.md.
#include <gtest/gtest.h>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

// What a vector shows in 3.6, 3.7.4 and later 3.7, and 3.8 and later. 3.7.0 to 3.7.3 do what 3.7
// does with 3.6's bytes.
struct Columns {
  std::string in_36, in_37, in_38;

  [[nodiscard]] std::string of(const Profile& profile) const {
    if (profile.name == "3.6") return in_36;
    if (profile.name == "3.7") return in_37;
    if (profile.name != "3.7.3") return in_38;
    std::string text = in_37;
    for (const auto& [later, first] : {std::pair("cd", "cb"), {"dd", "db"}, {"fd", "fb"}}) {
      for (std::size_t at; (at = text.find(later)) != std::string::npos;)
        text.replace(at, 2, first);
    }
    return text;
  }
};

// The raw domain of malloc_debug in one profile, over a watched allocator.
struct Raw {
  explicit Raw(const Profile& profile)
      : memory(options(profile)), added(debug_bytes_per_block(profile.serial)) {}

  MemoryOptions options(const Profile& profile) {
    MemoryOptions options = options_for(profile, "malloc_debug");
    options.libc = inner.record();
    return options;
  }
  void* malloc(std::size_t size) { return memory.malloc(Domain::raw, size); }
  void* malloc_filled(int byte, std::size_t size) {
    void* block = malloc(size);
    fill(block, byte, size);
    return block;
  }
  void* realloc(void* block, std::size_t size) { return memory.realloc(Domain::raw, block, size); }
  void free(void* block) { memory.free(Domain::raw, block); }
  [[nodiscard]] std::string whole(void* block, std::size_t size) const {
    return runs(bytes_of(block) - 16, size + added);
  }

  WatchedAllocator inner;
  Memory memory;
  std::size_t added;
};

class DebugLayout : public testing::TestWithParam<Profile> {};
INSTANTIATE_TEST_SUITE_P(EveryProfile, DebugLayout,
                         testing::ValuesIn(profiles().begin(), profiles().end()),
                         [](const auto& info) {
                           std::string name(info.param.name);
                           for (char& c : name) c = c == '.' || c == '-' ? '_' : c;
                           return "P" + name;
                         });

TEST_P(DebugLayout, AnEmptyBlockIsHeaderAndTrailerAlone) {
  Raw raw(GetParam());
  void* block = raw.malloc(0);
  EXPECT_EQ(raw.inner.calls.back(),
            (Columns{"malloc 32", "malloc 32", "malloc 24"}.of(GetParam())));
  EXPECT_EQ(
      raw.whole(block, 0),
      (Columns{"00*8 72 fb*15 00*7 01", "00*8 72 fd*15 00*7 01", "00*8 72 fd*15"}.of(GetParam())));
}

TEST_P(DebugLayout, AFreshBlockIsClean) {
  Raw raw(GetParam());
  static_cast<void>(raw.malloc(1));
  EXPECT_EQ(raw.whole(raw.malloc(5), 5),
            (Columns{"00*7 05 72 fb*7 cb*5 fb*8 00*7 02", "00*7 05 72 fd*7 cd*5 fd*8 00*7 02",
                     "00*7 05 72 fd*7 cd*5 fd*8"}
                 .of(GetParam())));
}

TEST_P(DebugLayout, TheSizeIsBigEndian) {
  Raw raw(GetParam());
  EXPECT_EQ(runs(bytes_of(raw.malloc(0x1234)) - 16, 8), "00*6 12 34");
}

TEST_P(DebugLayout, EveryDomainHasItsTag) {
  Raw raw(GetParam());
  EXPECT_EQ(bytes_of(raw.memory.malloc(Domain::raw, 1))[-8], 'r');
  EXPECT_EQ(bytes_of(raw.memory.malloc(Domain::mem, 1))[-8], 'm');
  EXPECT_EQ(bytes_of(raw.memory.malloc(Domain::obj, 1))[-8], 'o');
}

TEST_P(DebugLayout, CallocAsksForOneZeroedBlockAndLeavesItsZeros) {
  Raw raw(GetParam());
  void* block = raw.memory.calloc(Domain::raw, 3, 4);
  EXPECT_EQ(raw.inner.calls.back(),
            (Columns{"calloc 1 44", "calloc 1 44", "calloc 1 36"}.of(GetParam())));
  EXPECT_EQ(raw.whole(block, 12),
            (Columns{"00*7 0c 72 fb*7 00*12 fb*8 00*7 01", "00*7 0c 72 fd*7 00*12 fd*8 00*7 01",
                     "00*7 0c 72 fd*7 00*12 fd*8"}
                 .of(GetParam())));
}

TEST_P(DebugLayout, FreePaintsTheWholeBlockDead) {
  Raw raw(GetParam());
  raw.free(raw.malloc(12));
  EXPECT_EQ(raw.inner.calls.back(), "free");
  EXPECT_EQ(runs(raw.inner.seen), (Columns{"db*44", "dd*44", "dd*36"}.of(GetParam())));
}

TEST_P(DebugLayout, FreeOfNullReachesNobody) {
  Raw raw(GetParam());
  raw.free(nullptr);
  EXPECT_TRUE(raw.inner.calls.empty());
}

TEST_P(DebugLayout, AGrowingShortBlockIsErasedWhileItMayMove) {
  Raw raw(GetParam());
  void* block = raw.realloc(raw.malloc_filled(0x77, 5), 9);
  EXPECT_EQ(runs(raw.inner.seen),
            (Columns{"00*7 05 72 fb*7 77*5 fb*8 00*7 01", "dd*37", "dd*29"}.of(GetParam())));
  EXPECT_EQ(raw.inner.calls.back(),
            (Columns{"realloc 41", "realloc 41", "realloc 33"}.of(GetParam())));
  EXPECT_EQ(raw.whole(block, 9),
            (Columns{"00*7 09 72 fb*7 77*5 cb*4 fb*8 00*7 02",
                     "00*7 09 72 fd*7 77*5 cd*4 fd*8 00*7 02", "00*7 09 72 fd*7 77*5 cd*4 fd*8"}
                 .of(GetParam())));
}

TEST_P(DebugLayout, ABlockOf128BytesIsErasedWhole) {
  Raw raw(GetParam());
  void* block = raw.realloc(raw.malloc_filled(0x77, 128), 130);
  EXPECT_EQ(runs(raw.inner.seen),
            (Columns{"00*7 80 72 fb*7 77*128 fb*8 00*7 01", "dd*160", "dd*152"}.of(GetParam())));
  EXPECT_EQ(runs(block, 130),
            (Columns{"77*128 cb*2", "77*128 cd*2", "77*128 cd*2"}.of(GetParam())));
}

TEST_P(DebugLayout, OfALongBlockOnlyTheEndsAreErased) {
  Raw raw(GetParam());
  void* block = raw.realloc(raw.malloc_filled(0x77, 300), 400);
  EXPECT_EQ(runs(raw.inner.seen), (Columns{"00*6 01 2c 72 fb*7 77*300 fb*8 00*7 01",
                                           "dd*80 77*172 dd*80", "dd*80 77*172 dd*72"}
                                       .of(GetParam())));
  EXPECT_EQ(raw.whole(block, 400), (Columns{"00*6 01 90 72 fb*7 77*300 cb*100 fb*8 00*7 02",
                                            "00*6 01 90 72 fd*7 77*300 cd*100 fd*8 00*7 02",
                                            "00*6 01 90 72 fd*7 77*300 cd*100 fd*8"}
                                        .of(GetParam())));
}

TEST_P(DebugLayout, ALongBlockShrunkInPlaceLeavesStaleBytesBehindIt) {
  Raw raw(GetParam());
  void* block = raw.realloc(raw.malloc_filled(0x33, 300), 100);
  EXPECT_EQ(runs(block, 300 + raw.added - 16),
            (Columns{"33*100 fb*8 00*7 02 33*184 fb*8 00*7 01", "33*100 fd*8 00*7 02 33*120 dd*80",
                     "33*100 fd*8 33*128 dd*72"}
                 .of(GetParam())));
}

TEST_P(DebugLayout, AFailedReallocLeavesTheBlockAsItWas) {
  for (const std::size_t size : {0u, 5u, 63u, 64u, 65u, 127u, 128u, 129u, 300u}) {
    Raw raw(GetParam());
    void* block = raw.malloc_filled(0x44, size);
    const std::string before = raw.whole(block, size);
    raw.inner.failing = true;
    EXPECT_EQ(raw.realloc(block, 5000), nullptr);
    EXPECT_EQ(raw.whole(block, size), before) << size;
  }
}

// Every pair of sizes around the 64 and 128 byte edges, with bytes that all differ.
TEST_P(DebugLayout, ReallocKeepsEveryByteBothSizesHave) {
  const std::vector<std::size_t> sizes = {0,   1,   8,   63,  64,  65,  100, 127, 128,
                                          129, 130, 190, 191, 192, 193, 256, 300};
  for (const std::size_t from : sizes) {
    for (const std::size_t to : sizes) {
      Raw raw(GetParam());
      auto* block = bytes_of(raw.malloc(from));
      std::vector<std::uint8_t> wanted(to, GetParam().bytes.clean);
      for (std::size_t i = 0; i < from; ++i) {
        block[i] = static_cast<std::uint8_t>(i + 1);
        if (i < to) wanted[i] = block[i];
      }
      block = bytes_of(raw.realloc(block, to));
      EXPECT_EQ(runs(block, to), runs(wanted)) << from << " to " << to;
      raw.free(block);  // the guards are checked
    }
  }
}

TEST_P(DebugLayout, ReallocOfNullAllocates) {
  Raw raw(GetParam());
  void* block = raw.realloc(nullptr, 5);
  EXPECT_EQ(raw.inner.calls.back(),
            (Columns{"malloc 37", "malloc 37", "malloc 29"}.of(GetParam())));
  EXPECT_EQ(runs(block, 5), (Columns{"cb*5", "cd*5", "cd*5"}.of(GetParam())));
}

TEST_P(DebugLayout, ASizeThatLeavesNoRoomForTheGuardsIsRefusedBeforeTheInnerAllocator) {
  Raw raw(GetParam());
  EXPECT_EQ(raw.malloc(kLargestSize - 23), nullptr);
  EXPECT_EQ(raw.memory.calloc(Domain::raw, 1, kLargestSize - 23), nullptr);
  EXPECT_TRUE(raw.inner.calls.empty());
  EXPECT_EQ(raw.malloc(kLargestSize - raw.added), nullptr);
  EXPECT_EQ(raw.inner.calls.size(), 1u) << "the largest that fits goes through";

  void* block = raw.malloc_filled(0x55, 20);
  const std::string before = raw.whole(block, 20);
  raw.inner.calls.clear();
  EXPECT_EQ(raw.realloc(block, kLargestSize - 23), nullptr);
  EXPECT_TRUE(raw.inner.calls.empty());
  EXPECT_EQ(raw.whole(block, 20), before);
}

TEST_P(DebugLayout, LargeObjectsAreWrappedTwiceWithPymalloc) {
  WatchedAllocator inner;
  MemoryOptions options = options_for(GetParam(), "pymalloc_debug");
  options.libc = inner.record();
  Memory memory(options);
  auto* block = bytes_of(memory.malloc(Domain::obj, 600));
  EXPECT_EQ(runs(block - 32, 32), (Columns{"00*6 02 78 72 fb*7 00*6 02 58 6f fb*7",
                                           "00*6 02 78 72 fd*7 00*6 02 58 6f fd*7",
                                           "00*6 02 70 72 fd*7 00*6 02 58 6f fd*7"}
                                       .of(GetParam())));
  // 3.6 stamps the number of the innermost request on both layers, 3.7 numbers each block.
  EXPECT_EQ(
      runs(block + 600, 2 * (debug_bytes_per_block(GetParam().serial) - 16)),
      (Columns{"fb*8 00*7 02 fb*8 00*7 02", "fd*8 00*7 02 fd*8 00*7 01", "fd*16"}.of(GetParam())));
  memory.free(Domain::obj, block);
  EXPECT_EQ(inner.calls.back(), "free");
}

TEST_P(DebugLayout, WithMallocLargeObjectsAreWrappedOnce) {
  Raw raw(GetParam());
  static_cast<void>(raw.memory.malloc(Domain::obj, 600));
  EXPECT_EQ(raw.inner.calls.back(), fmt::format("malloc {}", 600 + raw.added));
}

TEST_P(DebugLayout, TheLargestRequestInAPoolLeavesRoomForTheGuards) {
  Memory memory(options_for(GetParam(), "pymalloc_debug"));
  const std::size_t largest = 512 - debug_bytes_per_block(GetParam().serial);
  EXPECT_EQ(largest, GetParam().serial == Serial::none ? 488u : 480u);
  for (const auto& [size, in_pool] :
       {std::pair<std::size_t, bool>{0, true}, {1, true}, {largest, true}, {largest + 1, false}}) {
    void* block = memory.malloc(Domain::mem, size);
    EXPECT_EQ(memory.heap()->owns(block), in_pool) << size;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % GetParam().geometry.alignment, 0u);
    memory.free(Domain::mem, block);
  }
}

TEST(DebugSerial, IsTakenBeforeTheRequestIn36) {
  Raw raw(profile_named("3.6"));
  EXPECT_EQ(raw.malloc(kLargestSize), nullptr);  // 1: refused for its size, numbered all the same
  raw.inner.failing = true;
  EXPECT_EQ(raw.malloc(1), nullptr);  // 2: failed
  raw.inner.failing = false;
  void* block = raw.malloc(1);  // 3
  EXPECT_EQ(runs(bytes_of(block) + 9, 8), "00*7 03");
  EXPECT_EQ(raw.realloc(block, kLargestSize), nullptr);  // 4
  EXPECT_EQ(raw.memory.debug_serial(), 4u);
}

TEST(DebugSerial, IsTakenAfterSuccessIn37) {
  for (const auto* name : {"3.7.3", "3.7"}) {
    Raw raw(profile_named(name));
    EXPECT_EQ(raw.malloc(kLargestSize), nullptr);
    raw.inner.failing = true;
    EXPECT_EQ(raw.malloc(1), nullptr);
    EXPECT_EQ(raw.memory.calloc(Domain::raw, 1, 1), nullptr);
    EXPECT_EQ(raw.memory.debug_serial(), 0u);
    raw.inner.failing = false;
    EXPECT_EQ(runs(bytes_of(raw.malloc(1)) + 9, 8), "00*7 01");
  }
}

TEST(DebugSerial, IsOneCounterForAllDomains) {
  Raw raw(profile_named("3.7"));
  static_cast<void>(raw.memory.malloc(Domain::raw, 1));
  static_cast<void>(raw.memory.calloc(Domain::mem, 1, 1));
  EXPECT_EQ(runs(bytes_of(raw.memory.malloc(Domain::obj, 0)) + 8, 8), "00*7 03");
}

TEST(DebugSerial, CanBeBuiltIntoLaterVersions) {
  const Profile numbered = with_serial_numbers(profile_named("3.12"));
  Raw raw(numbered);
  EXPECT_EQ(raw.whole(raw.malloc(1), 1), "00*7 01 72 fd*7 cd fd*8 00*7 01");
}

TEST(DebugSerial, DoesNotExistFrom38) {
  Raw raw(profile_named("3.8"));
  static_cast<void>(raw.malloc(1));
  EXPECT_EQ(raw.memory.debug_serial(), 0u);
}

}  // namespace
}  // namespace pymemlab
