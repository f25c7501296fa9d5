#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "pool/block.h"
#include "pool/buffer_pool.h"
#include "pool/histogram.h"
#include "pool/holdings.h"
#include "pool/shortage.h"

namespace pool {

/// Wakes a worker that may be asleep, so that it calls LocalPool::deliver(). Called from any thread, under
/// the pool's lock: it must not call the pool.
class Waker {
 public:
  virtual void wake() noexcept = 0;

 protected:
  ~Waker() = default;
};

/// One worker's door to the BufferPool: a small cache of free blocks, and the blocks that were granted to its
/// waiters.
///
/// Confined to its worker's thread. The cache is guarded by a lock of its own, because a waiter of another
/// worker takes from it before it goes to wait: a cache never holds what another thread waits for.
class LocalPool {
 public:
  /// `now` is called at every grant, on any thread.
  LocalPool(BufferPool& pool, Waker& waker, TicksNow now = no_clock);
  LocalPool(const LocalPool&) = delete;
  LocalPool& operator=(const LocalPool&) = delete;
  /// REQUIRES: no subscription of this worker waits, and its blocks are back. Gives the cache back.
  ~LocalPool();

  /// A block if one may be had now, else null. Never waits and never overtakes a waiter. Null as well where
  /// PoolLimits::shortage says so. `group`: the connection that it is for; null: nobody in particular, who has no share to keep to.
  BlockRef try_acquire(Direction direction, TurnGroup* group = nullptr);
  /// The same, but only while less than half of what the direction may have is in use: for bytes that nobody
  /// takes yet. What waits for something other than a block can thus never hold all that others need to go
  /// on.
  BlockRef try_acquire_spare(Direction direction, TurnGroup* group = nullptr);

  /// Gives the blocks that were granted to waiters of this worker to their owners. Returns how many: at most
  /// as many as had been granted when it was called. Owners may do anything, request() again included. Call
  /// it in every loop turn, and do not sleep while has_granted(): the waker is called for the first grant
  /// only.
  std::size_t deliver();
  bool has_granted() const { return granted_count_.load(std::memory_order_acquire) != 0; }

  /// What the blocks of this worker are used for: pipes count theirs.
  Holdings& holdings() { return holdings_; }

  BufferPool& pool() { return pool_; }
  const BufferPool& pool() const { return pool_; }

 private:
  friend class BlockRef;
  friend class BufferPool;
  friend class ReleaseSubscription;
  static constexpr std::size_t kCacheBlocks = 8;  // a direction

  void release(Block* block) noexcept;
  Block* pop_cached(Direction direction);
  bool may_have(const TurnGroup* group, Direction direction);
  BlockRef adopt(Block* block);
  bool refuse();
  void measure_wait(const ReleaseSubscription& waiter);
  void measure_hand_over(const ReleaseSubscription& waiter);
  void add_to(PoolStats& stats) const;  // what is counted here and not under the pool's lock

  BufferPool& pool_;
  Waker& waker_;
  const TicksNow now_;
  Holdings holdings_;
  std::array<Histogram, kUrgencies> waited_;
  Histogram hand_over_own_;
  Histogram hand_over_other_;
  ShortageDice shortage_;

  std::mutex cache_mutex_;  // taken after the pool's lock where both are held
  std::array<Block*, kDirections> cache_{};
  std::array<std::size_t, kDirections> cached_{};
  std::atomic<std::uint64_t> hits_{0};  // blocks acquired from the cache; written by the worker only

  ReleaseSubscription* granted_first_ = nullptr;  // guarded by the pool's lock
  ReleaseSubscription* granted_last_ = nullptr;
  std::atomic<std::size_t> granted_count_{0};
};

}  // namespace pool
