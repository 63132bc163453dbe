// What the kernel says about the running process, read without allocating.
#pragma once

#include <cstdint>

namespace pymemlab {

// Anonymous memory of the process that is in RAM, bytes; shared mappings and files are left out.
// 0 if /proc is not there.
[[nodiscard]] std::uint64_t resident_anonymous_bytes() noexcept;

// Of this process since its start.
struct KernelCounts {
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t involuntary_switches = 0;  // the processor was given to somebody else
};
[[nodiscard]] KernelCounts kernel_counts() noexcept;

// A monotonic clock.
[[nodiscard]] std::uint64_t now_nanoseconds() noexcept;

}  // namespace pymemlab
