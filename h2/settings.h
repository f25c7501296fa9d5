#pragma once

#include <cstddef>
#include <cstdint>

namespace pool {
class Ledger;
}

namespace h2 {

/// What a session bears from its peer. Rates are counted in windows of one second of the time given to
/// Session::feed().
struct AbuseLimits {
  std::uint32_t resets_per_second = 200;           // server: RST_STREAM that the peer sends (CVE-2023-44487)
  std::uint32_t provoked_resets_per_second = 200;  // RST_STREAM that the peer makes us send (CVE-2025-8671)
  std::uint32_t pings_per_second = 50;
  std::uint32_t settings_per_second = 20;
  std::uint32_t empty_frames_per_second = 500;  // DATA without a byte and without END_STREAM
  std::uint32_t window_updates_per_second =
      2000;                         // those of less than kDribble bytes (beyond two a DATA frame sent)
  std::uint32_t continuations = 8;  // in one header block (CVE-2024-28182)
  static constexpr std::uint32_t kDribble = 256;  // bytes
};

/// How a session presents itself, and what it bears. Set before the session is made.
struct SessionLimits {
  std::uint32_t max_concurrent_streams = 256;  // that the peer may open; a client session announces 0 pushes
  std::size_t doorbell = 4096;  // bytes: SETTINGS_INITIAL_WINDOW_SIZE, room that every stream has of its own
  std::size_t max_header_bytes = 64 * 1024;    // of one list, kFieldOverhead a field included
  std::size_t max_header_fields = 200;         // cookie crumbs included
  std::uint32_t connection_window = 1U << 30;  // bytes, once the peer has acknowledged our SETTINGS
  AbuseLimits abuse;
  pool::Ledger* ledger = nullptr;  // that the session's memory in nghttp2 is charged to; null: none
};

}  // namespace h2
