// The median of a few timings and an interval that holds the true median with a known probability.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace pymemlab {

struct MedianInterval {
  double low;
  double high;
  double coverage;  // exact for order statistics, nominal for a bootstrap
};

// What intervals are to hold the true value with.
inline constexpr double kCoverage = 0.95;
// With fewer, no interval of order statistics covers the median with that.
inline constexpr std::size_t kFewestRoundsForInterval = 6;

// REQUIRES: not empty.
[[nodiscard]] double median(std::vector<double> values);

// The narrowest symmetric order-statistic interval of the median that covers at least `coverage`;
// where the values are too few for that, the widest there is, with the coverage it really has.
// Nothing for fewer than two values.
[[nodiscard]] std::optional<MedianInterval> median_interval(std::vector<double> values,
                                                            double coverage = kCoverage);

}  // namespace pymemlab
