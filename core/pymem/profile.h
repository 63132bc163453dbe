// A CPython version as far as memory goes: one table, one row a version, no `if version` elsewhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/pymalloc/geometry.h"

namespace pymemlab {

// The three bytes the debug hooks paint with.
struct DebugBytes {
  std::uint8_t clean;      // fresh memory
  std::uint8_t dead;       // freed memory
  std::uint8_t forbidden;  // guards
  friend bool operator==(const DebugBytes&, const DebugBytes&) = default;
};

// When the debug hooks number their blocks.
enum class Serial : std::uint8_t {
  none,            // no serial field: 24 bytes of padding a block. CPython 3.8 and later
  before_request,  // the number is taken before the inner call, even if it fails: 32 bytes. CPython 3.6
  after_success,   // taken once the inner call has succeeded: 32 bytes. CPython 3.7
};

struct Profile {
  std::string_view name;  // "3.11"
  Geometry geometry;
  DebugBytes bytes;
  Serial serial;
  bool realloc_erases;         // debug realloc paints before the inner call ("erase 64"). CPython 3.7+
  bool realloc_zero_asks_one;  // pymalloc's realloc(foreign, 0). CPython 3.6
  bool fatal_names_function;   // "Fatal Python error: FUNC: ..." CPython 3.9+
  bool fatal_names_state;      // "Python runtime state: initialized" CPython 3.8+
  bool debug_name_adds_to_malloc;  // PYTHONMALLOC=debug hooks the malloc allocators. CPython 3.6's executable
  bool knows_default;          // PYTHONMALLOC=default exists. CPython 3.7+
  bool knows_mimalloc;         // CPython 3.13+
  std::string_view unknown_name_text;  // stderr for an unknown name; "{}" stands for the name where it is quoted
};

// Oldest first: 3.6 3.7.3 3.7 3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15 3.15-hugepages.
[[nodiscard]] std::span<const Profile> profiles() noexcept;
// Throws InputError listing the names there are.
[[nodiscard]] const Profile& profile_named(std::string_view name);
// The profile whose behaviour `version` ("3.11.2") has. Newer than all: the newest. Throws InputError
// for what is older than 3.6 or no version.
[[nodiscard]] const Profile& profile_of_version(std::string_view version);

}  // namespace pymemlab
