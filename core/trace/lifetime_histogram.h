// Counts numbers of any size in bounded memory: each of 1 .. 4096 for itself, larger ones in bins a
// 16th of a power of two wide.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pymemlab {

class LifetimeHistogram {
 public:
  static constexpr std::uint64_t kExact = 4096;

  LifetimeHistogram() : bins_(bin_of(~std::uint64_t{0}) + 1) {}

  void add(std::uint64_t value) noexcept {
    ++bins_[bin_of(value)];
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  // The smallest value that at least `percent` of all do not exceed, or the lower end of its bin; 0
  // if nothing was counted.
  [[nodiscard]] std::uint64_t quantile(std::uint64_t percent) const noexcept {
    const std::uint64_t wanted = count_ / 100 * percent + (count_ % 100 * percent + 99) / 100;
    std::uint64_t seen = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      seen += bins_[bin];
      if (seen >= wanted && seen > 0) return lower_end(bin);
    }
    return 0;
  }

 private:
  static constexpr std::size_t bin_of(std::uint64_t value) noexcept {
    if (value <= kExact) return static_cast<std::size_t>(value);
    const auto power = static_cast<std::size_t>(std::bit_width(value)) - 1;
    return kExact + (power - 12) * 16 + static_cast<std::size_t>(value >> (power - 4) & 15u) + 1;
  }
  static constexpr std::uint64_t lower_end(std::size_t bin) noexcept {
    if (bin <= kExact) return bin;
    const std::size_t power = (bin - kExact - 1) / 16 + 12;
    return (16 + (bin - kExact - 1) % 16) << (power - 4);
  }

  std::vector<std::uint64_t> bins_;
  std::uint64_t count_ = 0;
};

}  // namespace pymemlab
