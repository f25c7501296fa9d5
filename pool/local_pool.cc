#include "pool/local_pool.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pool {
namespace {

std::size_t index(Direction direction) {
  return static_cast<std::size_t>(direction);
}

}  // namespace

LocalPool::LocalPool(BufferPool& pool, Waker& waker, TicksNow now)
    : pool_(pool), waker_(waker), now_(now), shortage_(pool.limits().shortage, 0) {
  const std::lock_guard lock(pool_.mutex_);
  shortage_ = ShortageDice(pool.limits().shortage, pool_.locals_.size());
  pool_.locals_.push_back(this);
}

LocalPool::~LocalPool() {
  assert(granted_first_ == nullptr && holdings_.none());
  const std::lock_guard lock(pool_.mutex_);
  pool_.reclaim_cache(*this, this);
  pool_.stats_.acquired += hits_;
  add_to(pool_.stats_);
  std::erase(pool_.locals_, this);
}

// The shortage that tests ask for counts like a real one.
bool LocalPool::refuse() {
  if (!shortage_.refuse()) return false;
  const std::lock_guard lock(pool_.mutex_);
  ++pool_.stats_.refused;
  return true;
}

// Without the pool's lock: what is in other workers' caches is left out, so a no may be wrong, a yes is not by much.
bool LocalPool::may_have(const TurnGroup* group, Direction direction) {
  if (group == nullptr || group->held(direction) == 0) return true;
  const std::size_t free = pool_.free_hint_[index(direction)].load(std::memory_order_relaxed);
  return TurnQueue::Supply{free, pool_.blocks()}.allows(group->held(direction));
}

BlockRef LocalPool::try_acquire(Direction direction, TurnGroup* group) {
  if (refuse()) return {};
  // While anybody waits, this group may, and then the pool has to know what it takes.
  Block* block = !pool_.under_pressure() && may_have(group, direction) ? pop_cached(direction) : nullptr;
  if (block != nullptr) {
    pool_.give(block, group);
    hits_.store(hits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    const std::lock_guard lock(pool_.mutex_);
    pool_.settle_caches(*this);
    // By the pool's invariant a block that a waiter may have is not free, so this overtakes nobody.
    block = pool_.take(direction, group);
    ++(block != nullptr ? pool_.stats_.acquired : pool_.stats_.refused);
  }
  return adopt(block);
}

BlockRef LocalPool::try_acquire_spare(Direction direction, TurnGroup* group) {
  if (refuse()) return {};
  const std::lock_guard lock(pool_.mutex_);
  pool_.settle_caches(*this);
  Block* block = pool_.take_spare(direction, group);
  ++(block != nullptr ? pool_.stats_.acquired : pool_.stats_.refused);
  return adopt(block);
}

BlockRef LocalPool::adopt(Block* block) {
  if (block == nullptr) return {};
  block->home_ = this;
  block->next_ = nullptr;
  block->begin_ = block->end_ = 0;
  holdings_.add(Holdings::State::in_use, block->direction_);
  return BlockRef(block);
}

Block* LocalPool::pop_cached(Direction direction) {
  const std::lock_guard lock(cache_mutex_);
  Block*& first = cache_[index(direction)];
  Block* block = first;
  if (block != nullptr) {
    first = block->next_;
    --cached_[index(direction)];
  }
  return block;
}

void LocalPool::release(Block* block) noexcept {
  const std::size_t d = index(block->direction_);
  holdings_.sub(Holdings::State::in_use, block->direction_);
  TurnGroup* group = nullptr;
  if (Tally* holder = std::exchange(block->holder_, nullptr)) {
    group = holder->group();
    holder->sub(block->direction_);
  }
  bool is_cached = false;
  if (!pool_.under_pressure()) {
    const std::lock_guard lock(cache_mutex_);
    if (cached_[d] < kCacheBlocks) {
      block->next_ = cache_[d];
      cache_[d] = block;
      ++cached_[d];
      is_cached = true;
    }
  }
  if (!is_cached) {
    pool_.release(block, group, *this);
  } else if (pool_.under_pressure()) {
    // Somebody came to wait in between, and may have searched this cache before the block was in it.
    const std::lock_guard lock(pool_.mutex_);
    pool_.reclaim_cache(*this, this);
  }
}

// ---- What is measured ----

void LocalPool::measure_wait(const ReleaseSubscription& waiter) {
  waited_[static_cast<std::size_t>(waiter.urgency_)].add(now_() - waiter.asked_at_);
}

void LocalPool::measure_hand_over(const ReleaseSubscription& waiter) {
  if (!waiter.queued_) return;
  measure_wait(waiter);
  (waiter.granted_by_own_ ? hand_over_own_ : hand_over_other_).add(now_() - waiter.granted_at_);
}

void LocalPool::add_to(PoolStats& stats) const {
  for (std::size_t d = 0; d < kDirections; ++d) {
    stats.promised[d] += holdings_.count(Holdings::State::promised, static_cast<Direction>(d));
    stats.filled[d] += holdings_.count(Holdings::State::filled, static_cast<Direction>(d));
  }
  for (std::size_t u = 0; u < kUrgencies; ++u) stats.waited[u] += waited_[u].counts();
  stats.hand_over_own += hand_over_own_.counts();
  stats.hand_over_other += hand_over_other_.counts();
}

std::size_t LocalPool::deliver() {
  const std::size_t turn = granted_count_.load(std::memory_order_acquire);
  std::size_t delivered = 0;
  while (delivered < turn) {
    ReleaseSubscription* subscription = nullptr;
    Block* block = pool_.next_granted(*this, subscription);
    if (subscription == nullptr) break;
    ++delivered;
    measure_hand_over(*subscription);
    subscription->owner_.on_block(adopt(block));
  }
  return delivered;
}

}  // namespace pool
