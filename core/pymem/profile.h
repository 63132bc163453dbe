// A CPython version as far as memory goes: one table, one row a version, no `if version` elsewhere.
#pragma once

#include <compare>
#include <cstddef>
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
  before_request,  // the number is taken before the inner call, even if it fails: 32 bytes. 3.6
  after_success,   // taken once the inner call has succeeded: 32 bytes. CPython 3.7
};

// Which values of a pointer, read from memory, show that the memory holds no object any more.
enum class FreedTest : std::uint8_t {
  dead,            // eight dead bytes. CPython up to 3.7.3
  painted,         // eight clean, eight dead or eight forbidden bytes. CPython 3.7.4
  painted_or_null  // CPython 3.8 and later
};

// A release, without the suffixes of pre-releases.
struct Version {
  int major = 0;
  int minor = 0;
  int micro = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

struct Profile {
  std::string_view name;  // "3.11"
  Version since;          // the first release that behaves so
  Geometry geometry;
  DebugBytes bytes;
  Serial serial;
  FreedTest freed;
  bool realloc_erases;  // debug realloc paints before the inner call ("erase 64"). CPython 3.7+
  bool realloc_zero_asks_one;  // pymalloc's realloc(foreign, 0). CPython 3.6
  bool fatal_names_function;   // "Fatal Python error: FUNC: ..." CPython 3.9+
  bool fatal_names_state;      // "Python runtime state: initialized" CPython 3.8+
  bool remembers_debug_hooks;  // statistics look below foreign hooks on top of ours. CPython 3.13+
  bool advises_huge_pages;     // on arena mappings. CPython 3.15+
  bool gil_check_asks_thread_state;   // else "GIL state", which sub-interpreters end. CPython 3.14+
  int tracemalloc_frames_limit;       // 65 535 from CPython 3.9
  bool debug_name_adds_to_malloc;     // PYTHONMALLOC=debug hooks malloc. CPython 3.6's executable
  bool knows_default;                 // PYTHONMALLOC=default exists. CPython 3.7+
  bool knows_dev_mode;                // -X dev. CPython 3.7+
  bool isolated_ignores_environment;  // -I covers PYTHONMALLOC. CPython 3.7+
  bool knows_mimalloc;                // CPython 3.13+
  bool mimalloc_serves_raw;           // under PYTHONMALLOC=mimalloc. CPython 3.15+
  // stderr for an unknown PYTHONMALLOC; "{}" stands for the name where it is quoted.
  std::string_view unknown_name_text;
};

// Oldest first: 3.6 3.7.3 3.7 3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15 3.15-hugepages.
[[nodiscard]] std::span<const Profile> profiles() noexcept;
// Throws InputError listing the names there are.
[[nodiscard]] const Profile& profile_named(std::string_view name);
// The profile whose behaviour `version` ("3.11.2", "3.13.0rc1", "3.11.2+", "3.9") has. Without a
// third number: the series' last release. Newer than all: the newest. A build option is no version,
// so never 3.15-hugepages. Throws InputError for what is older than 3.6 or no version.
[[nodiscard]] const Profile& profile_of_version(std::string_view version);

// `profile` as built with PYMEM_DEBUG_SERIALNO: numbered debug blocks where CPython 3.8 and later
// have none by default; older profiles as they are.
[[nodiscard]] Profile with_serial_numbers(const Profile& profile) noexcept;

// What CPython of that profile writes to stderr for PYTHONMALLOC=`name`, a name it does not know.
[[nodiscard]] std::string unknown_allocator_text(const Profile& profile, std::string_view name);

}  // namespace pymemlab
