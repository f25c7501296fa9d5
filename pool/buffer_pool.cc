#include "pool/buffer_pool.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "pool/local_pool.h"
#include "pool/slow_share.h"

namespace pool {
namespace {

// How many blocks are given back to the kernel between two looks at who waits.
constexpr std::size_t kTrimBatch = 64;

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

BufferPool::BufferPool(const PoolLimits& limits)
    : limits_(aligned(limits)),
      blocks_(limits.blocks),
      reserves_{limits.reserve_for_requests, limits.reserve_for_responses},
      slabs_(limits_.block_size) {
  assert(limits.block_size >= PoolLimits::kMinBlockSize && limits.blocks >= 1);
  assert(limits.reserve_for_requests < limits.blocks && limits.reserve_for_responses < limits.blocks);
  // With both directions at their limits nothing is free then, so one release never owes two waiters.
  assert(limits.reserve_for_requests + limits.reserve_for_responses <= limits.blocks);
  stats_.block_size = limits_.block_size;
  note_use();
}

BufferPool::~BufferPool() {
  assert(locals_.empty() && queue_.empty() && slabs_.free() == slabs_.mapped());
  assert(slow_.load() == 0 && waiters_.load() == 0);
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
    local->add_to(stats);
  }
  stats.slow = slow_.load(std::memory_order_relaxed);
  for (std::size_t d = 0; d < kDirections; ++d) {
    const std::size_t elsewhere = stats.granted[d] + stats.promised[d] + stats.filled[d];
    stats.queued[d] = stats.used[d] - std::min(stats.used[d], elsewhere);
  }
  // Counted, not derived from `used`, so that free + used = blocks says something.
  stats.blocks = blocks();
  stats.mapped = slabs_.mapped();
  stats.resident = slabs_.resident();
  const std::size_t to_come = stats.blocks - std::min(stats.blocks, stats.mapped);
  const std::size_t surplus = stats.mapped - std::min(stats.blocks, stats.mapped);
  const std::size_t free = slabs_.free() + stats.cached + to_come;
  stats.free = free - std::min(free, surplus);
  for (std::size_t u = 0; u < kUrgencies; ++u) {
    for (std::size_t d = 0; d < kDirections; ++d) {
      const std::size_t waiting = queue_.waiting(static_cast<Urgency>(u), static_cast<Direction>(d));
      stats.waiting_by_direction[u][d] = waiting;
      stats.waiting[u] += waiting;
    }
  }
  return stats;
}

bool BufferPool::consistent() const {
  const std::lock_guard lock(mutex_);
  // While free blocks are being given back to the kernel nobody can have them.
  const bool nobody_forgotten = slabs_.cooling() > 0 || !queue_.ready(supplies());
  return slabs_.free() + used() == slabs_.mapped() && stats_.granted[0] <= stats_.used[0] &&
         stats_.granted[1] <= stats_.used[1] && nobody_forgotten;
}

void SlowShare::set(std::size_t blocks) {
  if (blocks == blocks_) return;
  pool_.slow_.fetch_add(blocks - blocks_, std::memory_order_relaxed);
  blocks_ = blocks;
}

std::size_t BufferPool::limit(Direction direction) const {
  return blocks() - reserves_[1 - index(direction)];
}

std::size_t BufferPool::free(Direction direction, std::size_t used, std::size_t used_all) const {
  const std::size_t left = blocks() - std::min(blocks(), used_all);
  return std::min(left, limit(direction) - std::min(limit(direction), used));
}

std::size_t BufferPool::free_of(Direction direction) const {
  return free(direction, stats_.used[index(direction)], used());
}

TurnQueue::Supplies BufferPool::supplies() const {
  return {TurnQueue::Supply{free_of(Direction::request), blocks()}, {free_of(Direction::response), blocks()}};
}

// Blocks in workers' caches are as good as free.
bool BufferPool::may_have(const TurnGroup* group, Direction direction) const {
  const std::size_t held = group != nullptr ? group->claimed(direction) : 0;
  if (held == 0) return true;
  std::size_t cached = 0;
  std::size_t cached_all = 0;
  for (LocalPool* local : locals_) {
    const std::lock_guard cache_lock(local->cache_mutex_);
    cached += local->cached_[index(direction)];
    cached_all += local->cached_[0] + local->cached_[1];
  }
  return TurnQueue::Supply{free(direction, stats_.used[index(direction)] - cached, used() - cached_all), blocks()}.allows(held);
}

void BufferPool::give(Block* block, TurnGroup* group) {
  if (group == nullptr) return;
  block->holder_ = group->tally_;
  group->tally_->add(block->direction_);
}

void BufferPool::count_used(Direction direction) {
  const std::size_t d = index(direction);
  stats_.used_max[d] = std::max(stats_.used_max[d], ++stats_.used[d]);
  lately_used_max_ = std::max(lately_used_max_, used());
  note_use();
}

Block* BufferPool::take(Direction direction, TurnGroup* group) {
  Block* block = may_have(group, direction) ? take_any(direction) : nullptr;
  if (block == nullptr) return nullptr;
  give(block, group);
  if (group != nullptr) queue_.settle(*group, direction);
  return block;
}

Block* BufferPool::take_any(Direction direction) {
  // A block that is cached counts for its direction, so a worker's cache may hold what this limit seems to
  // forbid.
  if (free_of(direction) == 0) return take_from_caches(direction);
  Block* block = slabs_.take(blocks());
  if (block == nullptr) return take_from_caches(direction);
  block->direction_ = direction;
  count_used(direction);
  return block;
}

Block* BufferPool::take_from_caches(Direction direction) {
  // The sum stays as it is.
  const bool may_grow = stats_.used[index(direction)] < limit(direction);
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

Block* BufferPool::take_spare(Direction direction, TurnGroup* group) {
  std::size_t in_use = stats_.used[index(direction)];
  for (LocalPool* local : locals_) {
    const std::lock_guard cache_lock(local->cache_mutex_);
    in_use -= local->cached_[index(direction)];
  }
  return 2 * (in_use + 1) <= limit(direction) ? take(direction, group) : nullptr;
}

// Under the lock nobody else sees the block before the waiters had their turn.
void BufferPool::put(Block* block, const LocalPool* by) {
  --stats_.used[index(block->direction_)];
  note_use();
  slabs_.put(block);
  serve_waiting(by);
}

void BufferPool::note_use() {
  for (const Direction d : {Direction::request, Direction::response}) {
    free_hint_[index(d)].store(free_of(d), std::memory_order_relaxed);
  }
  const bool is_over = used() > blocks();
  if (is_over != over_cap_.load(std::memory_order_relaxed)) over_cap_.store(is_over, std::memory_order_relaxed);
}

// One block that comes back can serve several: its connection holds less now, and may have what its share forbade before.
void BufferPool::serve_waiting(const LocalPool* by) {
  while (!queue_.empty()) {
    const TurnQueue::Supplies now = supplies();
    if (!queue_.ready(now)) return;
    Block* block = slabs_.take(blocks());
    if (block == nullptr) return;
    ReleaseSubscription& waiter = *queue_.pop(now);
    waiters_.fetch_sub(1);
    block->direction_ = waiter.direction_;
    count_used(waiter.direction_);
    ++stats_.handed_over;
    grant(waiter, block, by);
  }
}

// Wakes under the lock: the worker could otherwise take the block and be gone before its waker is called.
void BufferPool::grant(ReleaseSubscription& waiter, Block* block, const LocalPool* by) {
  LocalPool& local = waiter.local_;
  waiter.granted_ = block;
  waiter.granted_at_ = (by != nullptr ? *by : local).now_();
  waiter.granted_by_own_ = &local == by;
  ++stats_.granted[index(waiter.direction_)];
  ++waiter.group_.granted_[index(waiter.direction_)];
  queue_.settle(waiter.group_, waiter.direction_);
  waiter.state_.store(ReleaseSubscription::State::granted, std::memory_order_relaxed);
  waiter.next_ = nullptr;
  waiter.prev_ = local.granted_last_;
  (local.granted_last_ != nullptr ? local.granted_last_->next_ : local.granted_first_) = &waiter;
  local.granted_last_ = &waiter;
  const bool was_empty = local.granted_count_.fetch_add(1) == 0;
  // A worker that grants to itself delivers before it sleeps.
  if (!was_empty || &local == by) return;
  ++stats_.woken;
  local.waker_.wake();
}

// A worker that has just cached a block, and is about to see the waiter who came meanwhile, is not overtaken
// either.
void BufferPool::settle_caches(const LocalPool& by) {
  if (queue_.empty()) return;
  for (LocalPool* local : locals_) reclaim_cache(*local, &by);
}

void BufferPool::release(Block* block, TurnGroup* group, const LocalPool& by) {
  const std::lock_guard lock(mutex_);
  if (group != nullptr) queue_.settle(*group, block->direction_);
  put(block, &by);
}

void BufferPool::reclaim_cache(LocalPool& local, const LocalPool* by) {
  for (std::size_t d = 0; d < kDirections; ++d) {
    while (Block* block = local.pop_cached(static_cast<Direction>(d))) put(block, by);
  }
}

void BufferPool::set_blocks(std::size_t blocks) {
  assert(blocks >= 1);
  const PoolLimits limits = PoolLimits::with_reserves(limits_.block_size, blocks);
  const std::lock_guard lock(mutex_);
  blocks_.store(blocks, std::memory_order_relaxed);
  reserves_ = {limits.reserve_for_requests, limits.reserve_for_responses};
  note_use();
  for (LocalPool* local : locals_) reclaim_cache(*local, nullptr);
  serve_waiting(nullptr);
}

std::size_t BufferPool::trim() {
  std::array<std::byte*, kTrimBatch> batch;
  std::size_t trimmed = 0;
  std::unique_lock lock(mutex_);
  const std::size_t keep = std::min(lately_used_max_, blocks());
  lately_used_max_ = used();
  while (queue_.empty()) {
    const std::size_t count = slabs_.begin_cooling(batch, keep - std::min(keep, used()));
    if (count == 0) break;
    const auto cooling = std::span(batch).first(count);
    lock.unlock();
    slabs_.give_back(cooling);
    lock.lock();
    slabs_.end_cooling(cooling);
    // Who asked in between found these neither free nor in use.
    serve_waiting(nullptr);
    trimmed += count;
  }
  return trimmed;
}

void BufferPool::subscribe(ReleaseSubscription& subscription) {
  const std::lock_guard lock(mutex_);
  // Announced before the caches are searched: a worker that caches a block after our search sees the waiter
  // and gives the block up itself (LocalPool::release). Its cache's lock orders the two.
  waiters_.fetch_add(1);
  settle_caches(subscription.local_);
  Block* block = may_have(&subscription.group_, subscription.direction_) ? take_any(subscription.direction_) : nullptr;
  if (block == nullptr) {
    ++stats_.subscribed;
    subscription.queued_ = true;
    subscription.asked_at_ = subscription.local_.now_();
    subscription.state_.store(ReleaseSubscription::State::waiting, std::memory_order_relaxed);
    queue_.push(subscription);
    return;
  }
  waiters_.fetch_sub(1);
  ++stats_.acquired;
  subscription.queued_ = false;
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
    local.measure_wait(subscription);
  } else {
    ReleaseSubscription* prev = subscription.prev_;
    ReleaseSubscription* next = subscription.next_;
    (prev != nullptr ? prev->next_ : local.granted_first_) = next;
    (next != nullptr ? next->prev_ : local.granted_last_) = prev;
    local.granted_count_.fetch_sub(1);
    --stats_.granted[index(subscription.direction_)];
    --subscription.group_.granted_[index(subscription.direction_)];
    queue_.settle(subscription.group_, subscription.direction_);
    ++stats_.passed_on;
    if (subscription.queued_) local.measure_wait(subscription);
    put(subscription.granted_, &local);
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
  --stats_.granted[index(subscription->direction_)];
  --subscription->group_.granted_[index(subscription->direction_)];
  give(subscription->granted_, &subscription->group_);
  subscription->next_ = subscription->prev_ = nullptr;
  subscription->state_.store(ReleaseSubscription::State::idle, std::memory_order_relaxed);
  Block* block = subscription->granted_;
  subscription->granted_ = nullptr;
  return block;
}

}  // namespace pool
