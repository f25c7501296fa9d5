#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/config.h"
#include "gateway/upstream/endpoint.h"

namespace gateway {

/// Chooses an endpoint for an exchange. One a cluster and worker.
class Balancer {
 public:
  explicit Balancer(Policy policy) : policy_(policy) {}
  /// Never one that is down; one that is out only if no other is left, or as its trial. `except`: the name of
  /// an endpoint that has just failed; chosen only if no other is available. Null when none is up. `now`:
  /// this turn's.
  Endpoint* pick(std::span<const std::unique_ptr<Endpoint>> endpoints, std::string_view except, Time now);

 private:
  /// The best first.
  enum class Rank : std::uint8_t { available, failed_just_now, out, out_and_failed, down };
  static Rank rank(const Endpoint& endpoint, std::string_view except, Time now);

  const Policy policy_;
  std::size_t next_ = 0;
};

}  // namespace gateway
