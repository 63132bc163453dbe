// Statistics against tables and against simulated timings whose truth is known: intervals cover as
// often as they say, tests are wrong as seldom as they say, and find what they say they find.
#include "core/report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/base/random.h"

namespace pymemlab {
namespace {

// Timings as machines make them.
double normal(Random& random) {
  const double u = 1 - random.unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * random.unit());
}
struct Distribution {
  const char* name;
  std::function<double(Random&)> draw;
  double median;
};
const Distribution kDistributions[] = {
    {"normal", [](Random& r) { return 100 + 2 * normal(r); }, 100},
    {"lognormal", [](Random& r) { return 100 * std::exp(0.3 * normal(r)); }, 100},
    {"exponential above a floor", [](Random& r) { return 50 - 5 * std::log(1 - r.unit()); },
     50 + 5 * std::log(2.0)},
    {"uniform", [](Random& r) { return 90 + 20 * r.unit(); }, 100},
    {"normal with one in ten far off",
     [](Random& r) { return r.chance(1, 10) ? 100 + 60 * normal(r) : 100 + normal(r); }, 100},
};

std::vector<double> draw(const Distribution& distribution, std::size_t n, Random& random) {
  std::vector<double> values(n);
  for (double& value : values) value = distribution.draw(random);
  return values;
}

TEST(MannWhitney, GivesThePublishedProbabilities) {
  // Two samples that do not overlap: 2 / C(8, 4) and 2 / C(10, 5).
  EXPECT_NEAR(mann_whitney_p(std::vector{1., 2., 3., 4.}, std::vector{5., 6., 7., 8.}), 2.0 / 70,
              1e-12);
  EXPECT_NEAR(mann_whitney_p(std::vector{6., 7., 8., 9., 10.}, std::vector{1., 2., 3., 4., 5.}),
              2.0 / 252, 1e-12);
  // U = 3 of 4 and 5: 7 of the 126 ways are as small.
  EXPECT_NEAR(mann_whitney_p(std::vector{1., 2., 4., 6.}, std::vector{3., 5., 7., 8., 9.}),
              2.0 * 7 / 126, 1e-12);
  EXPECT_DOUBLE_EQ(mann_whitney_p(std::vector{1., 1., 1.}, std::vector{1., 1., 1.}), 1);
}

TEST(SignedRank, GivesThePublishedProbabilities) {
  EXPECT_NEAR(signed_rank_p(std::vector{1., 2., 3., 4., 5., 6.}), 2.0 / 64, 1e-12);
  // A rank sum of 5 of 7 differences: 10 of the 128 ways are as small.
  EXPECT_NEAR(signed_rank_p(std::vector{-5., 1., 2., 3., 4., 6., 7.}), 2.0 * 10 / 128, 1e-12);
  EXPECT_DOUBLE_EQ(signed_rank_p(std::vector{0., 0.}), 1);
}

TEST(Tests, ExactAndApproximateAgreeWhereOneGivesWayToTheOther) {
  Random random(3);
  std::vector<double> a(25);
  std::vector<double> b(25);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<double>(i) + 0.3 * random.unit();
    b[i] = a[i] + 5.5;
  }
  const double exact = mann_whitney_p(a, b);
  b[24] = b[23];  // a tie: the approximation; the order is as before
  EXPECT_NEAR(mann_whitney_p(a, b), exact, 0.003);
  EXPECT_NEAR(exact, 0.03, 0.02);
}

