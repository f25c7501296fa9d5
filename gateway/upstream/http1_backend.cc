#include "gateway/upstream/http1_backend.h"

#include <algorithm>

#include "gateway/exchange.h"
#include "gateway/log.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {

// ---- The exchange's side ----

void Http1Backend::start(Exchange& exchange) {
  exchange_ = &exchange;
  endpoint_.serve(*this);
}

void Http1Backend::give_up() {
  const Exchange* const exchange = std::exchange(exchange_, nullptr);
  if (connection_ != nullptr) {
    std::exchange(connection_, nullptr)->abandon();
  } else {
    endpoint_.waiting_.remove(&exchange->turns(), *this);
  }
}

// ---- The endpoint ----

Http1Endpoint::Http1Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer,
                             EndpointHealth& health)
    : Endpoint(worker, limits, std::move(dialer), health) {}

Http1Endpoint::~Http1Endpoint() {
  worker_.stats.upstream_connections_open.sub(static_cast<std::int64_t>(connections_.size()));
}

std::unique_ptr<Backend> Http1Endpoint::make_backend() { return std::make_unique<Http1Backend>(*this); }

void Http1Endpoint::serve(Http1Backend& backend) {
  if (!idle_.empty()) {
    Http1Upstream* connection = idle_.back();
    idle_.pop_back();
    backend.connection_ = connection;
    connection->carry(*backend.exchange_, backend);
    return;
  }
  waiting_.push(&backend.exchange_->turns(), backend);
  dial_if_needed();
}

void Http1Endpoint::dial_if_needed() {
  if (dialing_ >= waiting_.size() || connections_.size() >= limits_.max_connections) return;
  if (may_dial(connections_.size())) dial();
}

void Http1Endpoint::dial() {
  std::string why;
  std::unique_ptr<Transport> transport = dialer_.dial(why);
  if (transport == nullptr) {
    on_connect_failed(why);
    return fail_first({.source = ErrorSource::endpoint, .status = 502, .reason = why, .retry_safe = true});
  }
  ++dialing_;
  worker_.stats.upstream_connections_opened.add();
  worker_.stats.upstream_connections_open.add();
  connections_.add(std::make_unique<Http1Upstream>(worker_, std::move(transport), limits_, name(),
                                                     static_cast<Http1Upstream::Owner&>(*this)));
}

void Http1Endpoint::fail_first(const Error& error) {
  if (waiting_.empty()) return;
  waiting_.pop().exchange_->fail(error);
}

void Http1Endpoint::on_upstream_idle(Http1Upstream& connection) {
  on_connected();
  if (!connection.was_used()) --dialing_;
  idle_.push_back(&connection);
  if (!waiting_.empty()) serve(waiting_.pop());
}

void Http1Endpoint::on_upstream_end(Http1Upstream& connection, const Error* open_failure) {
  worker_.stats.upstream_connections_open.sub();
  std::erase(idle_, &connection);
  worker_.turn_end.bury(connections_.release(connection));
  if (open_failure != nullptr) {
    --dialing_;
    worker_.stats.upstream_connections_failed.add();
    worker_.log.warning("upstream", "{}", open_failure->reason);
    dialer_.on_failure();
    on_connect_failed(open_failure->reason);
    fail_first(*open_failure);
  }
  // Who waited for this connection to come free needs another one.
  dial_if_needed();
}

}  // namespace gateway
