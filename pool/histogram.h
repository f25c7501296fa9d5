#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pool {

/// Nanoseconds of a clock that never goes back. The pool has none of its own: it is told by who has.
using Ticks = std::uint64_t;
using TicksNow = Ticks (*)() noexcept;
/// For who does not measure.
inline Ticks no_clock() noexcept {
  return 0;
}

/// How often something took how long, in buckets that double: bucket i counts what took at most bound(i) and
/// more than bound(i - 1), the last one all that took longer than 134 s.
struct HistogramCounts {
  static constexpr std::size_t kBounds = 28;
  static constexpr Ticks bound(std::size_t i) { return Ticks{1000} << i; }  // 1 us to 134 s
  static std::size_t bucket_of(Ticks ticks);

  std::array<std::uint64_t, kBounds + 1> counts{};
  Ticks sum = 0;

  std::uint64_t total() const;
  /// The bound of the bucket that the `share` (0 to 1) of all lies within; 0 when there are none, twice the
  /// last bound for the last bucket.
  Ticks quantile(double share) const;
  HistogramCounts& operator+=(const HistogramCounts& other);
};

/// One thread adds; any thread reads.
class Histogram {
 public:
  void add(Ticks ticks) {
    bump(counts_[HistogramCounts::bucket_of(ticks)], 1);
    bump(sum_, ticks);
  }
  HistogramCounts counts() const;

 private:
  static void bump(std::atomic<std::uint64_t>& value, std::uint64_t n) {
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, HistogramCounts::kBounds + 1> counts_{};
  std::atomic<Ticks> sum_{0};
};

}  // namespace pool
