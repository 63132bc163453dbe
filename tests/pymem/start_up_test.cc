// Who decides the configuration when several do.
#include "core/pymem/start_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

struct Case {
  StartUp start;
  std::string_view from_37;
  std::string_view in_36;
};

TEST(StartUp, TheEmbeddersChoiceComesBeforeTheEnvironmentAndThatBeforeDevMode) {
  const std::vector<Case> cases = {
      {{}, "pymalloc", "pymalloc"},
      {{.pythonmalloc = ""}, "pymalloc", "pymalloc"},
      {{.pythonmalloc = "malloc"}, "malloc", "malloc"},
      {{.dev_mode = true}, "pymalloc_debug", "pymalloc"},
      {{.pythonmalloc = "", .dev_mode = true}, "pymalloc_debug", "pymalloc"},
      {{.pythonmalloc = "malloc", .dev_mode = true}, "malloc", "malloc"},
      {{.pythonmalloc = "malloc", .ignore_environment = true}, "pymalloc", "pymalloc"},
      {{.pythonmalloc = "malloc", .isolated = true}, "pymalloc", "malloc"},
      {{.pythonmalloc = "malloc", .dev_mode = true, .ignore_environment = true},
       "pymalloc_debug",
       "pymalloc"},
      {{.pythonmalloc = "malloc", .dev_mode = true, .isolated = true}, "pymalloc_debug", "malloc"},
      {{.preconfig = AllocatorName::malloc_debug, .pythonmalloc = "malloc", .dev_mode = true},
       "malloc_debug",
       "malloc_debug"},
      {{.pythonmalloc = "nonsense", .ignore_environment = true}, "pymalloc", "pymalloc"},
  };
  for (const Profile& profile : profiles()) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(configuration_at_start(cases[i].start, profile).name,
                profile.name == "3.6" ? cases[i].in_36 : cases[i].from_37)
          << profile.name << " case " << i;
    }
  }
}

TEST(StartUp, DefaultOverridesDevMode) {
  for (const Profile& profile : profiles()) {
    if (!profile.knows_default) continue;
    EXPECT_EQ(configuration_at_start({.pythonmalloc = "default", .dev_mode = true}, profile).name,
              "pymalloc");
  }
}

TEST(StartUp, AnUnknownNameIsRefusedUnlessNobodyAsks) {
  const Profile& profile = profile_named("3.11");
  EXPECT_THROW((void)configuration_at_start({.pythonmalloc = "foo"}, profile), InputError);
  EXPECT_THROW((void)configuration_at_start({.pythonmalloc = "foo", .dev_mode = true}, profile),
               InputError);
}

TEST(StartUp, TheNumbersOfAllocatorNamesAreCPythons) {
  const std::vector<std::string_view> names = {
      "",         "default",        "debug",    "malloc",        "malloc_debug",
      "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug"};
  for (std::size_t number = 0; number < names.size(); ++number) {
    EXPECT_EQ(name(static_cast<AllocatorName>(number)), names[number]);
  }
  EXPECT_EQ(static_cast<int>(AllocatorName::mimalloc_debug), 8);
  EXPECT_EQ(
      configuration_at_start({.preconfig = AllocatorName::standard}, profile_named("3.8")).name,
      "pymalloc");
}

TEST(StartUp, ABuildOfItsOwnDecidesTheDefault) {
  const Profile& profile = profile_named("3.12");
  EXPECT_EQ(configuration_at_start({}, profile, {.debug = true, .pymalloc = true}).name,
            "pymalloc_debug");
  EXPECT_EQ(
      configuration_at_start({.dev_mode = true}, profile, {.debug = false, .pymalloc = false}).name,
      "malloc_debug");
}

}  // namespace
}  // namespace pymemlab
