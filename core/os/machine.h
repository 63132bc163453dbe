// What machine this is, for the context of a result.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pymemlab {

struct Machine {
  std::string host;
  std::string kernel;  // "Linux 6.1.0-18-amd64 x86_64"
  std::string cpu;     // model name
  unsigned cpus = 0;   // this process may run on
  std::string caches;  // "L1d 48K, L2 2048K, L3 107520K"
  std::string libc;    // "glibc 2.36"
};
// Facts that the machine does not tell are empty.
[[nodiscard]] Machine describe_machine();

// Processors that this process may run on, ascending; empty if the kernel does not tell.
[[nodiscard]] std::vector<unsigned> allowed_cpus();
// The one that it is bound to; nothing if there are several.
[[nodiscard]] std::optional<unsigned> only_cpu();

// Runnable processes in the last minute, on average; nothing if the kernel does not tell.
[[nodiscard]] std::optional<double> load_average();

// Now, "2026-11-21T04:00:00Z".
[[nodiscard]] std::string utc_now();

}  // namespace pymemlab
