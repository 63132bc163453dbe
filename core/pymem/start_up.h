// Which configuration a Python ends up with, from how it was started.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/pymem/configuration.h"
#include "core/pymem/profile.h"

namespace pymemlab {

// PyPreConfig.allocator, with CPython's numbers. CPython: PyMemAllocatorName.
enum class AllocatorName : std::uint8_t {
  not_set = 0,
  standard = 1,  // PYMEM_ALLOCATOR_DEFAULT
  debug = 2,
  malloc = 3,
  malloc_debug = 4,
  pymalloc = 5,
  pymalloc_debug = 6,
  mimalloc = 7,  // this and the next: CPython 3.13+
  mimalloc_debug = 8,
};
// The value of PYTHONMALLOC that means the same; "" for not_set.
[[nodiscard]] std::string_view name(AllocatorName name) noexcept;

struct StartUp {
  AllocatorName preconfig = AllocatorName::not_set;  // an embedder's choice. CPython 3.7+
  std::optional<std::string_view> pythonmalloc = std::nullopt;  // the environment's
  bool dev_mode = false;                                        // -X dev
  bool ignore_environment = false;                              // -E
  bool isolated = false;                                        // -I
};

// An embedder's choice comes first, then PYTHONMALLOC if the environment counts, then -X dev, which
// means `debug`. Throws InputError where configuration_for does.
[[nodiscard]] const Configuration& configuration_at_start(const StartUp& start,
                                                          const Profile& profile, Build build = {});

}  // namespace pymemlab
