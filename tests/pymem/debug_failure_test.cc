// What the debug hooks find, in which order, and CPython's text for it, with addresses masked.
#include "core/pymem/debug_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/masking.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

// A debug configuration whose failures are caught.
struct Guarded {
  explicit Guarded(const Profile& profile, std::string_view configuration = "pymalloc_debug")
      : memory([&] {
          MemoryOptions options = options_for(profile, configuration);
          options.debug_reporter = caught.reporter();
          return options;
        }()) {}
  explicit Guarded(std::string_view profile) : Guarded(profile_named(profile)) {}

  std::uint8_t* malloc(Domain domain, std::size_t size) {
    return bytes_of(memory.malloc(domain, size));
  }
  // The one failure's text, once `action` has run.
  std::string text_of(const std::function<void()>& action) {
    action();
    EXPECT_EQ(caught.all.size(), 1u);
    return caught.all.empty() ? "" : masked_addresses(caught.all.back().text);
  }
  [[nodiscard]] DebugFault fault() const {
    EXPECT_EQ(caught.all.size(), 1u);
    return caught.all.back().failure.fault;
  }

  CaughtFailures caught;
  Memory memory;
};

// Where blocks are numbered this is the second: the arena slots, asked from raw, come first.
std::string overrun_of_16(std::string_view profile) {
  Guarded guarded(profile);
  std::uint8_t* block = guarded.malloc(Domain::mem, 16);
  return guarded.text_of([&] {
    block[16] = 'x';
    guarded.memory.free(Domain::mem, block);
  });
}

TEST(DebugFailure, AnOverrunIsReportedInTheWordsOf36) {
  EXPECT_EQ(overrun_of_16("3.6"), R"(Debug memory block at address p=ADDRESS: API 'm'
    16 bytes originally requested
    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected.
    The 8 pad bytes at tail=ADDRESS are not all FORBIDDENBYTE (0xfb):
        at tail+0: 0x78 *** OUCH
        at tail+1: 0xfb
        at tail+2: 0xfb
        at tail+3: 0xfb
        at tail+4: 0xfb
        at tail+5: 0xfb
        at tail+6: 0xfb
        at tail+7: 0xfb
    The block was made by call #2 to debug malloc/realloc.
    Data at p: cb cb cb cb cb cb cb cb cb cb cb cb cb cb cb cb

Enable tracemalloc to get the memory block allocation traceback

Fatal Python error: bad trailing pad byte

Current thread ADDRESS (most recent call first):
)");
}

TEST(DebugFailure, AnOverrunIsReportedInTheWordsOf37) {
  const std::string text = overrun_of_16("3.7");
  EXPECT_THAT(text, testing::HasSubstr("not all FORBIDDENBYTE (0xfd):\n"));
  EXPECT_THAT(text,
              testing::HasSubstr("    The block was made by call #2 to debug malloc/realloc.\n"));
  EXPECT_THAT(text,
              testing::EndsWith("\nFatal Python error: bad trailing pad byte\n\nCurrent thread "
                                "ADDRESS (most recent call first):\n"));
}

TEST(DebugFailure, AnOverrunIsReportedInTheWordsOf38) {
  EXPECT_THAT(overrun_of_16("3.8"),
              testing::EndsWith("    Data at p: cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd\n"
                                "\n"
                                "Enable tracemalloc to get the memory block allocation traceback\n"
                                "\n"
                                "Fatal Python error: bad trailing pad byte\n"
                                "Python runtime state: initialized\n"
                                "\n"
                                "Current thread ADDRESS (most recent call first):\n"));
}

TEST(DebugFailure, AnOverrunIsReportedInTheWordsOf39AndLater) {
  for (const auto* profile :
       {"3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15", "3.15-hugepages"}) {
    EXPECT_EQ(overrun_of_16(profile), R"(Debug memory block at address p=ADDRESS: API 'm'
    16 bytes originally requested
    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected.
    The 8 pad bytes at tail=ADDRESS are not all FORBIDDENBYTE (0xfd):
        at tail+0: 0x78 *** OUCH
        at tail+1: 0xfd
        at tail+2: 0xfd
        at tail+3: 0xfd
        at tail+4: 0xfd
        at tail+5: 0xfd
        at tail+6: 0xfd
        at tail+7: 0xfd
    Data at p: cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd

Enable tracemalloc to get the memory block allocation traceback

Fatal Python error: _PyMem_DebugRawFree: bad trailing pad byte
Python runtime state: initialized

Current thread ADDRESS (most recent call first):
)") << profile;
  }
}

