// Statistics of timings: pure functions of samples, made for few of them and no known distribution.
//
// Two cells of one run are paired by round (their samples were taken close together), so that what
// the machine does to both cancels: their ratio is the median of the rounds' ratios and their test
// the signed-rank test. Samples of two runs have no pairs: the ratio of medians and Mann-Whitney's
// U.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/report/interval.h"

namespace pymemlab {

// From this many values on a bootstrap interval of the median keeps what it says.
inline constexpr std::size_t kFewestForBootstrap = 20;

// Of the median: by bootstrap (2 000 resamples, expanded percentiles) from kFewestForBootstrap
// values on, else of order statistics with its true coverage. Nothing for fewer than two values.
[[nodiscard]] std::optional<MedianInterval> interval_of_median(std::span<const double> values,
                                                               double coverage = kCoverage);

// Two-sided p of the hypothesis that neither sample tends to be larger. Exact for at most 25 values
// a side without ties, else by the normal approximation, corrected for ties and continuity.
// REQUIRES: neither is empty.
[[nodiscard]] double mann_whitney_p(std::span<const double> a, std::span<const double> b);
// Two-sided p of Wilcoxon's signed-rank test that differences lie around 0; zeros are left out.
// Exact for at most 25 differences without ties.
[[nodiscard]] double signed_rank_p(std::span<const double> differences);

// Holm's correction: p-values that may each be held against the level for the whole family.
[[nodiscard]] std::vector<double> holm(std::span<const double> p_values);

// How often a difference may be found where there is none.
inline constexpr double kLevel = 0.05;

// Samples of one cell and of the one it is compared with.
struct Samples {
  std::vector<double> cell;
  std::vector<double> baseline;
  bool paired = false;  // cell[i] and baseline[i] belong together
};

struct Effect {
  double ratio = 1;                        // of the cell to its baseline
  std::optional<MedianInterval> interval;  // of the ratio
  double p = 1;                            // not corrected
  std::string_view test;                   // "signed-rank" or "mann-whitney"
  std::size_t rounds = 0;                  // pairs of them, or of the side that has fewer
  // The relative change that this many rounds with this spread find with a probability of 80 %.
  std::optional<double> minimum_detectable;
};
// `level`: of one test of the family; for minimum_detectable. Nothing where a side is empty.
[[nodiscard]] std::optional<Effect> effect_of(const Samples& samples, double level = kLevel);

enum class Verdict : std::uint8_t { faster, slower, no_difference, too_few_rounds };
[[nodiscard]] std::string_view name(Verdict verdict) noexcept;
// Of one effect, given its p-value corrected for the family. Too few rounds: not even the clearest
// difference would be found at the level with a family of that size.
[[nodiscard]] Verdict verdict_of(const Effect& effect, double corrected_p, std::size_t family,
                                 double level = kLevel);

// The median distance from the median, in units of a normal distribution's standard deviation, over
// the median.
[[nodiscard]] double relative_spread(std::span<const double> values);

}  // namespace pymemlab
