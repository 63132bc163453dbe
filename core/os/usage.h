// What the kernel says about the running process, read without allocating.
#pragma once

#include <cstdint>

namespace pymemlab {

// Anonymous memory of the process that is in RAM, bytes; shared mappings and files are left out.
// 0 if /proc is not there.
[[nodiscard]] std::uint64_t resident_anonymous_bytes() noexcept;

struct PageFaults {
  std::uint64_t minor = 0;
  std::uint64_t major = 0;
};
[[nodiscard]] PageFaults page_faults() noexcept;

// How often the kernel took the processor away from this process for another.
[[nodiscard]] std::uint64_t involuntary_switches() noexcept;

// A monotonic clock.
[[nodiscard]] std::uint64_t now_nanoseconds() noexcept;

}  // namespace pymemlab
