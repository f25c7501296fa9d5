#include "pool/output.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace pool {
namespace {

// Control memory that an idle connection keeps for its next frames.
constexpr std::size_t kKeptControl = 512;
// A socket that always lags behind never empties the queue: what is written goes once it is worth the move.
constexpr std::size_t kSegmentsToForget = 32;
constexpr std::size_t kControlToForget = 4096;

}  // namespace

void Output::append(std::span<const std::byte> control) {
  if (control.empty()) return;
  const std::size_t offset = control_.size();
  control_.insert(control_.end(), control.begin(), control.end());
  bytes_ += control.size();
  if (first_ < segments_.size()) {
    Segment& last = segments_.back();
    if (!last.slice.block && last.offset + last.size == offset) {
      last.size += control.size();
      return;
    }
  }
  segments_.push_back({{}, offset, control.size()});
}

void Output::append(std::span<const std::byte> frame_header, Slice slice) {
  assert(frame_header.size() <= Block::kHeadroom);
  if (slice.bytes.empty()) return append(frame_header);
  const std::size_t before = slice.block->room_before(slice.bytes.data());
  // In front of the first payload byte is headroom. Further on, the bytes before may still be on their way,
  // unless this slice is the only share that is left.
  const bool is_free = before == Block::kHeadroom || (before > Block::kHeadroom && !slice.block->shared());
  if (is_free) {
    auto* at = const_cast<std::byte*>(slice.bytes.data()) - frame_header.size();
    std::ranges::copy(frame_header, at);
    slice.bytes = {at, slice.bytes.size() + frame_header.size()};
  } else {
    append(frame_header);
  }
  const std::size_t size = slice.bytes.size();
  bytes_ += size;
  segments_.push_back({std::move(slice), 0, size});
}

std::span<const std::byte> Output::piece_of(const Segment& segment) const {
  return segment.slice.block ? segment.slice.bytes : std::span(control_).subspan(segment.offset, segment.size);
}

std::span<const std::byte> Output::front() const {
  return empty() ? std::span<const std::byte>() : piece_of(segments_[first_]);
}

std::size_t Output::gather(std::span<std::span<const std::byte>> pieces) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < segments_.size() && count < pieces.size(); ++i) {
    pieces[count++] = piece_of(segments_[i]);
  }
  return count;
}

std::size_t Output::copy(std::span<std::byte> to, std::size_t large) const {
  std::size_t size = 0;
  for (std::size_t i = first_; i < segments_.size() && size < to.size(); ++i) {
    const std::span<const std::byte> piece = piece_of(segments_[i]);
    if (piece.size() >= large) break;
    const std::size_t part = std::min(piece.size(), to.size() - size);
    std::memcpy(to.data() + size, piece.data(), part);
    size += part;
  }
  return size;
}

std::size_t Output::blocks() const {
  std::vector<const Block*> blocks;
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    const Block* block = segments_[i].slice.block.get();
    if (block != nullptr && !block->is_doorbell()) blocks.push_back(block);
  }
  std::ranges::sort(blocks);
  return static_cast<std::size_t>(std::ranges::unique(blocks).begin() - blocks.begin());
}

void Output::consume(std::size_t n) {
  assert(n <= bytes_);
  bytes_ -= n;
  while (n > 0) {
    Segment& segment = segments_[first_];
    const std::size_t part = std::min(n, segment.size);
    n -= part;
    segment.size -= part;
    if (segment.slice.block) {
      segment.slice.bytes = segment.slice.bytes.subspan(part);
    } else {
      segment.offset += part;
      control_gone_ = segment.offset;
    }
    if (segment.size != 0) continue;
    segment.slice = {};
    ++first_;
  }
  if (bytes_ == 0) return clear();
  forget_written();
}

void Output::forget_written() {
  if (first_ >= kSegmentsToForget && first_ * 2 >= segments_.size()) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  if (control_gone_ >= kControlToForget && control_gone_ * 2 >= control_.size()) {
    control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(control_gone_));
    for (std::size_t i = first_; i < segments_.size(); ++i) {
      if (!segments_[i].slice.block) segments_[i].offset -= control_gone_;
    }
    control_gone_ = 0;
  }
}

void Output::clear() {
  segments_.clear();
  first_ = 0;
  bytes_ = 0;
  control_.clear();
  control_gone_ = 0;
  if (control_.capacity() > kKeptControl) control_.shrink_to_fit();
}

}  // namespace pool
