#pragma once

#include <cstdint>
#include <functional>
#include <random>

#include "gateway/keep_alive_limits.h"
#include "gateway/net/event_loop.h"
#include "gateway/stats.h"

namespace gateway {

/// Spreads durations, so that what began together does not end together. Confined to one thread.
class Jitter {
 public:
  explicit Jitter(std::uint32_t seed) : random_(seed) {}
  /// From 90 % to 110 % of `middle`, each as likely.
  Duration spread(Duration middle) {
    const Duration::rep tenth = middle.count() / 10;
    return middle + Duration(std::uniform_int_distribution<Duration::rep>(-tenth, tenth)(random_));
  }

 private:
  std::minstd_rand random_;
};

/// How old a connection may become, and how many requests it may carry, before it is to take no more. Owned by the
/// connection, whose thread it is confined to.
class Lifespan {
 public:
  /// No request is to begin on the connection any more. Called once: from the loop for max_age, from request() for
  /// max_requests.
  using OnOver = std::function<void(Retirement)>;

  /// `retirements` counts it.
  Lifespan(EventLoop& loop, Jitter& jitter, const KeepAliveLimits& limits, Retirements& retirements,
           OnOver on_over);

  /// The connection is open: its age counts from now.
  void begin();
  /// A request has begun on it.
  void request();
  bool over() const { return is_over_; }
  /// The connection is over, or takes no more requests for another reason.
  void clear();

 private:
  void end(Retirement reason);

  Jitter& jitter_;
  const Duration max_age_;
  const std::uint64_t max_requests_;
  Retirements& retirements_;
  const OnOver on_over_;
  std::uint64_t requests_ = 0;
  bool is_over_ = false;
  Deadline deadline_;
};

}  // namespace gateway
