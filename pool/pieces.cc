#include "pool/pieces.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pool {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // it shall see every piece
#else
constexpr bool kSanitized = false;
#endif

struct Kept {
  Kept* next;
};

struct KeptMapping {
  void* piece;
  std::size_t size;
};

enum class Phase : std::uint8_t { fresh, keeping, over };

// Without constructor and destructor: a thread allocates before its other objects are there, and after they
// are gone.
struct Shelf {
  std::array<Kept*, kLargestPiece / 16 + 1> kept;  // by capacity
  std::array<KeptMapping, 16> mappings;            // the last that was given back comes last
  std::size_t mapped;                              // how many of them there are
  std::size_t bytes;                               // of both
  Phase phase;
};
constinit thread_local Shelf shelf{};

// Clears the shelf when its thread ends.
struct Clearing {
  ~Clearing() {
    shelf.phase = Phase::over;
    for (Kept*& first : shelf.kept) {
      while (first != nullptr) {
        Kept* piece = first;
        first = piece->next;
        std::free(piece);
      }
    }
    for (; shelf.mapped > 0; --shelf.mapped) {
      const KeptMapping& last = shelf.mappings[shelf.mapped - 1];
      ::munmap(last.piece, last.size);
    }
    shelf.bytes = 0;
  }
};

bool may_keep(std::size_t bytes) {
  if (kSanitized || shelf.bytes + bytes > kKeptBytes) return false;
  if (shelf.phase == Phase::fresh) {
    shelf.phase = Phase::keeping;
    static thread_local Clearing clearing;
    static_cast<void>(clearing);
  }
  return shelf.phase == Phase::keeping;
}

}  // namespace

void* allocate_piece(std::size_t size) noexcept {
  const std::size_t capacity = piece_capacity(size);
  if (capacity > kLargestPiece) return std::malloc(size);
  Kept*& first = shelf.kept[capacity / 16];
  if (first == nullptr) return std::malloc(capacity);
  Kept* piece = first;
  first = piece->next;
  shelf.bytes -= capacity;
  return piece;
}

void free_piece(void* piece, std::size_t capacity) noexcept {
  if (capacity > kLargestPiece || !may_keep(capacity)) return std::free(piece);
  Kept*& first = shelf.kept[capacity / 16];
  first = new (piece) Kept{first};
  shelf.bytes += capacity;
}

bool has_pages_of_its_own() noexcept {
  return !kSanitized;
}

void* map_piece(std::size_t size) noexcept {
  if (kSanitized) return std::malloc(size);
  for (std::size_t i = shelf.mapped; i-- > 0;) {
    if (shelf.mappings[i].size != size) continue;
    void* piece = shelf.mappings[i].piece;
    shelf.mappings[i] = shelf.mappings[--shelf.mapped];
    shelf.bytes -= size;
    return piece;
  }
  void* piece = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return piece == MAP_FAILED ? nullptr : piece;
}

void empty_piece(void* piece, std::size_t size) noexcept {
  if (kSanitized || ::madvise(piece, size, MADV_DONTNEED) != 0) std::memset(piece, 0, size);
}

void unmap_piece(void* piece, std::size_t size) noexcept {
  if (kSanitized) return std::free(piece);
  if (shelf.mapped == shelf.mappings.size() || !may_keep(size)) {
    ::munmap(piece, size);
    return;
  }
  shelf.mappings[shelf.mapped++] = {piece, size};
  shelf.bytes += size;
}

MappedPiece::MappedPiece(std::size_t size) {
  void* piece = map_piece(size);
  if (piece == nullptr) throw std::bad_alloc();
  bytes_ = {static_cast<std::byte*>(piece), size};
}

std::size_t kept_bytes() noexcept {
  return shelf.bytes;
}

}  // namespace pool
