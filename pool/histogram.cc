#include "pool/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace pool {

std::size_t HistogramCounts::bucket_of(Ticks ticks) {
  // The number of doublings of the first bound, rounded up.
  const Ticks firsts = (ticks + bound(0) - 1) / bound(0);
  if (firsts <= 1) return 0;
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(firsts - 1)), kBounds);
}

std::uint64_t HistogramCounts::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

Ticks HistogramCounts::quantile(double share) const {
  const std::uint64_t all = total();
  if (all == 0) return 0;
  const auto rank =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all))));
  std::uint64_t seen = 0;
  std::size_t i = 0;
  while (i < kBounds && (seen += counts[i]) < rank) ++i;
  return bound(i);
}

HistogramCounts& HistogramCounts::operator+=(const HistogramCounts& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum += other.sum;
  return *this;
}

HistogramCounts Histogram::counts() const {
  HistogramCounts all;
  for (std::size_t i = 0; i < counts_.size(); ++i) all.counts[i] = counts_[i].load(std::memory_order_relaxed);
  all.sum = sum_.load(std::memory_order_relaxed);
  return all;
}

}  // namespace pool
