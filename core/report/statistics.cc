#include "core/report/statistics.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "core/base/random.h"

namespace pymemlab {
namespace {

constexpr std::size_t kExact = 25;
constexpr double kPower = 0.8;

std::vector<double> copy_of(std::span<const double> values) {
  return {values.begin(), values.end()};
}

// Of reordered values.
double median_in_place(std::vector<double>& values) {
  const std::size_t n = values.size();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(n / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (n % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// The interval between the percentiles of `statistic` over resamples of `n` values, widened for
// small n (Hesterberg's expanded percentiles). One seed, so that a document always says the same.
template <typename Statistic>
MedianInterval bootstrap(double coverage, std::size_t n, Statistic statistic) {
  constexpr std::size_t kResamples = 2000;
  Random random(20'240'101);
  std::vector<double> medians(kResamples);
  for (double& median : medians) median = statistic(random);
  std::sort(medians.begin(), medians.end());
  const auto size = static_cast<double>(n);
  const double t = boost::math::quantile(boost::math::students_t(size - 1), 1 - (1 - coverage) / 2);
  const double tail = boost::math::cdf(boost::math::normal(), -t * std::sqrt(size / (size - 1))) *
                      static_cast<double>(kResamples);
  const auto cut = static_cast<std::size_t>(tail);
  return {.low = medians[cut], .high = medians[kResamples - 1 - cut], .coverage = coverage};
}

void resample(std::span<const double> values, Random& random, std::vector<double>& into) {
  into.resize(values.size());
  for (double& value : into) value = values[random.below(values.size())];
}

// Ranks from 1, equal values their mean; `ties` collects the sum of t^3 - t over groups of t.
std::vector<double> ranks_of(std::span<const double> values, double& ties) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + 1 + end) / 2;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    const auto t = static_cast<double>(end - begin);
    ties += t * t * t - t;
    begin = end;
  }
  return ranks;
}

// The share of ways in which a sum is at most `limit`; ways[s] counts those of sum s.
double share_at_most(const std::vector<double>& ways, double limit) {
  double below = 0;
  double all = 0;
  for (std::size_t s = 0; s < ways.size(); ++s) {
    all += ways[s];
    if (static_cast<double>(s) <= limit) below += ways[s];
  }
  return below / all;
}

// Ways in which U of two samples of n and m comes to each value. Mann and Whitney's recurrence.
std::vector<double> ways_of_u(std::size_t n, std::size_t m) {
  std::vector<std::vector<double>> row(m + 1, std::vector<double>(n * m + 1));
  for (std::size_t j = 0; j <= m; ++j) row[j][0] = 1;  // none of the first sample
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t j = 1; j <= m; ++j) {
      // row[j] still is that of (i - 1, j); row[j - 1] already that of (i, j - 1).
      for (std::size_t u = n * m + 1; u-- > 0;)
        row[j][u] = (u >= j ? row[j][u - j] : 0) + row[j - 1][u];
    }
  }
  return row[m];
}

// Ways in which the ranks 1..n, each taken or not, add up to each sum.
std::vector<double> ways_of_rank_sum(std::size_t n) {
  std::vector<double> ways(n * (n + 1) / 2 + 1);
  ways[0] = 1;
  for (std::size_t rank = 1; rank <= n; ++rank) {
    for (std::size_t s = ways.size(); s-- > rank;) ways[s] += ways[s - rank];
  }
  return ways;
}

double two_sided_normal(double distance, double variance) {
  if (variance <= 0) return 1;
  const double z = std::max(0.0, std::abs(distance) - 0.5) / std::sqrt(variance);
  return std::min(1.0, 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), z)));
}

std::vector<double> logarithms(std::span<const double> values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) logs.push_back(std::log(value));
  return logs;
}

// As of a normal distribution with that median distance from the median.
double robust_deviation(std::vector<double> values) {
  constexpr double kNormal = 1.482602218505602;
  const auto n = static_cast<double>(values.size());
  const double middle = median_in_place(values);
  for (double& value : values) value = std::abs(value - middle);
  return kNormal * n / (n - 0.8) * median_in_place(values);  // small samples seem quieter
}

// What a rank test at `level` finds with kPower where logarithms spread so; its efficiency for
// normal noise is 3 / pi.
double detectable(double standard_error, std::size_t degrees, double level) {
  const boost::math::students_t t(static_cast<double>(degrees));
  const double distance =
      boost::math::quantile(t, 1 - level / 2) + boost::math::quantile(t, kPower);
  return std::expm1(distance * standard_error / std::sqrt(3 / 3.14159265358979323846));
}

// The smallest p that the test can give.
double smallest_p(const Effect& effect) {
  const auto n = static_cast<double>(effect.rounds);
  if (effect.test == "signed-rank") return std::pow(2.0, 1 - n);
  return 2 * std::exp(2 * std::lgamma(n + 1) - std::lgamma(2 * n + 1));
}

