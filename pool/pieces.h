#pragma once

#include <cstddef>
#include <span>

namespace pool {

/// Pieces of heap memory, as malloc(3) gives them, which each thread keeps for its next ones when they are given
/// back.
///
/// malloc keeps seven pieces of a size for a thread and merges and splits the others. A gateway makes and
/// ends hundreds of streams in one turn of a loop, each of 25 to 43 pieces of always the same sizes, and OpenSSL
/// wants a buffer for each record that it reads or writes. So a thread keeps up to kKeptBytes here, of any sizes,
/// the last that came back to be the next that goes, and gives them back when it ends. What is kept is free memory:
/// it is in no ledger, and part of the fixed base (MemoryKeeper::open).
///
/// Any thread may free what another one has allocated. Does not throw. Builds with a sanitizer keep nothing,
/// so that it sees every use of memory that was freed.

inline constexpr std::size_t kLargestPiece = 17 * 1024 + 8;  // bytes: a TLS record; larger ones are malloc's
inline constexpr std::size_t kKeptBytes = 512 * 1024;        // of one thread

/// What malloc makes of `size` bytes: the bytes of a piece that may be used.
constexpr std::size_t piece_capacity(std::size_t size) {
  return size <= 24 ? 24 : (size + 7) / 16 * 16 + 8;
}

/// At least `size` bytes, aligned for any type; null when there are none. May be resized with realloc(3).
void* allocate_piece(std::size_t size) noexcept;
/// Gives it back. `capacity`: piece_capacity() of its size, or what malloc says that it has. REQUIRES: not
/// null.
void free_piece(void* piece, std::size_t capacity) noexcept;
/// `size` bytes on pages of their own, which have no memory until they are written to: for large ones that are mostly left
/// empty. They hold anything: a thread keeps some of those that are given back, within kKeptBytes, for its next ones of the
/// same size, since it takes two system calls and a fault for each page to have them from the kernel. null when there are
/// none, or no more mappings for the process. Any thread. Builds with a sanitizer have it from its heap.
void* map_piece(std::size_t size) noexcept;
/// Whether it is so in this build.
bool has_pages_of_its_own() noexcept;
/// Makes it zero, and gives back the memory that it has by now. A system call.
void empty_piece(void* piece, std::size_t size) noexcept;
/// Gives it back. REQUIRES: `piece` is of map_piece(size).
void unmap_piece(void* piece, std::size_t size) noexcept;

/// The same for as long as it lives: a buffer that takes no memory until it is used. Throws std::bad_alloc.
class MappedPiece {
 public:
  explicit MappedPiece(std::size_t size);
  MappedPiece(const MappedPiece&) = delete;
  MappedPiece& operator=(const MappedPiece&) = delete;
  ~MappedPiece() { unmap_piece(bytes_.data(), bytes_.size()); }
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

/// Bytes that this thread keeps.
std::size_t kept_bytes() noexcept;

}  // namespace pool
