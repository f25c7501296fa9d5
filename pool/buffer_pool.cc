#include "pool/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <new>

#include "pool/local_pool.h"

namespace pool {
namespace {

constexpr std::size_t kSlabBlocks = 64;

std::size_t index(Direction direction) {
  return static_cast<std::size_t>(direction);
}

// Blocks follow each other in their slab and begin with their descriptor.
PoolLimits aligned(PoolLimits limits) {
  limits.block_size -= limits.block_size % alignof(std::max_align_t);
  return limits;
}

}  // namespace

PoolLimits PoolLimits::with_reserves(std::size_t block_size, std::size_t blocks) {
  const std::size_t reserve = blocks < 2 ? 0 : std::max<std::size_t>(1, blocks / 8);
  return {block_size, blocks, reserve, reserve};
}

BufferPool::BufferPool(const PoolLimits& limits) : limits_(aligned(limits)) {
  assert(limits.block_size >= PoolLimits::kMinBlockSize && limits.blocks >= 1);
  assert(limits.reserve_for_requests < limits.blocks && limits.reserve_for_responses < limits.blocks);
  // With both directions at their limits nothing is free then, so one release never owes two waiters.
  assert(limits.reserve_for_requests + limits.reserve_for_responses <= limits.blocks);
  stats_.block_size = limits_.block_size;
  stats_.blocks = limits_.blocks;
}

BufferPool::~BufferPool() {
  assert(locals_.empty() && queue_.empty() && free_count_ == stats_.mapped);
  for (const Slab& slab : slabs_) ::munmap(slab.memory, slab.bytes);
}

PoolStats BufferPool::stats() const {
  const std::lock_guard lock(mutex_);
  PoolStats stats = stats_;
  for (LocalPool* local : locals_) {
    const std::lock_guard cache_lock(local->cache_mutex_);
    for (std::size_t d = 0; d < kDirections; ++d) {
      stats.used[d] -= local->cached_[d];
      stats.cached += local->cached_[d];
    }
    stats.acquired += local->hits_;
  }
  // Counted, not derived from `used`, so that free + used = blocks says something.
  stats.free = free_count_ + (stats.blocks - stats.mapped) + stats.cached;
  for (std::size_t u = 0; u < kUrgencies; ++u) {
    for (std::size_t d = 0; d < kDirections; ++d) {
      stats.waiting[u] += queue_.waiting(static_cast<Urgency>(u), static_cast<Direction>(d));
    }
  }
  return stats;
}

std::size_t BufferPool::limit(Direction direction) const {
  const bool is_request = direction == Direction::request;
  return limits_.blocks - (is_request ? limits_.reserve_for_responses : limits_.reserve_for_requests);
}

bool BufferPool::within_limit(Direction direction) const {
  return stats_.used[index(direction)] < limit(direction);
}

void BufferPool::count_used(Direction direction) {
  const std::size_t d = index(direction);
  stats_.used_max[d] = std::max(stats_.used_max[d], ++stats_.used[d]);
}

std::array<bool, kDirections> BufferPool::allowed() const {
  return {within_limit(Direction::request), within_limit(Direction::response)};
}

void BufferPool::map_slab() {
  const std::size_t count = std::min(kSlabBlocks, limits_.blocks - stats_.mapped);
  const std::size_t bytes = count * limits_.block_size;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;  // the kernel has none: the same as no free block
  slabs_.push_back({memory, bytes});
  stats_.mapped += count;
  free_count_ += count;
  // In reverse, so that the list hands out ascending addresses and touches pages one after the other.
  for (std::size_t i = count; i-- > 0;) {
    auto* block = new (static_cast<std::byte*>(memory) + i * limits_.block_size)
        Block(static_cast<std::uint32_t>(payload()), Direction::request);
    block->next_ = free_;
    free_ = block;
  }
}

Block* BufferPool::take(Direction direction) {
  // A block that is cached counts for its direction, so a worker's cache may hold what this limit seems to
  // forbid.
  if (!within_limit(direction)) return take_from_caches(direction);
  if (free_ == nullptr && stats_.mapped < limits_.blocks) map_slab();
  if (free_ == nullptr) return take_from_caches(direction);
  Block* block = free_;
  free_ = block->next_;
  block->next_ = nullptr;
  block->direction_ = direction;
  --free_count_;
  count_used(direction);
  return block;
}

Block* BufferPool::take_from_caches(Direction direction) {
  const bool may_grow = within_limit(direction);
  for (LocalPool* local : locals_) {
    if (Block* block = local->pop_cached(direction)) return block;
    if (!may_grow) continue;
    for (std::size_t other = 0; other < kDirections; ++other) {
      Block* block = local->pop_cached(static_cast<Direction>(other));
      if (block == nullptr) continue;
      --stats_.used[other];
      count_used(direction);
      block->direction_ = direction;
      return block;
    }
  }
  return nullptr;
}

Block* BufferPool::take_spare(Direction direction) {
  std::size_t in_use = stats_.used[index(direction)];
  for (LocalPool* local : locals_) {
    const std::lock_guard cache_lock(local->cache_mutex_);
    in_use -= local->cached_[index(direction)];
  }
  return 2 * (in_use + 1) <= limit(direction) ? take(direction) : nullptr;
}

LocalPool* BufferPool::put(Block* block, const LocalPool* by) {
  --stats_.used[index(block->direction_)];
  ReleaseSubscription* waiter = queue_.pop(allowed());
  if (waiter != nullptr) {
    waiters_.fetch_sub(1);
    count_used(waiter->direction_);
    block->direction_ = waiter->direction_;
    ++stats_.handed_over;
    return grant(*waiter, block, by);
  }
  block->next_ = free_;
  free_ = block;
  ++free_count_;
  return nullptr;
}

LocalPool* BufferPool::grant(ReleaseSubscription& waiter, Block* block, const LocalPool* by) {
  LocalPool& local = waiter.local_;
  waiter.granted_ = block;
  waiter.state_.store(ReleaseSubscription::State::granted, std::memory_order_relaxed);
  waiter.next_ = nullptr;
  waiter.prev_ = local.granted_last_;
  (local.granted_last_ != nullptr ? local.granted_last_->next_ : local.granted_first_) = &waiter;
  local.granted_last_ = &waiter;
  const bool was_empty = local.granted_count_.fetch_add(1) == 0;
  // A worker that grants to itself delivers before it sleeps.
  if (!was_empty || &local == by) return nullptr;
  ++stats_.woken;
  return &local;
}

// A worker that has just cached a block, and is about to see the waiter who came meanwhile, is not overtaken
// either.
void BufferPool::settle_caches(const LocalPool& by) {
  if (queue_.empty()) return;
  for (LocalPool* local : locals_) reclaim_cache(*local, by);
}

void BufferPool::release(Block* block, const LocalPool& by) {
  const std::lock_guard lock(mutex_);
  // Woken under the lock: the worker could otherwise take the block and be gone before its waker is called.
  if (LocalPool* to_wake = put(block, &by)) to_wake->waker_.wake();
}

void BufferPool::reclaim_cache(LocalPool& local, const LocalPool& by) {
  for (std::size_t d = 0; d < kDirections; ++d) {
    while (Block* block = local.pop_cached(static_cast<Direction>(d))) {
      if (LocalPool* to_wake = put(block, &by)) to_wake->waker_.wake();
    }
  }
}

void BufferPool::subscribe(ReleaseSubscription& subscription) {
  const std::lock_guard lock(mutex_);
  // Announced before the caches are searched: a worker that caches a block after our search sees the waiter
  // and gives the block up itself (LocalPool::release). Its cache's lock orders the two.
  waiters_.fetch_add(1);
  settle_caches(subscription.local_);
  Block* block = take(subscription.direction_);
  if (block == nullptr) {
    ++stats_.subscribed;
    subscription.state_.store(ReleaseSubscription::State::waiting, std::memory_order_relaxed);
    queue_.push(subscription);
    return;
  }
  waiters_.fetch_sub(1);
  ++stats_.acquired;
  grant(subscription, block, &subscription.local_);
}

void BufferPool::unsubscribe(ReleaseSubscription& subscription) {
  using State = ReleaseSubscription::State;
  const std::lock_guard lock(mutex_);
  LocalPool& local = subscription.local_;
  if (subscription.state_.load(std::memory_order_relaxed) == State::waiting) {
    queue_.remove(subscription);
    waiters_.fetch_sub(1);
    ++stats_.cancelled;
  } else {
    ReleaseSubscription* prev = subscription.prev_;
    ReleaseSubscription* next = subscription.next_;
    (prev != nullptr ? prev->next_ : local.granted_first_) = next;
    (next != nullptr ? next->prev_ : local.granted_last_) = prev;
    local.granted_count_.fetch_sub(1);
    ++stats_.passed_on;
    if (LocalPool* to_wake = put(subscription.granted_, &local)) to_wake->waker_.wake();
    subscription.granted_ = nullptr;
  }
  subscription.next_ = subscription.prev_ = nullptr;
  subscription.state_.store(State::idle, std::memory_order_relaxed);
}

Block* BufferPool::next_granted(LocalPool& local, ReleaseSubscription*& subscription) {
  const std::lock_guard lock(mutex_);
  subscription = local.granted_first_;
  if (subscription == nullptr) return nullptr;
  local.granted_first_ = subscription->next_;
  (local.granted_first_ != nullptr ? local.granted_first_->prev_ : local.granted_last_) = nullptr;
  local.granted_count_.fetch_sub(1);
  subscription->next_ = subscription->prev_ = nullptr;
  subscription->state_.store(ReleaseSubscription::State::idle, std::memory_order_relaxed);
  Block* block = subscription->granted_;
  subscription->granted_ = nullptr;
  return block;
}

}  // namespace pool
