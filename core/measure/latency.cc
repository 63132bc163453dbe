#include "core/measure/latency.h"

#include <algorithm>
#include <numeric>

namespace pymemlab {

void LatencyHistogram::add(const LatencyHistogram& other) noexcept {
  for (std::size_t i = 0; i < kBuckets; ++i) calls_[i] += other.calls_[i];
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

std::uint64_t LatencyHistogram::calls() const noexcept {
  return std::accumulate(calls_.begin(), calls_.end(), std::uint64_t{0});
}

double LatencyHistogram::mean_ns() const noexcept {
  const std::uint64_t count = calls();
  return count == 0 ? 0 : sum_ns_ / static_cast<double>(count);
}

double LatencyHistogram::quantile_ns(double share) const noexcept {
  const double wanted = share * static_cast<double>(calls());
  double below = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (calls_[i] == 0) continue;
    const auto here = static_cast<double>(calls_[i]);
    if (below + here < wanted) {
      below += here;
      continue;
    }
    if (i + 1 == kBuckets) break;
    const auto from = static_cast<double>(from_ns(i));
    const auto to = static_cast<double>(from_ns(i + 1));
    return std::min(from + (to - from) * (wanted - below) / here, max_ns_);
  }
  return max_ns_;
}

}  // namespace pymemlab
