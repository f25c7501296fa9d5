#include "gateway/memory_account.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "pool/pieces.h"

namespace gateway {
namespace {

constinit pool::Ledger the_ledger;

// What malloc keeps in front of each piece.
constexpr std::size_t kHeader = sizeof(std::size_t);
constexpr int kMmapThreshold = 128 * 1024;
constexpr int kTrimThreshold = 256 * 1024;

std::ptrdiff_t size_of(void* memory) noexcept {
  return static_cast<std::ptrdiff_t>(::malloc_usable_size(memory) + kHeader);
}

void* charged(pool::Account account, void* memory) noexcept {
  if (memory != nullptr) the_ledger.charge(account, size_of(memory));
  return memory;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = pool::allocate_piece(size);
  } else if (::posix_memalign(&memory, alignment, std::max<std::size_t>(size, 1)) != 0) {
    memory = nullptr;
  }
  return charged(pool::Account::heap, memory);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  for (;;) {
    if (void* memory = allocate(size, alignment)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void give_back(pool::Account account, void* memory) noexcept {
  const std::size_t capacity = ::malloc_usable_size(memory);
  the_ledger.charge(account, -static_cast<std::ptrdiff_t>(capacity + kHeader));
  pool::free_piece(memory, capacity);
}

void give_back(void* memory) noexcept {
  if (memory != nullptr) give_back(pool::Account::heap, memory);
}

}  // namespace

pool::Ledger& process_ledger() {
  return the_ledger;
}

void* counted_realloc(pool::Account account, void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return size == 0 ? nullptr : charged(account, pool::allocate_piece(size));
  if (size == 0) {
    give_back(account, memory);
    return nullptr;
  }
  const std::ptrdiff_t before = size_of(memory);
  void* moved = std::realloc(memory, size);
  if (moved != nullptr) the_ledger.charge(account, size_of(moved) - before);
  return moved;
}

void tune_allocator(std::size_t threads) {
  ::mallopt(M_ARENA_MAX, static_cast<int>(threads) + 1);
  ::mallopt(M_MMAP_THRESHOLD, kMmapThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

void trim_allocator() {
  ::malloc_trim(0);
}

}  // namespace gateway

// ---- The operators of the whole program; all of their forms, so that each pair is of one allocator ----

namespace {
constexpr std::size_t kUsual = alignof(std::max_align_t);
using Alignment = std::align_val_t;
std::size_t bytes(Alignment alignment) {
  return static_cast<std::size_t>(alignment);
}
}  // namespace

void* operator new(std::size_t size) {
  return gateway::allocate_or_throw(size, kUsual);
}
void* operator new[](std::size_t size) {
  return gateway::allocate_or_throw(size, kUsual);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return gateway::allocate(size, kUsual);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return gateway::allocate(size, kUsual);
}
void* operator new(std::size_t size, Alignment alignment) {
  return gateway::allocate_or_throw(size, bytes(alignment));
}
void* operator new[](std::size_t size, Alignment alignment) {
  return gateway::allocate_or_throw(size, bytes(alignment));
}
void* operator new(std::size_t size, Alignment alignment, const std::nothrow_t&) noexcept {
  return gateway::allocate(size, bytes(alignment));
}
void* operator new[](std::size_t size, Alignment alignment, const std::nothrow_t&) noexcept {
  return gateway::allocate(size, bytes(alignment));
}
void operator delete(void* memory) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory) noexcept {
  gateway::give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  gateway::give_back(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  gateway::give_back(memory);
}
void operator delete(void* memory, Alignment) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory, Alignment) noexcept {
  gateway::give_back(memory);
}
void operator delete(void* memory, std::size_t, Alignment) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory, std::size_t, Alignment) noexcept {
  gateway::give_back(memory);
}
void operator delete(void* memory, Alignment, const std::nothrow_t&) noexcept {
  gateway::give_back(memory);
}
void operator delete[](void* memory, Alignment, const std::nothrow_t&) noexcept {
  gateway::give_back(memory);
}
