#include "core/pymem/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/pymem/memory.h"

namespace pymemlab {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Build kRelease{.debug = false, .pymalloc = true};
constexpr Build kDebug{.debug = true, .pymalloc = true};
constexpr Build kReleaseWithout{.debug = false, .pymalloc = false};
constexpr Build kDebugWithout{.debug = true, .pymalloc = false};

std::string refusal(std::string_view value, const Profile& profile, Build build = {}) {
  try {
    return "accepted as " + std::string(configuration_for(value, profile, build).name);
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Configuration, FourAreInEveryProfileAndMimallocsFollow) {
  std::vector<std::string_view> names;
  for (const Configuration& row : all_configurations()) names.push_back(row.name);
  EXPECT_THAT(names, testing::ElementsAre("pymalloc", "pymalloc_debug", "malloc", "malloc_debug",
                                          "mimalloc", "mimalloc_debug"));
  EXPECT_EQ(configurations().data(), all_configurations().data());
  EXPECT_EQ(configurations().size(), 4u);
}

// PYTHONMALLOC's table, for every profile and build. "" is an empty value; nullopt, an unset one,
// must mean the same.
TEST(Configuration, EveryNameSelectsTheRowOfItsProfileAndBuild) {
  struct Row {
    std::string_view value;
    std::string_view release, debug, release_without, debug_without;
  };
  const std::vector<Row> rows = {
      {"", "pymalloc", "pymalloc_debug", "malloc", "malloc_debug"},
      {"default", "pymalloc", "pymalloc_debug", "malloc", "malloc_debug"},
      {"debug", "pymalloc_debug", "pymalloc_debug", "malloc_debug", "malloc_debug"},
      {"pymalloc", "pymalloc", "pymalloc", "unknown", "unknown"},
      {"pymalloc_debug", "pymalloc_debug", "pymalloc_debug", "unknown", "unknown"},
      {"malloc", "malloc", "malloc", "malloc", "malloc"},
      {"malloc_debug", "malloc_debug", "malloc_debug", "malloc_debug", "malloc_debug"},
      {"mimalloc", "mimalloc", "mimalloc", "mimalloc", "mimalloc"},
      {"mimalloc_debug", "mimalloc_debug", "mimalloc_debug", "mimalloc_debug", "mimalloc_debug"},
      {"foo", "unknown", "unknown", "unknown", "unknown"},
      {"Malloc", "unknown", "unknown", "unknown", "unknown"},
      {"malloc ", "unknown", "unknown", "unknown", "unknown"},
  };
  for (const Profile& profile : profiles()) {
    const bool is_36 = profile.name == "3.6";
    for (const Row& row : rows) {
      const auto expect = [&](Build build, std::string_view wanted) {
        if (is_36 && row.value == "default") wanted = "unknown";
        if (is_36 && row.value == "debug") wanted = "malloc_debug";
        if (!profile.knows_mimalloc && row.value.starts_with("mimalloc")) wanted = "unknown";
        SCOPED_TRACE(fmt::format("PYTHONMALLOC={} {} {}", row.value, profile.name, name(build)));
        if (wanted == "unknown") {
          EXPECT_THAT(refusal(row.value, profile, build), HasSubstr("refuses it with"));
        } else {
          EXPECT_EQ(configuration_for(row.value, profile, build).name, wanted);
        }
      };
      expect(kRelease, row.release);
      expect(kDebug, row.debug);
      expect(kReleaseWithout, row.release_without);
      expect(kDebugWithout, row.debug_without);
    }
    for (const Build build : {kRelease, kDebug, kReleaseWithout, kDebugWithout}) {
      EXPECT_EQ(&configuration_for(std::nullopt, profile, build),
                &configuration_for("", profile, build));
    }
  }
}

TEST(Configuration, RefusalsQuoteCPythonAndListTheNames) {
  EXPECT_THAT(refusal("foo", profile_named("3.11")),
              AllOf(HasSubstr("PYTHONMALLOC=foo: CPython 3.11"),
                    HasSubstr("Fatal Python error: preconfig_init_allocator: PYTHONMALLOC: unknown "
                              "allocator\""),
                    HasSubstr("wanted one of default, debug, pymalloc, pymalloc_debug, malloc, "
                              "malloc_debug"),
                    Not(HasSubstr("\n"))));
  EXPECT_THAT(refusal("default", profile_named("3.6")),
              AllOf(HasSubstr("Error in PYTHONMALLOC: unknown allocator \"default\"!"),
                    HasSubstr("wanted one of debug, pymalloc")));
  EXPECT_THAT(refusal("foo", profile_named("3.13")),
              HasSubstr("malloc, malloc_debug, mimalloc, mimalloc_debug"));
  EXPECT_THAT(refusal("pymalloc", profile_named("3.8"), kReleaseWithout),
              HasSubstr("wanted one of default, debug, malloc, malloc_debug"));
}

TEST(Build, NamesAndBuildsCorrespond) {
  EXPECT_EQ(build_named("release"), kRelease);
  EXPECT_EQ(build_named("debug"), kDebug);
  EXPECT_EQ(build_named("release-without-pymalloc"), kReleaseWithout);
  EXPECT_EQ(build_named("debug-without-pymalloc"), kDebugWithout);
  for (const Build build : {kRelease, kDebug, kReleaseWithout, kDebugWithout}) {
    EXPECT_EQ(build_named(name(build)), build);
  }
  EXPECT_EQ(Build{}, kRelease);
  EXPECT_THROW(static_cast<void>(build_named("Release")), InputError);
}

TEST(Configuration, IsWhatAMemoryOfItReports) {
  for (const Profile& profile : profiles()) {
    for (const Configuration& configuration : configurations()) {
      Memory memory({.profile = &profile, .configuration = &configuration});
      ASSERT_NE(memory.current_configuration(), nullptr);
      EXPECT_EQ(memory.current_configuration()->name, configuration.name) << profile.name;
      EXPECT_EQ(memory.heap() != nullptr, configuration.mem_and_obj == Base::pymalloc);
    }
  }
}

TEST(Configuration, HasNoNameOnceAnyRecordIsForeign) {
  const Profile& profile = profile_named("3.11");
  for (const Configuration& configuration : configurations()) {
    for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj}) {
      Memory memory({.profile = &profile, .configuration = &configuration});
      const AllocatorRecord before = memory.get_allocator(domain);
      AllocatorRecord foreign = before;
      foreign.free = [](void*, void*) {};
      memory.set_allocator(domain, foreign);
      EXPECT_EQ(memory.current_configuration(), nullptr);
      memory.set_allocator(domain, before);
      EXPECT_NE(memory.current_configuration(), nullptr);
    }
  }
}

TEST(Configuration, BecomesTheDebugOneWhenHooksAreSetUp) {
  const Profile& profile = profile_named("3.9");
  for (const auto& [plain, debug] :
       {std::pair("pymalloc", "pymalloc_debug"), {"malloc", "malloc_debug"}}) {
    Memory memory({.profile = &profile, .configuration = &configuration_for(plain, profile)});
    memory.setup_debug_hooks();
    ASSERT_NE(memory.current_configuration(), nullptr);
    EXPECT_EQ(memory.current_configuration()->name, debug);
  }
}

}  // namespace
}  // namespace pymemlab
