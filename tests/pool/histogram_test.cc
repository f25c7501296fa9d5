#include "pool/histogram.h"

#include <gtest/gtest.h>

namespace pool {
namespace {

constexpr Ticks kMicrosecond = 1000;
constexpr Ticks kSecond = 1000 * 1000 * kMicrosecond;

TEST(Histogram, BucketsDoubleAndIncludeTheirBounds) {
  EXPECT_EQ(HistogramCounts::bucket_of(0), 0U);
  EXPECT_EQ(HistogramCounts::bucket_of(kMicrosecond), 0U);
  EXPECT_EQ(HistogramCounts::bucket_of(kMicrosecond + 1), 1U);
  for (std::size_t i = 0; i < HistogramCounts::kBounds; ++i) {
    EXPECT_EQ(HistogramCounts::bucket_of(HistogramCounts::bound(i)), i);
    EXPECT_EQ(HistogramCounts::bucket_of(HistogramCounts::bound(i) + 1), i + 1);
  }
  EXPECT_EQ(HistogramCounts::bucket_of(~Ticks{0} / 2), HistogramCounts::kBounds);
  EXPECT_GE(HistogramCounts::bound(HistogramCounts::kBounds - 1), 100 * kSecond);
}

TEST(Histogram, QuantilesAreTheBoundsOfTheirBuckets) {
  Histogram histogram;
  EXPECT_EQ(histogram.counts().quantile(0.5), 0U) << "nothing was measured";
  for (int i = 0; i < 98; ++i) histogram.add(3 * kMicrosecond);
  histogram.add(900 * kMicrosecond);
  histogram.add(200 * kSecond);
  const HistogramCounts counts = histogram.counts();
  EXPECT_EQ(counts.total(), 100U);
  EXPECT_EQ(counts.quantile(0), 4 * kMicrosecond);
  EXPECT_EQ(counts.quantile(0.5), 4 * kMicrosecond);
  EXPECT_EQ(counts.quantile(0.98), 4 * kMicrosecond);
  EXPECT_EQ(counts.quantile(0.99), 1024 * kMicrosecond);
  EXPECT_EQ(counts.quantile(1), HistogramCounts::bound(HistogramCounts::kBounds));
  EXPECT_EQ(counts.sum, 98 * 3 * kMicrosecond + 900 * kMicrosecond + 200 * kSecond);
}

TEST(Histogram, SumsOfWorkers) {
  Histogram a, b;
  a.add(5);
  b.add(5);
  b.add(kSecond);
  HistogramCounts sum = a.counts();
  sum += b.counts();
  EXPECT_EQ(sum.total(), 3U);
  EXPECT_EQ(sum.counts[0], 2U);
  EXPECT_EQ(sum.sum, kSecond + 10);
}

}  // namespace
}  // namespace pool
