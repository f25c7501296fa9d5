#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "gateway/net/resolver.h"
#include "gateway/upstream/balancer.h"
#include "gateway/upstream/endpoint.h"

namespace gateway {

class TlsClientContext;

/// What the workers share of a cluster; made once at start.
struct ClusterPlan {
  const ClusterConfig& config;
  std::unique_ptr<TlsClientContext> tls;                     // null for cleartext
  std::vector<std::vector<Address>> addresses;               // one list an endpoint, as resolved at start
  std::vector<std::unique_ptr<EndpointHealth>> health = {};  // one an endpoint
};

/// The endpoint of that index, with no connection yet.
std::unique_ptr<Endpoint> make_endpoint(const WorkerParts& worker, const EndpointLimits& limits,
                                        const ClusterPlan& plan, std::size_t index, Resolver& resolver);

/// A cluster as one worker sees it: its endpoints, and who is next. Confined to its worker's thread.
class Cluster {
 public:
  Cluster(const WorkerParts& worker, const EndpointLimits& limits, const ClusterPlan& plan,
          Resolver& resolver);

  const std::string& name() const { return config_.name; }
  Protocol protocol() const { return config_.protocol; }
  std::size_t size() const { return endpoints_.size(); }
  /// See Balancer::pick().
  Endpoint* pick(std::string_view except) { return balancer_.pick(endpoints_, except, worker_.loop.now()); }

 private:
  const WorkerParts& worker_;
  const ClusterConfig& config_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  Balancer balancer_;
};

}  // namespace gateway
