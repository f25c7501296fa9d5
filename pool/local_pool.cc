#include "pool/local_pool.h"

#include <algorithm>
#include <cassert>

namespace pool {
namespace {

std::size_t index(Direction direction) {
  return static_cast<std::size_t>(direction);
}

}  // namespace

LocalPool::LocalPool(BufferPool& pool, Waker& waker) : pool_(pool), waker_(waker) {
  const std::lock_guard lock(pool_.mutex_);
  pool_.locals_.push_back(this);
}

LocalPool::~LocalPool() {
  assert(granted_first_ == nullptr);
  const std::lock_guard lock(pool_.mutex_);
  pool_.reclaim_cache(*this, *this);
  pool_.stats_.acquired += hits_;
  std::erase(pool_.locals_, this);
}

BlockRef LocalPool::try_acquire(Direction direction) {
  Block* block = pop_cached(direction);
  if (block != nullptr) {
    hits_.store(hits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    const std::lock_guard lock(pool_.mutex_);
    pool_.settle_caches(*this);
    // By the pool's invariant a block that a waiter may have is not free, so this overtakes nobody.
    block = pool_.take(direction);
    ++(block != nullptr ? pool_.stats_.acquired : pool_.stats_.refused);
  }
  return adopt(block);
}

BlockRef LocalPool::try_acquire_spare(Direction direction) {
  const std::lock_guard lock(pool_.mutex_);
  pool_.settle_caches(*this);
  Block* block = pool_.take_spare(direction);
  ++(block != nullptr ? pool_.stats_.acquired : pool_.stats_.refused);
  return adopt(block);
}

BlockRef LocalPool::adopt(Block* block) {
  if (block == nullptr) return {};
  block->home_ = this;
  block->next_ = nullptr;
  block->begin_ = block->end_ = 0;
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
    pool_.release(block, *this);
  } else if (pool_.under_pressure()) {
    // Somebody came to wait in between, and may have searched this cache before the block was in it.
    const std::lock_guard lock(pool_.mutex_);
    pool_.reclaim_cache(*this, *this);
  }
}

std::size_t LocalPool::deliver() {
  const std::size_t turn = granted_count_.load(std::memory_order_acquire);
  std::size_t delivered = 0;
  while (delivered < turn) {
    ReleaseSubscription* subscription = nullptr;
    Block* block = pool_.next_granted(*this, subscription);
    if (subscription == nullptr) break;
    ++delivered;
    subscription->owner_.on_block(adopt(block));
  }
  return delivered;
}

}  // namespace pool
