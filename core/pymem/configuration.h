// PYTHONMALLOC's table: what each name puts into the three domains, per build. One row a name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/pymem/profile.h"

namespace pymemlab {

// What serves a domain below the hooks.
enum class Base : std::uint8_t { libc, pymalloc, mimalloc };

// CPython's two build options that decide what an unset PYTHONMALLOC means and which names exist.
struct Build {
  bool debug = false;    // Py_DEBUG
  bool pymalloc = true;  // --with-pymalloc
  friend bool operator==(const Build&, const Build&) = default;
};
// "release", "debug", "release-without-pymalloc", "debug-without-pymalloc". Throws InputError.
[[nodiscard]] Build build_named(std::string_view name);
[[nodiscard]] std::string_view name(Build build) noexcept;

struct Configuration {
  std::string_view name;  // as CPython reports it: "pymalloc_debug"
  Base mem_and_obj;
  bool debug;  // hooks around all three domains

  // libc in all of these but mimalloc's from CPython 3.15 on.
  [[nodiscard]] Base raw(const Profile& profile) const noexcept {
    return profile.mimalloc_serves_raw && mem_and_obj == Base::mimalloc ? Base::mimalloc
                                                                        : Base::libc;
  }
};

// The four configurations that every profile has, in the order in which tables show them: pymalloc,
// pymalloc_debug, malloc, malloc_debug.
[[nodiscard]] std::span<const Configuration> configurations() noexcept;
// Those, then mimalloc and mimalloc_debug, which only profiles that know them can be asked for.
[[nodiscard]] std::span<const Configuration> all_configurations() noexcept;
// Of those, the one of that name. Throws InputError.
[[nodiscard]] const Configuration& configuration_named(std::string_view name);
// The configuration that PYTHONMALLOC=`value` selects in that profile and build; nullopt = unset.
// Throws InputError with the profile's own text for an unknown name.
[[nodiscard]] const Configuration& configuration_for(std::optional<std::string_view> value,
                                                     const Profile& profile, Build build = {});

}  // namespace pymemlab
