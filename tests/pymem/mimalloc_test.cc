// The mimalloc configurations, over the mimalloc that tools/setup installs.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/input_error.h"
#include "core/pymem/mimalloc_engine.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

const std::vector<std::string_view> kKnowing = {"3.13", "3.14", "3.15", "3.15-hugepages"};

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Mimalloc, IsNamedWithItsVersionAndNeverTakesOverMalloc) {
  const MimallocEngine& engine = MimallocEngine::of_this_machine();
  EXPECT_THAT(engine.version(), testing::MatchesRegex("2\\.[0-9]\\.[0-9]"));
  EXPECT_THAT(engine.path(), testing::HasSubstr("libmimalloc.so.2"));
  Dl_info info{};
  ASSERT_NE(::dladdr(::dlsym(RTLD_DEFAULT, "malloc"), &info), 0);
  EXPECT_THAT(info.dli_fname, testing::Not(testing::HasSubstr("mimalloc")));
}

TEST(Mimalloc, AMissingLibraryIsOneSentenceThatNamesThePackage) {
  EXPECT_EQ(refusal([] { MimallocEngine("libnothing.so.9"); }),
            "there is no mimalloc on this machine: libnothing.so.9 was wanted, which is in the "
            "package libmimalloc2.0 (apt-get install libmimalloc2.0)");
  EXPECT_EQ(refusal([] { MimallocEngine("libm.so.6"); }),
            "libm.so.6 has no mi_malloc: it is no mimalloc 2");
}

TEST(Mimalloc, ServesMemAndObjAndFrom315RawToo) {
  for (const auto profile : kKnowing) {
    for (const bool debug : {false, true}) {
      Memory memory(options_for(profile_named(profile), debug ? "mimalloc_debug" : "mimalloc"));
      const AllocatorRecord engine = MimallocEngine::of_this_machine().record();
      const AllocatorRecord raw = profile.starts_with("3.15") ? engine : libc_raw_allocator();
      EXPECT_EQ(memory.heap(), nullptr);
      ASSERT_NE(memory.current_configuration(), nullptr) << profile;
      EXPECT_EQ(memory.current_configuration()->name, debug ? "mimalloc_debug" : "mimalloc");
      if (debug) continue;
      EXPECT_EQ(memory.get_allocator(Domain::raw), raw) << profile;
      EXPECT_EQ(memory.get_allocator(Domain::mem), engine) << profile;
      EXPECT_EQ(memory.get_allocator(Domain::obj), engine) << profile;
    }
  }
}

TEST(Mimalloc, IsRefusedByOlderProfilesInTheirOwnWords) {
  for (const Profile& profile : profiles()) {
    for (const auto* value : {"mimalloc", "mimalloc_debug"}) {
      const bool known =
          std::find(kKnowing.begin(), kKnowing.end(), profile.name) != kKnowing.end();
      const std::string text = refusal([&] { (void)configuration_for(value, profile); });
      const std::string words = unknown_allocator_text(profile, value);
      EXPECT_THAT(text, testing::HasSubstr(known ? "nothing was thrown"
                                                 : words.substr(0, words.find('\n'))));
    }
  }
}

TEST(Mimalloc, KeepsTheRulesOfTheApi) {
  for (const auto* configuration : {"mimalloc", "mimalloc_debug"}) {
    Memory memory(options_for(profile_named("3.15"), configuration));
    for (const Domain domain : kPython) {
      void* first = memory.malloc(domain, 0);
      void* second = memory.calloc(domain, 0, 0);
      EXPECT_NE(first, nullptr);
      EXPECT_NE(second, nullptr);
      EXPECT_NE(first, second);
      first = memory.realloc(domain, first, 0);
      EXPECT_NE(first, nullptr);
      EXPECT_EQ(memory.malloc(domain, kLargestSize + 1), nullptr);
      auto* bytes = bytes_of(memory.malloc(domain, 300));
      fill(bytes, 0x5A, 300);
      bytes = bytes_of(memory.realloc(domain, bytes, 3000));
      EXPECT_EQ(runs(bytes, 300), "5a*300");
      for (void* block : {first, second, static_cast<void*>(bytes)}) memory.free(domain, block);
    }
  }
}

TEST(Mimalloc, WrapsLargeObjectsOnceAndItsHooksGuardThem) {
  CaughtFailures caught;
  MemoryOptions options = options_for(profile_named("3.13"), "mimalloc_debug");
  options.debug_reporter = caught.reporter();
  Memory memory(options);
  auto* block = bytes_of(memory.malloc(Domain::obj, 600));
  EXPECT_EQ(runs(block - 16, 16), "00*6 02 58 6f fd*7");
  EXPECT_EQ(memory.cost(Domain::obj, block).hook_bytes, 24u);
  memory.free(Domain::mem, block);
  ASSERT_EQ(caught.all.size(), 1u);
  EXPECT_EQ(caught.all[0].failure.fault, DebugFault::wrong_tag);
  memory.free(Domain::obj, block);
}

TEST(Mimalloc, CostsWhatItSays) {
  Memory memory(options_for(profile_named("3.13"), "mimalloc"));
  void* block = memory.malloc(Domain::obj, 100);
  const BlockCost cost = memory.cost(Domain::obj, block);
  EXPECT_FALSE(cost.in_pool);
  EXPECT_EQ(cost.base, block);
  EXPECT_EQ(cost.hook_bytes, 0u);
  EXPECT_EQ(cost.usable_bytes, memory.mimalloc()->usable_bytes(block));
  EXPECT_EQ(cost.usable_bytes, 112u);
  memory.free(Domain::obj, block);
}

TEST(Mimalloc, CountsItsBlocksAndPrintsThemAsCPythonDoes) {
  Memory memory(options_for(profile_named("3.13"), "mimalloc"));
  const std::int64_t before = memory.allocated_blocks();
  void* block = memory.malloc(Domain::obj, 100);
  EXPECT_EQ(memory.allocated_blocks(), before + 1);
  EXPECT_EQ(memory.statistics_text(), mimalloc_statistics_text(memory.mimalloc()->heap()));
  memory.free(Domain::obj, block);
  EXPECT_EQ(memory.allocated_blocks(), before);
  EXPECT_EQ(mimalloc_statistics_text({.blocks = 12114,
                                      .block_bytes = 1456992,
                                      .reserved_bytes = 4008536,
                                      .committed_bytes = 1954112}),
            "Small block threshold = 16384, in 73 size classes.\n"
            "Medium block threshold = 131072\n"
            "Large object max size = 16777216\n"
            "    Allocated Blocks: 12114\n"
            "    Allocated Bytes: 1456992\n"
            "    Allocated Bytes w/ Overhead: 1456992\n"
            "    Bytes Reserved: 4008536\n"
            "    Bytes Committed: 1954112\n");
}

TEST(Mimalloc, ReportsAtExitAlone) {
  std::vector<std::string> reports;
  MemoryOptions options = options_for(profile_named("3.13"), "mimalloc_debug");
  options.malloc_stats = true;
  options.statistics_sink = {.write =
                                 [](void* to, std::string_view text) {
                                   static_cast<std::vector<std::string>*>(to)->emplace_back(text);
                                 },
                             .context = &reports};
  Memory memory(options);
  memory.free(Domain::obj, memory.malloc(Domain::obj, 100));
  EXPECT_TRUE(reports.empty());
  memory.report_at_exit();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_THAT(reports[0], testing::StartsWith("Small block threshold = 16384"));
}

}  // namespace
}  // namespace pymemlab
