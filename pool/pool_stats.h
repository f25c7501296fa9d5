#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pool/block.h"
#include "pool/histogram.h"
#include "pool/release_subscription.h"

namespace pool {

/// A picture of the pool at one moment (taken under its lock), and counters since it was made.
struct PoolStats {
  std::size_t block_size = 0;                   // bytes, descriptor included
  std::size_t blocks = 0;                       // the cap
  std::size_t mapped = 0;                       // blocks that have addresses
  std::size_t resident = 0;                     // of these: with memory behind them
  std::size_t free = 0;                         // blocks that nobody uses, those cached by workers included
  std::size_t cached = 0;                       // of these: in the caches of workers
  std::array<std::size_t, kDirections> used{};  // blocks held or granted, by direction
  std::array<std::size_t, kDirections> used_max{};  // high-water mark, caches included
  std::array<std::size_t, kUrgencies> waiting{};    // subscriptions in the queue, by class
  std::array<std::array<std::size_t, kDirections>, kUrgencies> waiting_by_direction{};  // the same

  // used = granted + promised + filled + queued. Workers count the last three without the lock, so a block that moves
  // between them may be missed or counted twice in a picture.
  std::array<std::size_t, kDirections> granted{};   // given to a waiter that did not take it yet
  std::array<std::size_t, kDirections> promised{};  // in a pipe, without a byte
  std::array<std::size_t, kDirections> filled{};    // in a pipe, with bytes
  std::array<std::size_t, kDirections> queued{};    // on their way to a socket
  std::size_t slow = 0;                             // of those used: held by slow peers (SlowShare)

  std::uint64_t acquired = 0;     // blocks that were free when they were asked for
  std::uint64_t subscribed = 0;   // requests that had to join the queue
  std::uint64_t handed_over = 0;  // blocks that went from a release into a waiter
  std::uint64_t passed_on = 0;    // granted, and given up before they were delivered
  std::uint64_t cancelled = 0;    // subscriptions that left the queue without a block
  std::uint64_t woken = 0;        // wake-ups of another worker
  std::uint64_t refused = 0;      // requests for a block right now that found none

  std::array<HistogramCounts, kUrgencies> waited{};  // from joining the queue to the block or the end of the wait, by class
  // From the release to the waiter's on_block. Where release and waiter are of one worker, or of two.
  HistogramCounts hand_over_own;
  HistogramCounts hand_over_other;
};

}  // namespace pool
