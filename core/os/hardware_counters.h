// The processor's counters for the calling thread, user mode alone, where the kernel gives them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pymemlab {

enum class HardwareEvent : std::uint8_t { instructions, cycles, cache_misses, dtlb_misses };
inline constexpr std::size_t kHardwareEvents = 4;
[[nodiscard]] std::string_view name(HardwareEvent event) noexcept;

// One value an event; kNotGiven where the kernel or the processor does not have it.
struct HardwareCounts {
  static constexpr std::uint64_t kNotGiven = ~std::uint64_t{0};
  std::array<std::uint64_t, kHardwareEvents> values = {kNotGiven, kNotGiven, kNotGiven, kNotGiven};
};

// Closes its descriptors on destruction. Allocates nothing.
class HardwareCounters {
 public:
  HardwareCounters() noexcept;
  HardwareCounters(const HardwareCounters&) = delete;
  HardwareCounters& operator=(const HardwareCounters&) = delete;
  ~HardwareCounters();

  void start() noexcept;
  void stop() noexcept;
  void reset() noexcept;
  // Over all stretches between start() and stop(); scaled up where the kernel shared the counters
  // out.
  [[nodiscard]] HardwareCounts counts() const noexcept;
  // Of the first event that was refused; 0 if none was.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  void all(unsigned long request) noexcept;

  std::array<int, kHardwareEvents> descriptors_ = {-1, -1, -1, -1};
  int error_ = 0;
};

}  // namespace pymemlab
