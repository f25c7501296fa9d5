#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "h2/settings.h"

namespace h2 {

/// Why a session ended its connection on its own; also the index of a counter.
enum class Abuse : std::uint8_t {
  none,
  resets,
  provoked_resets,
  pings,
  settings,
  empty_frames,
  window_updates,
  continuations,
  streams
};
inline constexpr std::size_t kAbuses = 9;
/// "reset_flood", "ping_flood", ... : a metric's label.
std::string_view to_string(Abuse abuse);

/// Counts what a peer does that costs us more than it costs the peer, in windows of one second.
class AbuseGuard {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit AbuseGuard(const AbuseLimits& limits) : limits_(limits) {}

  /// The time of what is counted from now on.
  void set_time(Time now);
  /// Counts one. False when that is one more than a second may have.
  [[nodiscard]] bool count(Abuse abuse);
  /// A WINDOW_UPDATE of `increment` bytes came; small ones count, beyond those that answer a DATA frame of
  /// ours.
  [[nodiscard]] bool count_window_update(std::uint32_t increment);
  /// A DATA frame of ours left: the peer may answer it with a WINDOW_UPDATE of the stream and one of the
  /// connection.
  void data_sent();

  /// "ping_flood: 51 PING frames within a second, the limit is 50": for GOAWAY's debug data and the log.
  std::string describe(Abuse abuse) const;

 private:
  static constexpr std::uint32_t kAnswers = 2;  // WINDOW_UPDATEs that one DATA frame excuses
  static constexpr std::uint32_t kMaxExcused = 10000;

  std::uint32_t limit(Abuse abuse) const;

  const AbuseLimits limits_;
  Time window_{};
  std::array<std::uint32_t, kAbuses> counts_{};
  std::uint32_t excused_ = 0;
};

}  // namespace h2
