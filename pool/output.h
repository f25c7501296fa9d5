#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pool/block.h"

namespace pool {

/// What is on its way to one socket: control bytes (frames, header sections) and slices of bodies, in order.
///
/// Control bytes are copied and charged to the connection. A body byte is not copied: its slice keeps the
/// block until the byte is written (rule 4). Confined to its connection's thread.
class Output {
 public:
  /// Copies `control` behind what is queued.
  void append(std::span<const std::byte> control);
  /// Queues a slice with a frame header of at most Block::kHeadroom bytes in front of it. The header stands
  /// directly before the payload in the slice's block where those bytes are unused, so that both are one
  /// piece.
  void append(std::span<const std::byte> frame_header, Slice slice);

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }
  /// Blocks of the pool that it holds. Walks what is queued.
  std::size_t blocks() const;

  /// The first piece of what is to be written; empty if there is nothing. Valid as gather() says.
  std::span<const std::byte> front() const;
  /// Fills `pieces` with the next bytes to write, in order, and returns how many pieces there are.
  /// They stay valid until the next append() or consume().
  std::size_t gather(std::span<std::span<const std::byte>> pieces) const;
  /// Copies the next bytes to write until `to` is full, or a piece of `large` bytes or more is next. Returns how many.
  std::size_t copy(std::span<std::byte> to, std::size_t large) const;
  /// The first `n` bytes are written. REQUIRES: n <= bytes(). Gives up blocks whose bytes are gone.
  void consume(std::size_t n);
  void clear();

 private:
  void forget_written();

  struct Segment {
    Slice slice;  // without a block: `size` bytes of control_ from `offset`
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  std::span<const std::byte> piece_of(const Segment& segment) const;

  std::vector<Segment> segments_;  // from first_ on
  std::size_t first_ = 0;
  std::vector<std::byte> control_;
  std::size_t control_gone_ = 0;  // bytes at the front of control_ that are written
  std::size_t bytes_ = 0;
};

}  // namespace pool
