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
  /// `except`: the name of an endpoint that has just failed; chosen only if there is no other. Null when there are none.
  Endpoint* pick(std::span<const std::unique_ptr<Endpoint>> endpoints, std::string_view except);

 private:
  const Policy policy_;
  std::size_t next_ = 0;
};

}  // namespace gateway
