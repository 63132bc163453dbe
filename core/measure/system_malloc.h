// What serves libc's malloc in a worker: glibc, or an allocator that is preloaded into it. One row
// of a table each; which are there is asked of the machine.
//
//   glibc                              glibc:tcache_count=0:arena_max=1
//   jemalloc                           jemalloc:dirty_decay_ms=0
//   /opt/lib/libsome_malloc.so.1       a library of the user's own
//
// What stands behind the colon goes to the allocator in the way it takes its settings. What it does
// not take it says when it starts, if at all: of values that mean nothing tcmalloc never does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pymemlab {

struct SystemMalloc {
  std::string name = "glibc";  // as it was asked for, settings included
  std::string library;         // to preload; "" for glibc
  std::vector<std::pair<std::string, std::string>> environment = {};

  // Without the settings.
  [[nodiscard]] std::string_view allocator() const noexcept {
    return std::string_view(name).substr(0, name.find(':'));
  }
};

// Throws InputError for a name that is unknown, or whose library this machine does not have (the
// message names the package that has it), or for settings that the allocator would not take.
[[nodiscard]] SystemMalloc system_malloc_called(const std::string& text);

// The same, set to say on standard error what it makes of its settings.
[[nodiscard]] SystemMalloc outspoken(SystemMalloc malloc);
// Why one of its settings does not hold, to judge by what it then said when it started; nothing if
// they all do, as far as it tells.
[[nodiscard]] std::optional<std::string> refused_setting(const SystemMalloc& malloc,
                                                         std::string_view said);

// A row of the table and what there is of it here.
struct KnownMalloc {
  std::string_view name;
  std::string_view package;            // of Debian, that has it
  std::optional<std::string> library;  // where it was found; "" for glibc; nothing: not here
};
[[nodiscard]] std::vector<KnownMalloc> known_mallocs();

// What serves malloc in the running process.
struct MallocIdentity {
  std::string name;     // "jemalloc"; the library's file name if it is none of the table's
  std::string version;  // "5.3.0"; "" if it does not tell
  std::string path;
};
[[nodiscard]] MallocIdentity identify_malloc();

}  // namespace pymemlab
