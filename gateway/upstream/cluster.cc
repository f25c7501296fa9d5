#include "gateway/upstream/cluster.h"

#include "gateway/net/tls_context.h"
#include "gateway/upstream/h2_backend.h"
#include "gateway/upstream/http1_backend.h"

namespace gateway {

Cluster::Cluster(const WorkerParts& worker, const EndpointLimits& limits, const ClusterPlan& plan, Resolver& resolver)
    : config_(plan.config), balancer_(plan.config.policy) {
  EndpointLimits own = limits;
  own.max_connections = config_.max_connections;
  for (std::size_t i = 0; i < config_.endpoints.size(); ++i) {
    Dialer dialer(worker.loop, resolver, config_.endpoints[i].address, plan.addresses[i], plan.tls.get());
    if (config_.protocol == Protocol::h2) {
      endpoints_.push_back(std::make_unique<H2Endpoint>(worker, own, std::move(dialer)));
    } else {
      endpoints_.push_back(std::make_unique<Http1Endpoint>(worker, own, std::move(dialer)));
    }
  }
}

}  // namespace gateway
