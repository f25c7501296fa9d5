#pragma once

#include <cstdint>
#include <optional>

#include "gateway/net/event_loop.h"

namespace gateway {

/// Whether what one source sends mostly comes soon enough to be looked for. It is tried; where that was in vain it is not tried for a
/// while, twice as long each next time, and half as long after each that was not. So a source that is never prompt costs one look in
/// kLongestRest times, and one that is prompt half of the time hardly more. One a source and loop.
class Promptness {
 public:
  static constexpr std::uint32_t kLongestRest = 1024;

  /// Asked once each time that something is expected.
  bool worth_a_look();
  /// How a look ended.
  void judge(bool came_in_time);

 private:
  std::uint32_t rest_ = 1;  // twice as many times are left out behind the next look in vain
  std::uint32_t left_ = 0;  // still to be left out
};

/// Something is expected soon, such as the answer of a backend nearby. Until it is there, and for kLongest at most, the loop looks for
/// events instead of sleeping: to sleep and to be woken costs a thread nearly as much CPU time, and what comes waits for the
/// waking besides (tests/bench/LIMITS.md). Of several in one loop the latest one counts. Confined to the loop's thread.
class Lookout {
 public:
  static constexpr Duration kLongest = std::chrono::microseconds(100);

  explicit Lookout(EventLoop& loop) : loop_(loop) {}
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;
  ~Lookout() { end(); }
  /// From the turn's time on, if `source` is worth it, which must live until the end. REQUIRES: it has not begun, or has ended.
  void begin(Promptness& source);
  /// What was expected is there, or nobody expects it any more. Whether that was in time; nothing where it did not look.
  std::optional<bool> end();
  /// When it is over, if it has begun.
  Time until() const { return until_; }

 private:
  EventLoop& loop_;
  Promptness* source_ = nullptr;  // null: it does not look
  Time until_;
};

}  // namespace gateway