Effect paired_effect(const Samples& samples, double level) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < samples.cell.size(); ++i)
    ratios.push_back(samples.cell[i] / samples.baseline[i]);
  const std::vector<double> logs = logarithms(ratios);
  Effect effect{.ratio = median(ratios),
                .interval = interval_of_median(ratios),
                .p = signed_rank_p(logs),
                .test = "signed-rank",
                .rounds = ratios.size(),
                .minimum_detectable = std::nullopt};
  if (ratios.size() >= kFewestRoundsForInterval) {
    effect.minimum_detectable =
        detectable(robust_deviation(logs) / std::sqrt(static_cast<double>(ratios.size())),
                   ratios.size() - 1, level);
  }
  return effect;
}

Effect unpaired_effect(const Samples& samples, double level) {
  const std::size_t fewer = std::min(samples.cell.size(), samples.baseline.size());
  Effect effect{.ratio = median(samples.cell) / median(samples.baseline),
                .interval = std::nullopt,
                .p = mann_whitney_p(samples.cell, samples.baseline),
                .test = "mann-whitney",
                .rounds = fewer,
                .minimum_detectable = std::nullopt};
  if (fewer >= kFewestRoundsForInterval) {
    const double a = robust_deviation(logarithms(samples.cell));
    const double b = robust_deviation(logarithms(samples.baseline));
    effect.minimum_detectable =
        detectable(std::sqrt(a * a / static_cast<double>(samples.cell.size()) +
                             b * b / static_cast<double>(samples.baseline.size())),
                   samples.cell.size() + samples.baseline.size() - 2, level);
  }
  if (fewer >= kFewestForBootstrap) {
    std::vector<double> one;
    std::vector<double> other;
    effect.interval = bootstrap(kCoverage, fewer, [&](Random& random) {
      resample(samples.cell, random, one);
      resample(samples.baseline, random, other);
      return median_in_place(one) / median_in_place(other);
    });
  }
  return effect;
}

}  // namespace

std::optional<MedianInterval> interval_of_median(std::span<const double> values, double coverage) {
  if (values.size() < kFewestForBootstrap) return median_interval(copy_of(values), coverage);
  std::vector<double> resampled;
  return bootstrap(coverage, values.size(), [&](Random& random) {
    resample(values, random, resampled);
    return median_in_place(resampled);
  });
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  std::vector<double> all = copy_of(a);
  all.insert(all.end(), b.begin(), b.end());
  double ties = 0;
  const std::vector<double> ranks = ranks_of(all, ties);
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const double rank_sum =
      std::accumulate(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(a.size()), 0.0);
  const double u = rank_sum - n * (n + 1) / 2;
  if (ties == 0 && a.size() <= kExact && b.size() <= kExact)
    return std::min(1.0, 2 * share_at_most(ways_of_u(a.size(), b.size()), std::min(u, n * m - u)));
  const double total = n + m;
  return two_sided_normal(u - n * m / 2, n * m / 12 * (total + 1 - ties / (total * (total - 1))));
}

double signed_rank_p(std::span<const double> differences) {
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (const double d : differences) {
    if (d == 0) continue;
    sizes.push_back(std::abs(d));
    positive.push_back(d > 0);
  }
  if (sizes.empty()) return 1;
  double ties = 0;
  const std::vector<double> ranks = ranks_of(sizes, ties);
  double sum = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) sum += positive[i] ? ranks[i] : 0;
  const auto n = static_cast<double>(sizes.size());
  const double largest = n * (n + 1) / 2;
  if (ties == 0 && sizes.size() <= kExact) {
    return std::min(
        1.0, 2 * share_at_most(ways_of_rank_sum(sizes.size()), std::min(sum, largest - sum)));
  }
  return two_sided_normal(sum - largest / 2, n * (n + 1) * (2 * n + 1) / 24 - ties / 48);
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> corrected(p_values.size());
  double so_far = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    so_far = std::max(so_far, p_values[order[k]] * static_cast<double>(order.size() - k));
    corrected[order[k]] = std::min(1.0, so_far);
  }
  return corrected;
}

std::optional<Effect> effect_of(const Samples& samples, double level) {
  if (samples.cell.empty() || samples.baseline.empty()) return std::nullopt;
  return samples.paired ? paired_effect(samples, level) : unpaired_effect(samples, level);
}

std::string_view name(Verdict verdict) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"faster", "slower",
                                                      "no difference detectable", "too few rounds"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Verdict verdict_of(const Effect& effect, double corrected_p, std::size_t family, double level) {
  if (smallest_p(effect) * static_cast<double>(family) > level) return Verdict::too_few_rounds;
  if (corrected_p > level || effect.ratio == 1) return Verdict::no_difference;
  return effect.ratio < 1 ? Verdict::faster : Verdict::slower;
}

double relative_spread(std::span<const double> values) {
  return robust_deviation(copy_of(values)) / median(copy_of(values));
}

}  // namespace pymemlab
