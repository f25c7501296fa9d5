#pragma once

#include <cstddef>

namespace pool {

class BufferPool;

/// The blocks that one slow peer holds, counted in the pool while it is slow: together they are capped
/// (BufferPool::slow_exceed). Gives its count back in its destructor. Confined to its owner's thread.
class SlowShare {
 public:
  explicit SlowShare(BufferPool& pool) : pool_(pool) {}
  SlowShare(const SlowShare&) = delete;
  SlowShare& operator=(const SlowShare&) = delete;
  ~SlowShare() { set(0); }

  /// 0: it is not slow.
  void set(std::size_t blocks);
  std::size_t blocks() const { return blocks_; }

 private:
  BufferPool& pool_;
  std::size_t blocks_ = 0;
};

}  // namespace pool
