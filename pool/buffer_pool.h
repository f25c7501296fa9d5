#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "pool/block.h"
#include "pool/pool_stats.h"
#include "pool/shortage.h"
#include "pool/slabs.h"
#include "pool/turn_queue.h"

namespace pool {

/// What bounds a pool. Reserves are blocks that the other direction cannot take, so that one direction full
/// of blocks never stops the other; a pool of one block has none. REQUIRES: both together are at most
/// `blocks`, and each is less.
struct PoolLimits {
  std::size_t block_size =
      16 * 1024;  // bytes, descriptor included; at least kMinBlockSize, rounded down to 16
  std::size_t blocks = 1;
  std::size_t reserve_for_requests = 0;
  std::size_t reserve_for_responses = 0;
  Shortage shortage{};

  static constexpr std::size_t kMinBlockSize = 1024;
  /// An eighth for each direction, at least one block when there are two.
  static PoolLimits with_reserves(std::size_t block_size, std::size_t blocks);
};

/// The blocks of the process under a hard cap, and the queue of those who wait for one.
///
/// Any thread may call it, through its LocalPool. Blocks are carved from mmap'd slabs that are made on demand
/// and reused last in, first out. Invariant: a block is never free while somebody waits who may have it: its direction is
/// within its limit, and its connection holds no more than its share (TurnQueue).
class BufferPool {
 public:
  explicit BufferPool(const PoolLimits& limits);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  /// REQUIRES: every block is back and every LocalPool is gone.
  ~BufferPool();

  /// As the pool was made.
  const PoolLimits& limits() const { return limits_; }
  /// The cap as it is now. Any thread, without the lock.
  std::size_t blocks() const { return blocks_.load(std::memory_order_relaxed); }
  /// Changes the cap, and the reserves as with_reserves() does. More: waiters have their blocks at once. Fewer: what is in
  /// use beyond the cap is not given out again when it comes back; until then under_pressure(). Any thread.
  void set_blocks(std::size_t blocks);
  /// Gives the kernel the memory of free blocks beyond the most that were in use since the last call. Returns of how many.
  /// Call it now and then, one thread at a time; others wait for no more than a moment.
  std::size_t trim();
  /// Payload bytes of one block.
  std::size_t payload() const { return limits_.block_size - Block::overhead(); }
  /// True while anybody waits for a block, or more are in use than there may be: holders should shrink to what they need.
  bool under_pressure() const {
    return waiters_.load(std::memory_order_relaxed) != 0 || over_cap_.load(std::memory_order_relaxed);
  }
  PoolStats stats() const;
  /// Whether slow peers together hold more than three quarters of the blocks. Any thread, without the lock.
  bool slow_exceed() const { return 4 * slow_.load(std::memory_order_relaxed) > 3 * blocks(); }
  /// The oracle: free + used = blocks, what is granted is used, and nobody waits for what is free. Locks.
  bool consistent() const;

 private:
  friend class LocalPool;
  friend class ReleaseSubscription;
  friend class SlowShare;
  // All REQUIRE mutex_ unless said.
  std::size_t limit(Direction direction) const;
  std::size_t free(Direction direction, std::size_t used, std::size_t used_all) const;
  TurnQueue::Supplies supplies() const;
  std::size_t free_of(Direction direction) const;
  bool may_have(const TurnGroup* group, Direction direction) const;
  void give(Block* block, TurnGroup* group);
  std::size_t used() const { return stats_.used[0] + stats_.used[1]; }
  void count_used(Direction direction);
  // From the free ones, new ones, or any worker's cache; for `group`, unless that holds its share.
  Block* take(Direction direction, TurnGroup* group);
  Block* take_any(Direction direction);
  Block* take_from_caches(Direction direction);
  Block* take_spare(Direction direction, TurnGroup* group);
  void note_use();  // what is read without the lock
  void serve_waiting(const LocalPool* by);  // with free blocks, as far as they go
  void put(Block* block, const LocalPool* by);  // to the waiter whose turn it is, else free
  void grant(ReleaseSubscription& waiter, Block* block, const LocalPool* by);
  void settle_caches(const LocalPool& by);  // while anybody waits: all caches to the waiters
  void release(Block* block, TurnGroup* group, const LocalPool& by);  // locks; the group that held it, or null
  void reclaim_cache(LocalPool& local, const LocalPool* by);  // gives the cache to waiters, or back
  void subscribe(ReleaseSubscription& subscription);          // locks
  void unsubscribe(ReleaseSubscription& subscription);        // locks
  Block* next_granted(LocalPool& local, ReleaseSubscription*& subscription);  // locks

  const PoolLimits limits_;
  mutable std::mutex mutex_;
  std::atomic<std::size_t> slow_{0};     // blocks held by slow peers
  std::atomic<std::size_t> waiters_{0};  // in step with queue_; readable without the lock
  std::atomic<std::size_t> blocks_;      // written under the lock, like the following
  std::atomic<bool> over_cap_{false};    // more are in use than there may be
  std::array<std::atomic<std::size_t>, kDirections> free_hint_{};  // free(), caches not included
  std::array<std::size_t, kDirections> reserves_;
  Slabs slabs_;
  std::size_t lately_used_max_ = 0;      // caches included; since the last trim()
  TurnQueue queue_;
  std::vector<LocalPool*> locals_;
  PoolStats stats_;  // used counts blocks in workers' caches too, under the direction that they came from
};

}  // namespace pool