TEST(DebugFailure, AnUnderrunSaysThatTheSizeMayBeBogus) {
  Guarded guarded("3.8");
  std::uint8_t* block = guarded.malloc(Domain::mem, 20);
  fill(block, 0x41, 20);
  block[-1] = 'z';
  EXPECT_EQ(guarded.text_of([&] { guarded.memory.free(Domain::mem, block); }),
            R"(Debug memory block at address p=ADDRESS: API 'm'
    20 bytes originally requested
    The 7 pad bytes at p-7 are not all FORBIDDENBYTE (0xfd):
        at p-7: 0xfd
        at p-6: 0xfd
        at p-5: 0xfd
        at p-4: 0xfd
        at p-3: 0xfd
        at p-2: 0xfd
        at p-1: 0x7a *** OUCH
    Because memory is corrupted at the start, the count of bytes requested
       may be bogus, and checking the trailing pad bytes may segfault.
    The 8 pad bytes at tail=ADDRESS are FORBIDDENBYTE, as expected.
    Data at p: 41 41 41 41 41 41 41 41 ... 41 41 41 41 41 41 41 41

Enable tracemalloc to get the memory block allocation traceback

Fatal Python error: bad leading pad byte
Python runtime state: initialized

Current thread ADDRESS (most recent call first):
)");
}

TEST(DebugFailure, AMixUpOfDomainsNamesBoth) {
  Guarded guarded("3.13");
  std::uint8_t* block = guarded.malloc(Domain::mem, 16);
  EXPECT_EQ(guarded.text_of([&] { guarded.memory.free(Domain::raw, block); }),
            R"(Debug memory block at address p=ADDRESS: API 'm'
    16 bytes originally requested
    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected.
    The 8 pad bytes at tail=ADDRESS are FORBIDDENBYTE, as expected.
    Data at p: cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd

Enable tracemalloc to get the memory block allocation traceback

Fatal Python error: _PyMem_DebugRawFree: bad ID: Allocated using API 'm', verified using API 'r'
Python runtime state: initialized

Current thread ADDRESS (most recent call first):
)");
}

TEST(DebugFailure, ReallocNamesItself) {
  Guarded guarded("3.11");
  std::uint8_t* block = guarded.malloc(Domain::obj, 16);
  EXPECT_THAT(
      guarded.text_of([&] { EXPECT_EQ(guarded.memory.realloc(Domain::mem, block, 20), nullptr); }),
      testing::HasSubstr("Fatal Python error: _PyMem_DebugRawRealloc: bad ID: Allocated using "
                         "API 'o', verified using API 'm'\n"));
}

TEST(DebugFailure, DataIsCutInTheMiddleFrom17BytesOn) {
  const std::vector<std::pair<std::size_t, std::string>> cases = {
      {0, ""},
      {1, "    Data at p: 00\n"},
      {8, "    Data at p: 00 01 02 03 04 05 06 07\n"},
      {9, "    Data at p: 00 01 02 03 04 05 06 07 08\n"},
      {16, "    Data at p: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"},
      {17, "    Data at p: 00 01 02 03 04 05 06 07 ... 09 0a 0b 0c 0d 0e 0f 10\n"},
      {300, "    Data at p: 00 01 02 03 04 05 06 07 ... 24 25 26 27 28 29 2a 2b\n"},
  };
  for (const auto& [size, data] : cases) {
    Guarded guarded("3.10");
    std::uint8_t* block = guarded.malloc(Domain::mem, size);
    for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<std::uint8_t>(i);
    const std::string text = guarded.text_of([&] { guarded.memory.free(Domain::raw, block); });
    EXPECT_THAT(text, testing::HasSubstr("as expected.\n" + data + "\nEnable tracemalloc")) << size;
  }
}

TEST(DebugFailure, EveryGuardByteIsLookedAt) {
  for (const auto* profile : {"3.6", "3.7.3", "3.7", "3.8", "3.12"}) {
    for (const auto& [from, to, fault] : {std::tuple(-8, -8, DebugFault::wrong_tag),
                                          {-7, -1, DebugFault::leading_guard},
                                          {40, 47, DebugFault::trailing_guard}}) {
      for (int at = from; at <= to; ++at) {
        Guarded guarded(profile);
        std::uint8_t* block = guarded.malloc(Domain::mem, 40);
        block[at] ^= 0x10;
        guarded.memory.free(Domain::mem, block);
        EXPECT_EQ(guarded.fault(), fault) << profile << " at " << at;
      }
    }
  }
}

TEST(DebugFailure, TheSerialNumberIsNeverChecked) {
  for (const auto* profile : {"3.6", "3.7"}) {
    Guarded guarded(profile);
    std::uint8_t* block = guarded.malloc(Domain::mem, 40);
    fill(block + 48, 0, 8);
    guarded.memory.free(Domain::mem, block);
    EXPECT_TRUE(guarded.caught.all.empty());
  }
}

