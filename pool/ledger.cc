#include "pool/ledger.h"

#include <algorithm>

namespace pool {
namespace {

// The slot of each thread, in every ledger, from 1; 0: none yet. Nothing here is constructed or destroyed:
// allocators charge before main and after the end of a thread's objects.
constinit std::atomic<std::size_t> next_slot{0};
constinit thread_local std::size_t slot_of_thread = 0;

}  // namespace

std::string_view to_string(Account account) {
  static constexpr std::array<std::string_view, kAccounts> kNames = {"heap", "http2", "tls", "events"};
  return kNames[static_cast<std::size_t>(account)];
}

void Ledger::charge(Account account, std::ptrdiff_t bytes) noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (slot_of_thread == 0) slot_of_thread = 1 + std::min(next_slot.fetch_add(1, kRelaxed), kShards - 1);
  Shard& shard = shards_[slot_of_thread - 1];
  std::atomic<std::int64_t>& balance = shard.balances[static_cast<std::size_t>(account)];
  if (slot_of_thread == kShards) {
    balance.fetch_add(bytes, kRelaxed);
    total_.fetch_add(bytes, kRelaxed);
    return;
  }
  balance.store(balance.load(kRelaxed) + bytes, kRelaxed);
  shard.unpublished += bytes;
  if (shard.unpublished >= kPublish || shard.unpublished <= -kPublish) {
    total_.fetch_add(std::exchange(shard.unpublished, 0), kRelaxed);
  }
}

std::array<std::int64_t, kAccounts> Ledger::balances() const {
  std::array<std::int64_t, kAccounts> sums{};
  for (const Shard& shard : shards_) {
    for (std::size_t i = 0; i < kAccounts; ++i) sums[i] += shard.balances[i].load(std::memory_order_relaxed);
  }
  return sums;
}

}  // namespace pool
