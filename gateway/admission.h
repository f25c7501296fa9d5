#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pool/ledger.h"

namespace gateway {

// What things cost, heads apart, as measured: tests/integration/test_ledger.py holds the program to it.

/// A client's TLS connection without a stream.
inline constexpr std::size_t kConnectionCost = 48 * 1024;
/// What a TLS handshake takes at its height. The part of it that the connection does not take at once is set
/// aside until it is open.
inline constexpr std::size_t kHandshakeCost = 80 * 1024;
inline constexpr std::size_t kHandshakeReserve = 48 * 1024;
/// An exchange with its streams on both sides and usual heads, without the blocks of its bodies.
inline constexpr std::size_t kStreamCost = 8 * 1024;
/// What every connection's streams may hold as long as there is memory at all.
inline constexpr std::size_t kModestShare = 2 * kStreamCost;
/// Trailers, and a response's head, of less are a part of kStreamCost.
inline constexpr std::size_t kUsualSection = 4 * 1024;
/// The part of the budget beside the blocks that may be used: what remains is for what an allocator loses
/// between two of its pieces, until that is measured (MemoryKeeper).
constexpr std::uint64_t spendable(std::uint64_t budget, std::uint64_t blocks) {
  return blocks < budget ? (budget - blocks) / 8 * 7 : 0;
}

/// Who may have memory beside the blocks, by the ledger. What is there at open() is the fixed base; all that
/// comes on top of it counts.
///
///   until   who
///   1/2     streams of connections that hold more than kModestShare, and their longer header sections
///   3/4     client connections
///   7/8     backend connections beside the first of an endpoint
///   15/16   streams of connections that hold little
///   1       the operator, usual trailers and response heads, and request heads that have begun
///
/// The order lets what is there go on: greedy clients get no more, then no more clients come, then requests
/// wait for backends, then streams are refused. Any thread may ask.
class Admission {
 public:
  explicit Admission(pool::Ledger& ledger) : ledger_(ledger) {}

  /// What is in the ledger now does not count from now on. `fixed_base`: what is resident, for who asks.
  void open(std::int64_t fixed_base) {
    fixed_base_.store(fixed_base, std::memory_order_relaxed);
    base_.store(ledger_.total(), std::memory_order_relaxed);
  }
  /// Of the budget `blocks` bytes are for the pool. Until it is called everything is admitted.
  void set_budget(std::uint64_t budget, std::uint64_t blocks) {
    budget_.store(static_cast<std::int64_t>(budget), std::memory_order_relaxed);
    limit_.store(static_cast<std::int64_t>(spendable(budget, blocks)), std::memory_order_relaxed);
  }
  /// What is resident beyond what the ledger knows.
  void set_overhead(std::int64_t bytes) { overhead_.store(bytes, std::memory_order_relaxed); }

  std::int64_t fixed_base() const { return fixed_base_.load(std::memory_order_relaxed); }
  std::int64_t budget() const { return budget_.load(std::memory_order_relaxed); }
  std::int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  std::int64_t base() const { return base_.load(std::memory_order_relaxed); }
  std::int64_t overhead() const { return overhead_.load(std::memory_order_relaxed); }
  /// Beyond the base; what is promised included.
  std::int64_t used() const { return ledger_.total() - base() + ledger_.promised() + overhead(); }
  pool::Ledger& ledger() const { return ledger_; }

  bool admits_connection() const { return fits(kHandshakeCost, limit() / 4 * 3); }
  bool admits_backend_connection() const { return fits(kConnectionCost, limit() / 8 * 7); }
  /// `held`: what the client's connection holds already. It may hold at most as much as is still free, so
  /// that many greedy clients leave room for one that holds nothing (Choudhury and Hahne, "Dynamic Queue
  /// Length Thresholds", 1998); and more than a modest share only of what new clients do not need.
  bool admits_stream(std::size_t held) const {
    return fits(kStreamCost + held, held <= kModestShare ? limit() / 16 * 15 : limit() / 2);
  }
  /// Trailers, or a header section of the response, of an exchange that was admitted, `bytes` long by now.
  /// What is usual may come as long as there is memory at all; more counts as another stream does.
  bool admits_section(std::size_t held, std::size_t bytes) const {
    return bytes < kUsualSection ? fits(bytes, limit()) : admits_stream(held + bytes);
  }
  /// For the operator, when nobody else is admitted any more.
  bool admits_admin() const { return fits(0, limit()); }
  /// New clients have to wait: who holds memory and makes no progress has to go.
  bool under_pressure() const { return !admits_connection(); }

 private:
  bool fits(std::size_t bytes, std::int64_t limit) const {
    return used() + static_cast<std::int64_t>(bytes) <= limit;
  }

  pool::Ledger& ledger_;
  std::atomic<std::int64_t> base_{0};  // of the ledger
  std::atomic<std::int64_t> fixed_base_{0};
  std::atomic<std::int64_t> budget_{0};
  std::atomic<std::int64_t> limit_{std::int64_t{1} << 60};
  std::atomic<std::int64_t> overhead_{0};
};

}  // namespace gateway
