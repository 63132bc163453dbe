#include "core/pymem/start_up.h"

#include <array>

namespace pymemlab {

std::string_view name(AllocatorName name) noexcept {
  constexpr std::array<std::string_view, 9> kNames = {
      "",         "default",        "debug",    "malloc",        "malloc_debug",
      "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug"};
  return kNames[static_cast<std::size_t>(name)];
}

const Configuration& configuration_at_start(const StartUp& start, const Profile& profile,
                                            Build build) {
  if (start.preconfig != AllocatorName::not_set) {
    return configuration_for(name(start.preconfig), profile, build);
  }
  const bool environment_counts =
      !start.ignore_environment && !(start.isolated && profile.isolated_ignores_environment);
  if (environment_counts && !start.pythonmalloc.value_or("").empty()) {
    return configuration_for(start.pythonmalloc, profile, build);
  }
  const bool dev_mode = start.dev_mode && profile.knows_dev_mode;
  return configuration_for(dev_mode ? name(AllocatorName::debug) : "", profile, build);
}

}  // namespace pymemlab
