#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace pool {

class LocalPool;
class Block;
class Tally;

/// Which way a body travels. Each direction has a reserve of blocks that the other cannot take.
enum class Direction : std::uint8_t { request, response };
inline constexpr std::size_t kDirections = 2;

/// A share in a Block. The last share to go gives the block back to the pool of its worker.
/// Not atomic: a block in use is confined to the thread of the LocalPool that it was acquired from.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(Block* block) noexcept;  // adds a share
  BlockRef(const BlockRef& other) noexcept : BlockRef(other.block_) {}
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef();

  Block* get() const { return block_; }
  Block* operator->() const { return block_; }
  Block& operator*() const { return *block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  Block* block_ = nullptr;
};

/// One fixed-size piece of memory that holds body bytes, in the order [headroom | gone | filled | space].
///
/// The descriptor stands at the block's front, so that a block is one pointer and costs no second allocation.
/// The headroom lets a protocol put a frame header directly before the first payload byte, so that both leave
/// in one write.
class Block {
 public:
  static constexpr std::size_t kHeadroom = 16;
  /// Bytes of a block of `block_size` that are not payload.
  static constexpr std::size_t overhead();

  /// A block of its own outside the pool, for a stream's doorbell: `capacity` bytes from the heap.
  static BlockRef make_doorbell(std::size_t capacity);

  std::span<const std::byte> filled() const { return {payload() + begin_, end_ - begin_}; }
  std::span<std::byte> space() { return {payload() + end_, capacity_ - end_}; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return begin_ == end_; }
  bool full() const { return end_ == capacity_; }
  bool shared() const { return shares_ > 1; }
  bool is_doorbell() const { return home_ == nullptr; }

  /// The first `n` bytes of space() were filled. REQUIRES: n <= space().size().
  void fill(std::size_t n) { end_ += static_cast<std::uint32_t>(n); }
  /// The first `n` filled bytes are gone. REQUIRES: n <= filled().size().
  void drain(std::size_t n) { begin_ += static_cast<std::uint32_t>(n); }
  /// The first `n` bytes of space() stay unused. REQUIRES: empty(), n <= space().size().
  void pass(std::size_t n) { begin_ = end_ += static_cast<std::uint32_t>(n); }
  /// All of the block is space again. REQUIRES: empty() && !shared().
  void reset() { begin_ = end_ = 0; }

  /// The bytes in front of `at` that belong to this block, headroom and bytes that are gone. May be
  /// overwritten only by who knows that no slice before `at` is still on its way.
  std::size_t room_before(const std::byte* at) const {
    return static_cast<std::size_t>(at - payload()) + kHeadroom;
  }

 private:
  friend class BlockRef;
  friend class BufferPool;
  friend class LocalPool;
  friend class Slabs;
  Block(std::uint32_t capacity, Direction direction) : capacity_(capacity), direction_(direction) {}

  std::byte* payload() { return reinterpret_cast<std::byte*>(this + 1) + kHeadroom; }
  const std::byte* payload() const { return reinterpret_cast<const std::byte*>(this + 1) + kHeadroom; }

  Block* next_ = nullptr;      // in the pool's lists while free
  LocalPool* home_ = nullptr;  // where the last share gives it back; null: a doorbell, back to the heap
  Tally* holder_ = nullptr;    // whose it is while in use; null: nobody's in particular
  std::uint32_t capacity_;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t shares_ = 0;
  Direction direction_;
};

constexpr std::size_t Block::overhead() {
  return sizeof(Block) + kHeadroom;
}

inline BlockRef::BlockRef(Block* block) noexcept : block_(block) {
  if (block_ != nullptr) ++block_->shares_;
}

/// A run of bytes inside a block that is on its way out; keeps the block until it is dropped.
struct Slice {
  BlockRef block;
  std::span<const std::byte> bytes;
};

/// A run of bytes that is to be filled; keeps the block that it is in, if any.
struct Space {
  BlockRef block;
  std::span<std::byte> bytes;
};

}  // namespace pool
