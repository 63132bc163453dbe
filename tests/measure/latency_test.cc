// The histogram of latencies against a sorted list of the same values.
#include "core/measure/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace pymemlab {
namespace {

using Histogram = LatencyHistogram;

TEST(LatencyHistogram, EveryBucketBeginsWhereTheOneBeforeEnds) {
  for (std::size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    const std::uint64_t from = Histogram::from_ns(i);
    const std::uint64_t to = Histogram::from_ns(i + 1);
    ASSERT_LT(from, to);
    ASSERT_EQ(Histogram::bucket_of(from), i);
    ASSERT_EQ(Histogram::bucket_of(to - 1), i);
    ASSERT_EQ(Histogram::bucket_of(to), i + 1);
    if (from >= Histogram::kExactBelow) {
      ASSERT_LE(to - from, from / 32) << "wider than 1/32 of itself";
    } else {
      ASSERT_EQ(to - from, 1u);
    }
  }
  EXPECT_EQ(Histogram::from_ns(Histogram::kBuckets - 1), 1ull << 36);
}

TEST(LatencyHistogram, QuantilesAreThoseOfTheValuesToABucketsWidth) {
  Random random(7);
  Histogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    // Spread over seven decades, as calls and interruptions are.
    const double value = static_cast<double>(1 + random.below(1000)) *
                         std::pow(10.0, static_cast<double>(random.below(5))) / 10;
    values.push_back(value);
    histogram.add(value);
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    const double exact =
        values[static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1];
    EXPECT_NEAR(histogram.quantile_ns(share), exact, std::max(1.0, exact / 32)) << share;
  }
  EXPECT_DOUBLE_EQ(histogram.max_ns(), values.back());
  EXPECT_DOUBLE_EQ(histogram.quantile_ns(1), values.back());
  EXPECT_EQ(histogram.calls(), values.size());
}

TEST(LatencyHistogram, WithoutCallsIsZero) {
  const Histogram none;
  EXPECT_EQ(none.calls(), 0u);
  EXPECT_EQ(none.quantile_ns(0.5), 0);
  EXPECT_EQ(none.mean_ns(), 0);
}

TEST(LatencyHistogram, SumsAreOfBoth) {
  Histogram a;
  Histogram b;
  a.add(10);
  b.add(20);
  b.add(1e12);  // beyond the last bound
  a.add(b);
  EXPECT_EQ(a.calls(), 3u);
  EXPECT_DOUBLE_EQ(a.mean_ns(), (30 + 1e12) / 3);
  EXPECT_DOUBLE_EQ(a.quantile_ns(1), 1e12);
}

TEST(SizeRanges, CoverEverySizeOnceAndInOrder) {
  for (const std::size_t alignment : {8u, 16u}) {
    const SizeRanges ranges(alignment);
    ASSERT_LE(ranges.count(), SizeRanges::kMost);
    EXPECT_EQ(ranges.to_bytes(0), 0u);
    for (std::size_t i = 1; i < ranges.count(); ++i) {
      ASSERT_EQ(ranges.from_bytes(i), ranges.to_bytes(i - 1) + 1);
      ASSERT_EQ(ranges.of(ranges.from_bytes(i)), i);
      ASSERT_EQ(ranges.of(ranges.to_bytes(i)), i);
    }
    EXPECT_EQ(ranges.to_bytes(ranges.count() - 1), ~std::uint64_t{0});
  }
}

}  // namespace
}  // namespace pymemlab
