#include "gateway/upstream/endpoint_health.h"

#include <algorithm>
#include <utility>

namespace gateway {

std::string_view to_string(CheckResult result) {
  switch (result) {
    case CheckResult::ok:
      return "ok";
    case CheckResult::failed:
      return "failed";
    case CheckResult::inconclusive:
      return "inconclusive";
  }
  return "unknown";
}

EndpointHealth::EndpointHealth(std::string name, const Thresholds& thresholds, Time now)
    : name_(std::move(name)), thresholds_(thresholds), changed_(now) {}

void EndpointHealth::change(std::string_view why, Time now) {
  why_ = why;
  changed_ = now;
}

bool EndpointHealth::on_check(CheckResult result, std::string_view why, Time now) {
  const std::lock_guard lock(mutex_);
  ++checks_[static_cast<std::size_t>(result)];
  if (result == CheckResult::inconclusive) return false;
  const bool good = result == CheckResult::ok;
  (good ? bad_in_a_row_ : good_in_a_row_) = 0;
  const unsigned in_a_row = ++(good ? good_in_a_row_ : bad_in_a_row_);
  if (good == up() || in_a_row < (good ? thresholds_.healthy : thresholds_.unhealthy)) return false;
  up_.store(good, std::memory_order_relaxed);
  change(why, now);
  return true;
}

// Only a trial's failure doubles the time: what was under way when the endpoint went out, and what goes to it
// for want of another, tells nothing new.
bool EndpointHealth::on_connect_failed(std::string_view why, Time now) {
  const std::lock_guard lock(mutex_);
  const unsigned failures = connect_failures_.load(std::memory_order_relaxed) + 1;
  connect_failures_.store(failures, std::memory_order_relaxed);
  if (failures < kConnectFailures) return false;
  const bool goes_out = !out();
  if (!goes_out && !on_trial_) return false;
  out_for_ = goes_out ? kFirstOut : std::min(out_for_ * 2, kLongestOut);
  on_trial_ = false;
  retry_at_.store(now + out_for_, std::memory_order_relaxed);
  if (goes_out) change(why, now);
  return goes_out;
}

bool EndpointHealth::on_connected(Time now) {
  if (connect_failures_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(mutex_);
  connect_failures_.store(0, std::memory_order_relaxed);
  if (!out()) return false;
  on_trial_ = false;
  retry_at_.store(Time::min(), std::memory_order_relaxed);
  change("takes connections again", now);
  return true;
}

bool EndpointHealth::claim(Time now) {
  if (!out()) return true;
  const std::lock_guard lock(mutex_);
  if (!out()) return true;
  if (now < retry_at_.load(std::memory_order_relaxed)) return false;
  retry_at_.store(now + out_for_, std::memory_order_relaxed);
  on_trial_ = true;
  return true;
}

EndpointHealth::View EndpointHealth::view(Time now) const {
  const std::lock_guard lock(mutex_);
  const Time retry_at = retry_at_.load(std::memory_order_relaxed);
  return {.up = up(),
          .out = out(),
          .why = why_,
          .lasting = std::max(now - changed_, Duration::zero()),
          .until_trial = out() ? std::max(retry_at - now, Duration::zero()) : Duration::zero(),
          .active = active_.load(std::memory_order_relaxed),
          .connect_failures = connect_failures_.load(std::memory_order_relaxed),
          .good_in_a_row = good_in_a_row_,
          .bad_in_a_row = bad_in_a_row_,
          .checks = checks_};
}

}  // namespace gateway
