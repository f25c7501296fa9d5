#include "gateway/backend_finders.h"

#include <fmt/core.h>

#include "gateway/admin/demo.h"
#include "gateway/forwarding.h"
#include "gateway/local_reply.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

std::unique_ptr<Backend> reply(const WorkerParts& worker, const Exchange& exchange, const Error& error) {
  worker.stats.count_local_reply(error.status);
  if (error.status >= 500) {
    worker.log.warning("exchange", "{} {}{}: {} {}", exchange.request().get(":method"),
                       exchange.request().get(":authority"), exchange.request().get(":path"), error.status, error.reason);
  }
  return std::make_unique<LocalReply>(error);
}

}  // namespace

std::unique_ptr<Backend> RoutedBackends::find(Exchange& exchange, const Error* failed) {
  const std::string_view authority = authority_of(exchange.request());
  const auto route = router_.find(authority, exchange.request().get(":path"));
  if (!route) {
    return answer(exchange, {.source = ErrorSource::routing,
                             .status = 404,
                             .reason = fmt::format("no route for {}{}", authority, exchange.request().get(":path"))});
  }
  Cluster& cluster = *clusters_[route->cluster];
  exchange.set_cluster(cluster.name());
  if (exchange.asks_tunnel() && (!route->websocket || cluster.protocol() == Protocol::demo)) {
    return answer(exchange, {.source = ErrorSource::routing, .status = 403, .reason = "no WebSocket on this route"});
  }
  if (cluster.protocol() == Protocol::demo) return make_demo_applet(exchange, worker_.loop, worker_.turn_end);
  Endpoint* endpoint = cluster.pick(failed != nullptr ? exchange.endpoint() : std::string_view());
  if (endpoint == nullptr) {
    return answer(exchange, {.source = ErrorSource::endpoint,
                             .status = 503,
                             .reason = fmt::format("no endpoint in cluster {} is up ({} down)", cluster.name(), cluster.size())});
  }
  return endpoint->make_backend();
}

std::unique_ptr<Backend> RoutedBackends::answer(Exchange& exchange, const Error& error) {
  return reply(worker_, exchange, error);
}

std::unique_ptr<Backend> AdminBackends::find(Exchange& exchange, const Error*) {
  return make_admin_applet(exchange, worker_.turn_end, worker_.loop, context_);
}

std::unique_ptr<Backend> AdminBackends::answer(Exchange& exchange, const Error& error) {
  return reply(worker_, exchange, error);
}

}  // namespace gateway
