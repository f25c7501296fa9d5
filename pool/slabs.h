#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pool/block.h"

namespace pool {

/// The memory of the blocks: slabs from mmap, made on demand, and the blocks of them that are free.
///
///   cold (no memory behind it) ──take()──▶ in use ──put()──▶ warm ──take()──▶ in use
///     ▲                                                        └──begin_cooling()──▶ being given back
///     └────────────────────────────end_cooling()──────────────────────────┘
///
/// Warm blocks are reused last in, first out, before cold ones. Not thread-safe: guarded by the pool's lock.
class Slabs {
 public:
  /// `block_size`: with the descriptor, a multiple of alignof(std::max_align_t).
  explicit Slabs(std::size_t block_size) : block_size_(block_size) {}
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;
  ~Slabs();

  /// A free block; a new one only while fewer than `cap` are mapped. Null when there is none, or the kernel
  /// has no memory.
  Block* take(std::size_t cap);
  void put(Block* block);

  /// Takes warm blocks out until `keep` are left or `out` is full, and returns how many; give_back() them
  /// without the lock, then end_cooling().
  std::size_t begin_cooling(std::span<std::byte*> out, std::size_t keep);
  void give_back(std::span<std::byte* const> blocks) const;
  void end_cooling(std::span<std::byte* const> blocks);

  std::size_t mapped() const { return mapped_; }
  std::size_t warm() const { return warm_count_; }
  std::size_t cooling() const { return cooling_; }
  /// Those that are being given back included.
  std::size_t free() const { return warm_count_ + cold_.size() + cooling_; }
  /// Blocks that have memory behind them.
  std::size_t resident() const { return mapped_ - cold_.size(); }

 private:
  struct Slab {
    void* memory;
    std::size_t bytes;
  };
  void map(std::size_t count);

  const std::size_t block_size_;
  std::vector<Slab> slabs_;
  std::size_t mapped_ = 0;
  Block* warm_ = nullptr;
  std::size_t warm_count_ = 0;
  std::vector<std::byte*> cold_;  // has place for all that are mapped
  std::size_t cooling_ = 0;
};

}  // namespace pool