TEST(Holm, StepsDownAsInTheTextbook) {
  const std::vector<double> corrected = holm(std::vector{0.01, 0.04, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(corrected[3], 0.02);
  EXPECT_DOUBLE_EQ(corrected[0], 0.03);
  EXPECT_DOUBLE_EQ(corrected[2], 0.06);
  EXPECT_DOUBLE_EQ(corrected[1], 0.06);
  EXPECT_TRUE(holm({}).empty());
}

TEST(IntervalOfTheMedian, CoversAsOftenAsItSays) {
  constexpr int kRuns = 300;
  Random random(1);
  double of_bootstrap = 0;  // 5 distributions, 2 numbers
  for (const Distribution& distribution : kDistributions) {
    for (const std::size_t n : {7u, 12u, 20u, 41u}) {
      int covered = 0;
      double said = 0;
      for (int run = 0; run < kRuns; ++run) {
        const MedianInterval interval = *interval_of_median(draw(distribution, n, random));
        covered += interval.low <= distribution.median && distribution.median <= interval.high;
        said = interval.coverage;
      }
      const double share = static_cast<double>(covered) / kRuns;
      // Of the simulation: one in a thousand. All distributions together have less of it, below.
      const double noise = 3.3 * std::sqrt(said * (1 - said) / kRuns);
      EXPECT_GE(share, said - noise) << distribution.name << ", n " << n;
      if (n < kFewestForBootstrap) continue;
      of_bootstrap += share / 10;
    }
  }
  EXPECT_GE(of_bootstrap, 0.93);
  EXPECT_LE(of_bootstrap, 0.97);
}

// A run against itself. REQUIRES: the level 0.05.
double false_positives(bool paired, std::size_t rounds, int runs, std::uint64_t seed) {
  Random random(seed);
  int found = 0;
  for (int run = 0; run < runs; ++run) {
    const Distribution& distribution = kDistributions[static_cast<std::size_t>(run) % 5];
    const auto a = draw(distribution, rounds, random);
    const auto b = draw(distribution, rounds, random);
    const Effect effect = *effect_of({.cell = a, .baseline = b, .paired = paired});
    const Verdict verdict = verdict_of(effect, effect.p, 1);
    found += verdict == Verdict::faster || verdict == Verdict::slower;
  }
  return static_cast<double>(found) / runs;
}

TEST(Verdicts, OfTenThousandRunsAgainstThemselvesAreInTheBinomialBand) {
  constexpr int kRuns = 10'000;
  const double band = 3.3 * std::sqrt(0.05 * 0.95 / kRuns);  // one in a thousand
  // Few samples have few possible probabilities, so that the true level lies below 0.05: it is
  // 0.0499 for the signed-rank test of 12 and 0.0449 for Mann and Whitney's of 10 and 10.
  EXPECT_NEAR(false_positives(true, 12, kRuns, 5), 0.0425, band + 0.0075);
  EXPECT_NEAR(false_positives(false, 10, kRuns, 6), 0.0433, band + 0.0017);
  EXPECT_LE(false_positives(true, 12, kRuns, 7), 0.05 + band);
}

TEST(Verdicts, OfAFamilyAreAllRightInNineteenOfTwentyRuns) {
  constexpr int kRuns = 2000;
  constexpr std::size_t kFamily = 8;
  Random random(9);
  int wrong = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Distribution& distribution = kDistributions[static_cast<std::size_t>(run) % 5];
    const auto baseline = draw(distribution, 15, random);
    std::vector<double> p;
    for (std::size_t i = 0; i < kFamily; ++i)
      p.push_back(
          effect_of({.cell = draw(distribution, 15, random), .baseline = baseline, .paired = true})
              ->p);
    const std::vector<double> corrected = holm(p);
    wrong += *std::min_element(corrected.begin(), corrected.end()) <= 0.05;
  }
  EXPECT_LE(static_cast<double>(wrong) / kRuns, 0.05 + 2.6 * std::sqrt(0.05 * 0.95 / kRuns));
}

TEST(Effects, AsLargeAsSaidToBeDetectableAreFoundInFourOfFiveRuns) {
  constexpr int kRuns = 1000;
  for (const bool paired : {true, false}) {
    Random random(13);
    // What the rounds say is detectable, in the middle of many runs; then that is planted.
    std::vector<double> said;
    for (int run = 0; run < 200; ++run) {
      said.push_back(*effect_of({.cell = draw(kDistributions[0], 16, random),
                                 .baseline = draw(kDistributions[0], 16, random),
                                 .paired = paired})
                          ->minimum_detectable);
    }
    const double planted = 1 + median(said);
    int found = 0;
    for (int run = 0; run < kRuns; ++run) {
      std::vector<double> cell = draw(kDistributions[0], 16, random);
      for (double& value : cell) value *= planted;
      const Effect effect = *effect_of(
          {.cell = cell, .baseline = draw(kDistributions[0], 16, random), .paired = paired});
      found += verdict_of(effect, effect.p, 1) == Verdict::slower;
    }
    EXPECT_NEAR(static_cast<double>(found) / kRuns, 0.8, 0.07) << (paired ? "paired" : "unpaired");
  }
}

TEST(Effects, OfPairedRoundsAreNotBlurredByWhatBothSuffer) {
  Random random(17);
  Samples samples{.cell = {}, .baseline = {}, .paired = true};
  for (int round = 0; round < 12; ++round) {
    const double machine = std::exp(0.3 * normal(random));  // fast one round, slow the next
    samples.baseline.push_back(100 * machine * (1 + 0.002 * normal(random)));
    samples.cell.push_back(103 * machine * (1 + 0.002 * normal(random)));
  }
  const Effect paired = *effect_of(samples);
  EXPECT_EQ(verdict_of(paired, paired.p, 1), Verdict::slower);
  EXPECT_NEAR(paired.ratio, 1.03, 0.005);
  samples.paired = false;
  const Effect unpaired = *effect_of(samples);
  EXPECT_EQ(verdict_of(unpaired, unpaired.p, 1), Verdict::no_difference);
}

TEST(Verdicts, SayWhenThereAreTooFewRoundsForTheFamily) {
  const Effect five =
      *effect_of({.cell = {1, 2, 3, 4, 5}, .baseline = {2, 4, 6, 8, 10.1}, .paired = true});
  EXPECT_EQ(verdict_of(five, five.p, 1), Verdict::too_few_rounds);
  const Effect six = *effect_of(
      {.cell = {1, 2, 3, 4, 5, 6}, .baseline = {2.1, 4.2, 6.4, 8.5, 10.1, 13}, .paired = true});
  EXPECT_EQ(verdict_of(six, six.p, 1), Verdict::faster);
  EXPECT_EQ(verdict_of(six, six.p, 2), Verdict::too_few_rounds);
  EXPECT_FALSE(effect_of({.cell = {}, .baseline = {1}, .paired = false}));
}

}  // namespace
}  // namespace pymemlab
