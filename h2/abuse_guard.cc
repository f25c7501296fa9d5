#include "h2/abuse_guard.h"

#include <algorithm>
#include <limits>

namespace h2 {
namespace {

std::string_view what(Abuse abuse) {
  switch (abuse) {
    case Abuse::resets:
      return "RST_STREAM frames";
    case Abuse::provoked_resets:
      return "streams that had to be reset";
    case Abuse::pings:
      return "PING frames";
    case Abuse::settings:
      return "SETTINGS frames";
    case Abuse::empty_frames:
      return "empty DATA frames";
    case Abuse::window_updates:
      return "WINDOW_UPDATE frames of a few bytes";
    default:
      return "frames";
  }
}

}  // namespace

std::string_view to_string(Abuse abuse) {
  static constexpr std::array<std::string_view, kAbuses> kNames = {
      "none",           "reset_flood",       "provoked_reset_flood", "ping_flood",
      "settings_flood", "empty_frame_flood", "window_update_flood",  "continuation_flood",
      "stream_flood"};
  return kNames[static_cast<std::size_t>(abuse)];
}

void AbuseGuard::set_time(Time now) {
  if (now - window_ < std::chrono::seconds(1)) return;
  window_ = now;
  counts_.fill(0);
}

bool AbuseGuard::count(Abuse abuse) {
  return ++counts_[static_cast<std::size_t>(abuse)] <= limit(abuse);
}

bool AbuseGuard::count_window_update(std::uint32_t increment) {
  if (increment >= AbuseLimits::kDribble) return true;
  if (excused_ > 0) {
    --excused_;
    return true;
  }
  return count(Abuse::window_updates);
}

void AbuseGuard::data_sent() {
  excused_ = std::min(excused_ + kAnswers, kMaxExcused);
}

std::uint32_t AbuseGuard::limit(Abuse abuse) const {
  switch (abuse) {
    case Abuse::resets:
      return limits_.resets_per_second;
    case Abuse::provoked_resets:
      return limits_.provoked_resets_per_second;
    case Abuse::pings:
      return limits_.pings_per_second;
    case Abuse::settings:
      return limits_.settings_per_second;
    case Abuse::empty_frames:
      return limits_.empty_frames_per_second;
    case Abuse::window_updates:
      return limits_.window_updates_per_second;
    default:
      return std::numeric_limits<std::uint32_t>::max();
  }
}

std::string AbuseGuard::describe(Abuse abuse) const {
  std::string text(to_string(abuse));
  switch (abuse) {
    case Abuse::none:
      return text;
    case Abuse::continuations:
      return text + ": more than " + std::to_string(limits_.continuations) +
             " CONTINUATION frames in a header block";
    case Abuse::streams:
      return text + ": more open streams than SETTINGS_MAX_CONCURRENT_STREAMS allows";
    default:
      return text + ": " + std::to_string(counts_[static_cast<std::size_t>(abuse)]) + " " +
             std::string(what(abuse)) + " within a second, the limit is " + std::to_string(limit(abuse));
  }
}

}  // namespace h2
