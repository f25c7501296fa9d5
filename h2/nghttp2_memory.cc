#include "h2/nghttp2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "h2/session.h"
#include "pool/ledger.h"
#include "pool/pieces.h"

namespace h2 {
namespace {

constexpr std::size_t kPrefix = alignof(std::max_align_t);  // each piece has its size in front
static_assert(kPrefix >= sizeof(std::size_t));
constexpr std::size_t kOwnPages = 16 * 1024;  // bytes: pieces from this size on are mapped

// With what malloc makes of it: a header in front, and its length rounded up.
std::ptrdiff_t cost_of(std::size_t size) {
  return static_cast<std::ptrdiff_t>((size + kPrefix + sizeof(std::size_t) + kPrefix - 1) / kPrefix *
                                     kPrefix);
}

void count_in(void* count, std::ptrdiff_t bytes) {
  auto& memory = *static_cast<Nghttp2Memory*>(count);
  memory.bytes += static_cast<std::size_t>(bytes);
  if (memory.ledger != nullptr) memory.ledger->charge(pool::Account::http2, bytes);
}

std::byte* start_of(void* piece) {
  return static_cast<std::byte*>(piece) - kPrefix;
}

std::size_t size_of(void* piece) {
  std::size_t size = 0;
  std::memcpy(&size, start_of(piece), sizeof size);
  return size;
}

void* count_malloc(std::size_t size, void* count) {
  if (size > std::numeric_limits<std::size_t>::max() - kPrefix) return nullptr;
  void* start = size < kOwnPages ? pool::allocate_piece(size + kPrefix) : pool::map_piece(size + kPrefix);
  if (start == nullptr) return nullptr;
  std::memcpy(start, &size, sizeof size);
  count_in(count, cost_of(size));
  return static_cast<std::byte*>(start) + kPrefix;
}

void* count_calloc(std::size_t n, std::size_t size, void* count) {
  if (size != 0 && n > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* piece = count_malloc(n * size, count);
  if (piece != nullptr && n * size < kOwnPages) std::memset(piece, 0, n * size);  // fresh pages are zero
  return piece;
}

void count_free(void* piece, void* count) {
  if (piece == nullptr) return;
  const std::size_t size = size_of(piece);
  count_in(count, -cost_of(size));
  if (size < kOwnPages) {
    pool::free_piece(start_of(piece), pool::piece_capacity(size + kPrefix));
  } else {
    pool::unmap_piece(start_of(piece), size + kPrefix);
  }
}

void* count_realloc(void* piece, std::size_t size, void* count) {
  void* moved = count_malloc(size, count);
  if (piece == nullptr || moved == nullptr) return moved;
  std::memcpy(moved, piece, std::min(size, size_of(piece)));
  count_free(piece, count);
  return moved;
}

}  // namespace

nghttp2_mem make_nghttp2_allocator(Nghttp2Memory& memory) {
  return {&memory, count_malloc, count_free, count_calloc, count_realloc};
}

}  // namespace h2
