#include "core/pymem/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

using testing::HasSubstr;

std::string message_of(auto action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Profile, AreNamedOldestFirst) {
  std::vector<std::string_view> names;
  for (const Profile& profile : profiles()) names.push_back(profile.name);
  EXPECT_THAT(names, testing::ElementsAre("3.6", "3.7.3", "3.7", "3.8", "3.9", "3.10", "3.11",
                                          "3.12", "3.13", "3.14", "3.15", "3.15-hugepages"));
}

TEST(Profile, HaveTheGeometryOfTheirRelease) {
  const auto geometry = [](std::string_view name) { return profile_named(name).geometry; };
  EXPECT_EQ(geometry("3.6"), kGeometry36);
  EXPECT_EQ(geometry("3.7.3"), kGeometry36);
  EXPECT_EQ(geometry("3.7"), kGeometry37);
  EXPECT_EQ(geometry("3.8"), kGeometry37);
  EXPECT_EQ(geometry("3.9"), kGeometry39);
  EXPECT_EQ(geometry("3.10"), kGeometry310);
  for (const auto* name : {"3.11", "3.12", "3.13", "3.14", "3.15"}) {
    EXPECT_EQ(geometry(name), kGeometry311) << name;
  }
  EXPECT_EQ(geometry("3.15-hugepages"), kGeometry315HugePages);
}

TEST(Profile, PaintWithTheBytesOfTheirRelease) {
  constexpr DebugBytes kFirst{.clean = 0xCB, .dead = 0xDB, .forbidden = 0xFB};
  constexpr DebugBytes kLater{.clean = 0xCD, .dead = 0xDD, .forbidden = 0xFD};
  for (const Profile& profile : profiles()) {
    const bool first = profile.name == "3.6" || profile.name == "3.7.3";
    EXPECT_EQ(profile.bytes, first ? kFirst : kLater) << profile.name;
  }
}

TEST(Profile, NumberDebugBlocksUpTo37) {
  for (const Profile& profile : profiles()) {
    const Serial wanted = profile.name == "3.6"             ? Serial::before_request
                          : profile.name.starts_with("3.7") ? Serial::after_success
                                                            : Serial::none;
    EXPECT_EQ(profile.serial, wanted) << profile.name;
  }
}

TEST(Profile, CanBeBuiltWithSerialNumbers) {
  EXPECT_EQ(with_serial_numbers(profile_named("3.8")).serial, Serial::after_success);
  EXPECT_EQ(with_serial_numbers(profile_named("3.6")).serial, Serial::before_request);
}

TEST(Profile, ChangeOneFactAtTheReleaseThatChangedIt) {
  const auto first_with = [](auto fact) {
    for (const Profile& profile : profiles()) {
      if (fact(profile)) return profile.name;
    }
    return std::string_view("none");
  };
  EXPECT_EQ(first_with([](const Profile& p) { return p.realloc_erases; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return !p.realloc_zero_asks_one; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return !p.debug_name_adds_to_malloc; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return p.knows_default; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return p.knows_dev_mode; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return p.isolated_ignores_environment; }), "3.7.3");
  EXPECT_EQ(first_with([](const Profile& p) { return p.freed == FreedTest::painted; }), "3.7");
  EXPECT_EQ(first_with([](const Profile& p) { return p.freed == FreedTest::painted_or_null; }),
            "3.8");
  EXPECT_EQ(first_with([](const Profile& p) { return p.tracemalloc_frames_limit == 65'535; }),
            "3.9");
  EXPECT_EQ(first_with([](const Profile& p) { return p.gil_check_asks_thread_state; }), "3.14");
  EXPECT_EQ(first_with([](const Profile& p) { return p.fatal_names_state; }), "3.8");
  EXPECT_EQ(first_with([](const Profile& p) { return p.fatal_names_function; }), "3.9");
  EXPECT_EQ(first_with([](const Profile& p) { return p.knows_mimalloc; }), "3.13");
  EXPECT_EQ(first_with([](const Profile& p) { return p.remembers_debug_hooks; }), "3.13");
  EXPECT_EQ(first_with([](const Profile& p) { return p.advises_huge_pages; }), "3.15");
  EXPECT_EQ(first_with([](const Profile& p) { return p.mimalloc_serves_raw; }), "3.15");
}

TEST(Profile, AreFoundByName) {
  for (const Profile& profile : profiles()) EXPECT_EQ(&profile_named(profile.name), &profile);
}

TEST(Profile, AnUnknownNameIsAnErrorThatListsTheNames) {
  const std::string message = message_of([] { static_cast<void>(profile_named("3.5")); });
  EXPECT_THAT(message, HasSubstr("\"3.5\""));
  EXPECT_THAT(message, HasSubstr("3.6, 3.7.3, 3.7, 3.8"));
}

TEST(Profile, AreFoundByTheVersionThatBehavesSo) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"3.6.0", "3.6"},     {"3.6.15", "3.6"},  {"3.6", "3.6"},        {"3.7.0", "3.7.3"},
      {"3.7.3", "3.7.3"},   {"3.7.4", "3.7"},   {"3.7.16", "3.7"},     {"3.7", "3.7"},
      {"3.8.0a1", "3.8"},   {"3.9.18", "3.9"},  {"3.10.13", "3.10"},   {"3.11.2", "3.11"},
      {"3.11.2+", "3.11"},  {"3.12.1", "3.12"}, {"3.13.0rc1", "3.13"}, {"3.14.0", "3.14"},
      {"3.15.0a0", "3.15"}, {"3.16.2", "3.15"}, {"4.0.0", "3.15"},
  };
  for (const auto& [version, name] : cases) {
    EXPECT_EQ(profile_of_version(version).name, name) << version;
  }
}

TEST(Profile, WhatIsNoVersionIsAnError) {
  for (const auto* text : {"", "3", "three", "3.", ".11", "3.11.", "3.11.x", "-3.11", "3.11 beta",
                           "99999999999.1", "3.11.2.1"}) {
    EXPECT_THAT(message_of([&] { static_cast<void>(profile_of_version(text)); }),
                HasSubstr("is no CPython version"))
        << text;
  }
}

TEST(Profile, VersionsBefore36AreAnError) {
  for (const auto* text : {"3.5.9", "2.7.18", "3.0"}) {
    EXPECT_THAT(message_of([&] { static_cast<void>(profile_of_version(text)); }),
                HasSubstr("older than 3.6"))
        << text;
  }
}

TEST(Profile, RefuseAnUnknownAllocatorInTheWordsOfTheirRelease) {
  const auto text = [](std::string_view name) {
    return unknown_allocator_text(profile_named(name), "foo{}");
  };
  EXPECT_EQ(text("3.6"), "Error in PYTHONMALLOC: unknown allocator \"foo{}\"!\n");
  for (const auto* name : {"3.7.3", "3.7"}) {
    EXPECT_EQ(text(name),
              "Fatal Python error: _Py_InitializeCore_impl: Unknown PYTHONMALLOC allocator\n\n");
  }
  for (const auto* name : {"3.8", "3.11", "3.13", "3.15-hugepages"}) {
    EXPECT_EQ(text(name),
              "Fatal Python error: preconfig_init_allocator: PYTHONMALLOC: unknown allocator\n"
              "Python runtime state: preinitializing\n\n");
  }
}

}  // namespace
}  // namespace pymemlab
