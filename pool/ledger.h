#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace pool {

/// Whose memory it is. Blocks are not among them: they are committed by their cap.
enum class Account : std::uint8_t {
  heap,    // C++ objects: connections, streams, exchanges, header lists, queues, logs
  http2,   // nghttp2
  tls,     // OpenSSL
  events,  // libev
};
inline constexpr std::size_t kAccounts = 4;
std::string_view to_string(Account account);

/// Who holds how much of the memory that is not blocks.
///
/// Any thread may call it, allocators included: it never allocates, locks or fails, and has no constructor to
/// run. Each thread writes to a shard of its own and tells the total when it has moved by kPublish, so that a
/// charge costs no shared cache line and total() is one load, wrong by less than kPublish for each thread.
class Ledger {
 public:
  static constexpr std::int64_t kPublish = 16 * 1024;  // bytes

  constexpr Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// `bytes` were allocated, or given back if negative; the thread may be another one than before.
  void charge(Account account, std::ptrdiff_t bytes) noexcept;
  /// What is promised to somebody who has begun to allocate, see Reservation.
  void promise(std::ptrdiff_t bytes) noexcept { promised_.fetch_add(bytes, std::memory_order_relaxed); }

  std::int64_t total() const { return total_.load(std::memory_order_relaxed); }
  std::int64_t promised() const { return promised_.load(std::memory_order_relaxed); }
  /// Each account to the byte, at about one moment.
  std::array<std::int64_t, kAccounts> balances() const;

 private:
  static constexpr std::size_t kShards = 288;  // of threads; those beyond share the last one
  struct alignas(64) Shard {
    std::array<std::atomic<std::int64_t>, kAccounts> balances{};
    std::int64_t unpublished = 0;  // its thread's only
  };

  std::array<Shard, kShards> shards_{};
  alignas(64) std::atomic<std::int64_t> total_{0};
  std::atomic<std::int64_t> promised_{0};
};

/// Memory set aside for somebody who will allocate it soon, while it lives.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Ledger& ledger, std::size_t bytes)
      : ledger_(&ledger), bytes_(static_cast<std::ptrdiff_t>(bytes)) {
    ledger_->promise(bytes_);
  }
  Reservation(Reservation&& other) noexcept
      : ledger_(std::exchange(other.ledger_, nullptr)), bytes_(other.bytes_) {}
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(ledger_, other.ledger_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Reservation() { release(); }

  /// It is allocated by now, or not needed.
  void release() {
    if (ledger_ != nullptr) std::exchange(ledger_, nullptr)->promise(-bytes_);
  }

 private:
  Ledger* ledger_ = nullptr;
  std::ptrdiff_t bytes_ = 0;
};

}  // namespace pool
