// Clocks for single calls, read in the shortest time there is. A reading is ordered: what stands
// before it has happened, what stands after it has not begun.
#pragma once

#include <cstdint>

#include "core/os/usage.h"

#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace pymemlab {

// The kernel's monotonic clock; a tick is a nanosecond.
struct MonotonicTicks {
  static constexpr const char* kName = "clock_gettime";
  [[nodiscard]] static std::uint64_t begin() noexcept { return now_nanoseconds(); }
  [[nodiscard]] static std::uint64_t end() noexcept { return now_nanoseconds(); }
};

#ifdef __x86_64__
// The processor's time stamp counter.
struct TscTicks {
  static constexpr const char* kName = "tsc";
  [[nodiscard]] static std::uint64_t begin() noexcept {
    _mm_lfence();
    const std::uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
  }
  [[nodiscard]] static std::uint64_t end() noexcept {
    unsigned processor = 0;
    const std::uint64_t ticks = __rdtscp(&processor);
    _mm_lfence();
    return ticks;
  }
};
#else
using TscTicks = MonotonicTicks;
#endif

// Whether TscTicks counts at one rate whatever the processor does, on every processor alike.
[[nodiscard]] bool has_steady_tsc() noexcept;

// A clock's rate and step, measured against the monotonic clock in about 10 ms.
struct TickScale {
  double ns_per_tick = 1;
  double resolution_ns = 1;
};
template <typename Ticks>
[[nodiscard]] TickScale measure_ticks() noexcept;
extern template TickScale measure_ticks<MonotonicTicks>() noexcept;
#ifdef __x86_64__
extern template TickScale measure_ticks<TscTicks>() noexcept;
#endif

}  // namespace pymemlab
