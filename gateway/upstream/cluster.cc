#include "gateway/upstream/cluster.h"

#include "gateway/net/tls_context.h"
#include "gateway/upstream/h2_backend.h"
#include "gateway/upstream/http1_backend.h"

namespace gateway {

std::unique_ptr<Endpoint> make_endpoint(const WorkerParts& worker, const EndpointLimits& limits,
                                        const ClusterPlan& plan, std::size_t index, Resolver& resolver) {
  Dialer dialer(worker.loop, resolver, plan.config.endpoints[index].address, plan.addresses[index],
                plan.tls.get());
  EndpointHealth& health = *plan.health[index];
  EndpointLimits own = limits;
  own.proxy_protocol = plan.config.proxy_protocol;
  own.keep_alive = plan.config.keep_alive;
  if (plan.config.protocol == Protocol::h2) {
    return std::make_unique<H2Endpoint>(worker, own, std::move(dialer), health);
  }
  return std::make_unique<Http1Endpoint>(worker, own, std::move(dialer), health);
}

Cluster::Cluster(const WorkerParts& worker, const EndpointLimits& limits, const ClusterPlan& plan,
                 Resolver& resolver)
    : worker_(worker), config_(plan.config), balancer_(plan.config.policy) {
  EndpointLimits own = limits;
  own.max_connections = config_.max_connections;
  for (std::size_t i = 0; i < config_.endpoints.size(); ++i) {
    endpoints_.push_back(make_endpoint(worker, own, plan, i, resolver));
  }
}

}  // namespace gateway