TEST(DebugFailure, TheTagIsLookedAtFirstAndTheTailLast) {
  Guarded tag_first("3.11");
  std::uint8_t* block = tag_first.malloc(Domain::mem, 8);
  block[-8] = 'x', block[-7] = 0, block[8] = 0;
  tag_first.memory.free(Domain::mem, block);
  EXPECT_EQ(tag_first.fault(), DebugFault::wrong_tag);

  Guarded head_second("3.11");
  block = head_second.malloc(Domain::mem, 8);
  block[-7] = 0, block[8] = 0;
  head_second.memory.free(Domain::mem, block);
  EXPECT_EQ(head_second.fault(), DebugFault::leading_guard);
}

TEST(DebugFailure, ADoubleFreeIsSeenByItsDeadTag) {
  Guarded guarded("3.11");
  std::uint8_t* block = guarded.malloc(Domain::obj, 24);
  guarded.memory.free(Domain::obj, block);
  ASSERT_EQ(block[-8], 0xDD);
  // The size field now holds pymalloc's free link: a plausible size keeps the dump within the pool.
  fill(block - 16, 0, 8);
  EXPECT_THAT(guarded.text_of([&] { guarded.memory.free(Domain::obj, block); }),
              testing::HasSubstr("bad ID: Allocated using API '\xDD', verified using API 'o'"));
}

TEST(DebugFailure, AReporterThatReturnsLeavesTheBlockAlone) {
  for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj}) {
    Guarded guarded("3.11");
    std::uint8_t* block = guarded.malloc(domain, 16);
    fill(block, 0x42, 16);
    block[16] = 0;
    guarded.memory.free(domain, block);
    EXPECT_EQ(guarded.memory.realloc(domain, block, 100), nullptr);
    EXPECT_EQ(guarded.caught.all.size(), 2u);
    EXPECT_EQ(runs(block, 16), "42*16");
    block[16] = 0xFD;
    guarded.memory.free(domain, block);
    EXPECT_EQ(guarded.caught.all.size(), 2u);
  }
}

TEST(DebugFailure, WithoutTheGilMemAndObjFailInEveryOperation) {
  const auto not_held = GilCheck{.is_held = [](void*) { return false; }};
  CaughtFailures caught;
  MemoryOptions options = options_for(profile_named("3.12"), "malloc_debug");
  options.debug_reporter = caught.reporter();
  options.gil = not_held;
  Memory memory(options);
  for (const Domain domain : {Domain::mem, Domain::obj}) {
    caught.all.clear();
    EXPECT_EQ(memory.malloc(domain, 1), nullptr);
    EXPECT_EQ(memory.calloc(domain, 1, 1), nullptr);
    EXPECT_EQ(memory.realloc(domain, nullptr, 1), nullptr);
    memory.free(domain, nullptr);
    ASSERT_EQ(caught.all.size(), 4u);
    const std::vector<std::string> functions = {"_PyMem_DebugMalloc", "_PyMem_DebugCalloc",
                                                "_PyMem_DebugRealloc", "_PyMem_DebugFree"};
    for (std::size_t i = 0; i < functions.size(); ++i) {
      EXPECT_THAT(
          caught.all[i].text,
          testing::StartsWith("Fatal Python error: " + functions[i] +
                              ": Python memory allocator called without holding the GIL\n"));
    }
  }
  memory.free(Domain::raw, memory.malloc(Domain::raw, 1));
  EXPECT_EQ(caught.all.size(), 4u) << "raw needs no GIL";
}

TEST(DebugFailure, WithoutTheGil36NamesNoFunction) {
  CaughtFailures caught;
  MemoryOptions options = options_for(profile_named("3.6"), "malloc_debug");
  options.debug_reporter = caught.reporter();
  options.gil = {.is_held = [](void*) { return false; }};
  Memory memory(options);
  EXPECT_EQ(memory.malloc(Domain::mem, 1), nullptr);
  EXPECT_THAT(
      caught.all.back().text,
      testing::StartsWith("Fatal Python error: Python memory allocator called without holding "
                          "the GIL\n\nCurrent thread 0x"));
}

TEST(DebugFailureDeathTest, WithoutAReporterTheProcessDiesWithBothTextsOnStderr) {
  const auto overrun = [] {
    Memory memory(options_for(profile_named("3.11"), "pymalloc_debug"));
    auto* block = bytes_of(memory.malloc(Domain::mem, 16));
    block[16] = 'x';
    memory.free(Domain::mem, block);
  };
  EXPECT_EXIT(overrun(), testing::KilledBySignal(SIGABRT),
              "Debug memory block at address p=0x[0-9a-f]*: API 'm'\n"
              "    16 bytes originally requested\n(.*\n)*"
              "Fatal Python error: _PyMem_DebugRawFree: bad trailing pad byte\n");
}

}  // namespace
}  // namespace pymemlab
