#include "h2/nghttp2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

#include "h2/session.h"
#include "pool/ledger.h"
#include "pool/pieces.h"

namespace h2 {
namespace {

constexpr std::size_t kPrefix = alignof(std::max_align_t);  // each piece has its size in front
static_assert(kPrefix >= sizeof(std::size_t));
constexpr std::size_t kFrameBuffer = 16 * 1024;  // bytes: the first piece of as many is it, and lives as long as its session
constexpr std::size_t kTable = 4 * 1024;         // bytes: one of as many that is asked for zeroed is the table of streams

// With what malloc makes of it: a header in front, and its length rounded up.
std::ptrdiff_t cost_of(std::size_t size) {
  return static_cast<std::ptrdiff_t>((size + kPrefix + sizeof(std::size_t) + kPrefix - 1) / kPrefix *
                                     kPrefix);
}

Nghttp2Memory& memory_of(void* count) {
  return *static_cast<Nghttp2Memory*>(count);
}

void count_in(Nghttp2Memory& memory, std::ptrdiff_t bytes) {
  memory.bytes += static_cast<std::size_t>(bytes);
  if (memory.ledger != nullptr) memory.ledger->charge(pool::Account::http2, bytes);
}

// Of a piece without pages of its own.
std::byte* start_of(void* piece) {
  return static_cast<std::byte*>(piece) - kPrefix;
}

// Where `piece` is kept, if it has pages of its own; null: it has its size in front.
std::span<std::byte>* own_pages(Nghttp2Memory& memory, const void* piece) {
  if (piece == memory.frame_buffer.data()) return &memory.frame_buffer;
  if (piece == memory.stream_table.data()) return &memory.stream_table;
  return nullptr;
}

std::size_t size_of(Nghttp2Memory& memory, void* piece) {
  if (const auto* pages = own_pages(memory, piece)) return pages->size();
  std::size_t size = 0;
  std::memcpy(&size, start_of(piece), sizeof size);
  return size;
}

// Null where `place` is taken, or the kernel has no more mappings for the process: an ordinary piece does as well.
void* on_own_pages(Nghttp2Memory& memory, std::span<std::byte>& place, std::size_t size) {
  if (!place.empty()) return nullptr;
  void* piece = pool::map_piece(size);
  if (piece == nullptr) return nullptr;
  place = {static_cast<std::byte*>(piece), size};
  count_in(memory, cost_of(size));
  return piece;
}

void* count_malloc(std::size_t size, void* count) {
  Nghttp2Memory& memory = memory_of(count);
  if (size > std::numeric_limits<std::size_t>::max() - kPrefix) return nullptr;
  if (size >= kFrameBuffer) {
    if (void* buffer = on_own_pages(memory, memory.frame_buffer, size)) return buffer;
  }
  void* start = pool::allocate_piece(size + kPrefix);
  if (start == nullptr) return nullptr;
  std::memcpy(start, &size, sizeof size);
  count_in(memory, cost_of(size));
  return static_cast<std::byte*>(start) + kPrefix;
}

void* count_calloc(std::size_t n, std::size_t size, void* count) {
  Nghttp2Memory& memory = memory_of(count);
  if (size != 0 && n > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* piece = nullptr;
  if (n * size >= kTable) piece = on_own_pages(memory, memory.stream_table, n * size);
  if (piece == nullptr) piece = count_malloc(n * size, count);
  if (piece != nullptr) std::memset(piece, 0, n * size);
  return piece;
}

void count_free(void* piece, void* count) {
  if (piece == nullptr) return;
  Nghttp2Memory& memory = memory_of(count);
  const std::size_t size = size_of(memory, piece);
  count_in(memory, -cost_of(size));
  if (auto* pages = own_pages(memory, piece)) {
    pool::unmap_piece(piece, size);
    *pages = {};
  } else {
    pool::free_piece(start_of(piece), pool::piece_capacity(size + kPrefix));
  }
}

void* count_realloc(void* piece, std::size_t size, void* count) {
  void* moved = count_malloc(size, count);
  if (piece == nullptr || moved == nullptr) return moved;
  std::memcpy(moved, piece, std::min(size, size_of(memory_of(count), piece)));
  count_free(piece, count);
  return moved;
}

}  // namespace

nghttp2_mem make_nghttp2_allocator(Nghttp2Memory& memory) {
  return {&memory, count_malloc, count_free, count_calloc, count_realloc};
}

void give_back_unused(Nghttp2Memory& memory) {
  if (!memory.frame_buffer.empty()) pool::empty_piece(memory.frame_buffer.data(), memory.frame_buffer.size());
  const auto table = memory.stream_table;
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  if (!table.empty() && std::ranges::all_of(table, is_zero)) pool::empty_piece(table.data(), table.size());
}

}  // namespace h2
