#include "pool/block.h"

#include <new>

#include "pool/local_pool.h"

namespace pool {

BlockRef::~BlockRef() {
  if (block_ == nullptr || --block_->shares_ != 0) return;
  if (block_->home_ != nullptr) {
    block_->home_->release(block_);
  } else {
    block_->~Block();
    ::operator delete(block_);
  }
}

BlockRef Block::make_doorbell(std::size_t capacity) {
  void* memory = ::operator new(overhead() + capacity);
  return BlockRef(new (memory) Block(static_cast<std::uint32_t>(capacity), Direction::request));
}

}  // namespace pool
