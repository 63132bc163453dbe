#include "core/pymem/configuration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr std::array kConfigurations = {
    Configuration{.name = "pymalloc", .mem_and_obj = Base::pymalloc, .debug = false},
    Configuration{.name = "pymalloc_debug", .mem_and_obj = Base::pymalloc, .debug = true},
    Configuration{.name = "malloc", .mem_and_obj = Base::libc, .debug = false},
    Configuration{.name = "malloc_debug", .mem_and_obj = Base::libc, .debug = true},
    Configuration{.name = "mimalloc", .mem_and_obj = Base::mimalloc, .debug = false},
    Configuration{.name = "mimalloc_debug", .mem_and_obj = Base::mimalloc, .debug = true},
};
constexpr std::size_t kInEveryProfile = 4;

constexpr std::array kBuilds = {
    std::pair<std::string_view, Build>{"release", {.debug = false, .pymalloc = true}},
    std::pair<std::string_view, Build>{"debug", {.debug = true, .pymalloc = true}},
    std::pair<std::string_view, Build>{"release-without-pymalloc",
                                       {.debug = false, .pymalloc = false}},
    std::pair<std::string_view, Build>{"debug-without-pymalloc",
                                       {.debug = true, .pymalloc = false}},
};

const Configuration& row(Base base, bool debug) noexcept {
  return *std::find_if(kConfigurations.begin(), kConfigurations.end(), [&](const auto& row) {
    return row.mem_and_obj == base && row.debug == debug;
  });
}

bool exists(const Configuration& configuration, const Profile& profile, Build build) noexcept {
  switch (configuration.mem_and_obj) {
    case Base::libc: return true;
    case Base::pymalloc: return build.pymalloc;
    case Base::mimalloc: return profile.knows_mimalloc;
  }
  return false;
}

[[noreturn]] void refuse(std::string_view value, const Profile& profile, Build build) {
  std::vector<std::string_view> names = {"debug"};
  if (profile.knows_default) names.insert(names.begin(), "default");
  for (const Configuration& configuration : kConfigurations) {
    if (exists(configuration, profile, build)) names.push_back(configuration.name);
  }
  const std::string text = unknown_allocator_text(profile, value);
  throw InputError("PYTHONMALLOC={}: CPython {} refuses it with \"{}\": wanted one of {}", value,
                   profile.name, text.substr(0, text.find('\n')), fmt::join(names, ", "));
}

}  // namespace

Build build_named(std::string_view name) {
  for (const auto& [build_name, build] : kBuilds) {
    if (build_name == name) return build;
  }
  std::vector<std::string_view> names;
  names.reserve(kBuilds.size());
  for (const auto& [build_name, build] : kBuilds) names.push_back(build_name);
  throw InputError("no build is named \"{}\": there are {}", name, fmt::join(names, ", "));
}

std::string_view name(Build build) noexcept {
  return std::find_if(kBuilds.begin(), kBuilds.end(),
                      [&](const auto& row) { return row.second == build; })
      ->first;
}

std::span<const Configuration> configurations() noexcept {
  return std::span(kConfigurations).first(kInEveryProfile);
}

std::span<const Configuration> all_configurations() noexcept { return kConfigurations; }

const Configuration& configuration_named(std::string_view name) {
  for (const Configuration& configuration : kConfigurations) {
    if (configuration.name == name) return configuration;
  }
  throw InputError("there is no configuration \"{}\"", name);
}

const Configuration& configuration_for(std::optional<std::string_view> value,
                                       const Profile& profile, Build build) {
  const Base standard = build.pymalloc ? Base::pymalloc : Base::libc;
  const std::string_view name = value.value_or("");
  if (name.empty() || (name == "default" && profile.knows_default)) {
    return row(standard, build.debug);
  }
  if (name == "debug") return row(profile.debug_name_adds_to_malloc ? Base::libc : standard, true);
  for (const Configuration& configuration : kConfigurations) {
    if (configuration.name == name && exists(configuration, profile, build)) return configuration;
  }
  refuse(name, profile, build);
}

}  // namespace pymemlab
