#include "core/report/interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace pymemlab {
namespace {

// P(X <= k) for X binomial(n, 1/2).
double fair_binomial_at_most(std::size_t k, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i <= k; ++i) {
    const double log_choose = std::lgamma(static_cast<double>(n) + 1) -
                              std::lgamma(static_cast<double>(i) + 1) -
                              std::lgamma(static_cast<double>(n - i) + 1);
    sum += std::exp(log_choose - static_cast<double>(n) * std::log(2.0));
  }
  return sum;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::optional<MedianInterval> median_interval(std::vector<double> values, double coverage) {
  const std::size_t n = values.size();
  if (n < 2) return std::nullopt;
  std::sort(values.begin(), values.end());
  // Leaving out k values at each end, the interval misses the median with probability
  // 2 P(at most k of n lie on one side).
  std::size_t k = 0;
  while (k + 1 < n / 2 && 1 - 2 * fair_binomial_at_most(k + 1, n) >= coverage) ++k;
  return MedianInterval{
      .low = values[k], .high = values[n - 1 - k], .coverage = 1 - 2 * fair_binomial_at_most(k, n)};
}

}  // namespace pymemlab
