#pragma once

#include <cstddef>

#include "pool/ledger.h"

namespace gateway {

/// The ledger that the allocators of the process charge: every `new` (this file's .cc replaces the
/// operators), and the C libraries through what is below. Only allocators use it by this name; who decides by
/// it gets it from main.
pool::Ledger& process_ledger();

/// malloc, realloc and free in one, for libraries that take an allocator: `memory` null allocates; size 0
/// frees and returns null, and the thread keeps a small piece for its next one (pool/pieces.h). Null as well
/// when there is no memory; then `memory` stays.
void* counted_realloc(pool::Account account, void* memory, std::size_t size) noexcept;

/// Makes the allocator give back what is free, and take no more memory than it needs for `threads`. Before
/// the threads start.
void tune_allocator(std::size_t threads);
/// Gives the kernel back what the allocator has free. Slow (milliseconds); any thread.
void trim_allocator();

/// Whether resident memory says something: not where a sanitizer's shadow memory is in it.
constexpr bool can_measure_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

}  // namespace gateway
