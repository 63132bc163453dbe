#include "core/os/tick_clock.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <numeric>

namespace pymemlab {

bool has_steady_tsc() noexcept {
#ifdef __x86_64__
  constexpr unsigned kPowerManagement = 0x80000007;
  constexpr unsigned kInvariantTsc = 1u << 8;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariantTsc) != 0;
#else
  return false;
#endif
}

template <typename Ticks>
TickScale measure_ticks() noexcept {
  constexpr std::uint64_t kNanoseconds = 10'000'000;
  const std::uint64_t begin_ns = now_nanoseconds();
  const std::uint64_t begin = Ticks::begin();
  std::uint64_t step = 0;  // what divides all differences
  std::uint64_t last = begin;
  std::uint64_t now_ns = begin_ns;
  while (now_ns - begin_ns < kNanoseconds) {
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t now = Ticks::end();
      step = std::gcd(step, now - last);
      last = now;
    }
    now_ns = now_nanoseconds();
  }
  last = Ticks::end();
  TickScale scale;
  scale.ns_per_tick = static_cast<double>(now_ns - begin_ns) / static_cast<double>(last - begin);
  scale.resolution_ns = static_cast<double>(step) * scale.ns_per_tick;
  return scale;
}

template TickScale measure_ticks<MonotonicTicks>() noexcept;
#ifdef __x86_64__
template TickScale measure_ticks<TscTicks>() noexcept;
#endif

}  // namespace pymemlab
