#include "pool/slabs.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <new>

namespace pool {
namespace {

constexpr std::size_t kSlabBlocks = 64;
constexpr std::size_t kPage = 4096;  // at least: a larger one makes madvise refuse what is not aligned to it

}  // namespace

Slabs::~Slabs() {
  for (const Slab& slab : slabs_) ::munmap(slab.memory, slab.bytes);
}

Block* Slabs::take(std::size_t cap) {
  if (warm_ != nullptr) {
    Block* block = warm_;
    warm_ = block->next_;
    block->next_ = nullptr;
    --warm_count_;
    return block;
  }
  if (cold_.empty() && mapped_ < cap) map(std::min(kSlabBlocks, cap - mapped_));
  if (cold_.empty()) return nullptr;
  std::byte* memory = cold_.back();
  cold_.pop_back();
  return new (memory) Block(static_cast<std::uint32_t>(block_size_ - Block::overhead()), Direction::request);
}

void Slabs::map(std::size_t count) {
  const std::size_t bytes = count * block_size_;
  slabs_.reserve(slabs_.size() + 1);
  cold_.reserve(mapped_ + count);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;  // the kernel has none: the same as no free block
  slabs_.push_back({memory, bytes});
  mapped_ += count;
  // In reverse, so that ascending addresses are handed out and pages touched one after the other.
  for (std::size_t i = count; i-- > 0;) cold_.push_back(static_cast<std::byte*>(memory) + i * block_size_);
}

void Slabs::put(Block* block) {
  block->next_ = warm_;
  warm_ = block;
  ++warm_count_;
}

std::size_t Slabs::begin_cooling(std::span<std::byte*> out, std::size_t keep) {
  std::size_t count = 0;
  while (warm_count_ > keep && count < out.size()) {
    Block* block = warm_;
    warm_ = block->next_;
    --warm_count_;
    out[count++] = reinterpret_cast<std::byte*>(block);
  }
  cooling_ += count;
  return count;
}

// Whole pages only: what a block shares with its neighbour stays.
void Slabs::give_back(std::span<std::byte* const> blocks) const {
  for (std::byte* const block : blocks) {
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    const std::uintptr_t first = (at + kPage - 1) / kPage * kPage;
    const std::uintptr_t last = (at + block_size_) / kPage * kPage;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

void Slabs::end_cooling(std::span<std::byte* const> blocks) {
  assert(cooling_ >= blocks.size());
  cooling_ -= blocks.size();
  cold_.insert(cold_.end(), blocks.begin(), blocks.end());
}

}  // namespace pool
