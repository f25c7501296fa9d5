#include "gateway/upstream/http1_backend.h"

#include <utility>

#include "gateway/exchange.h"

namespace gateway {

// ---- The exchange's side ----

void Http1Backend::start(Exchange& exchange) {
  exchange_ = &exchange;
  endpoint_.serve(*this);
}

void Http1Backend::give_up() {
  const Exchange* const exchange = std::exchange(exchange_, nullptr);
  if (upstream_ != nullptr) {
    std::exchange(upstream_, nullptr)->abandon();
  } else {
    endpoint_.waiting_.remove(&exchange->turns(), *this);
  }
}

// ---- The endpoint ----

Http1Endpoint::Http1Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer,
                             EndpointHealth& health)
    : Endpoint(worker, limits, std::move(dialer), health) {}

std::unique_ptr<Backend> Http1Endpoint::make_backend() { return std::make_unique<Http1Backend>(*this); }

void Http1Endpoint::serve(Http1Backend& backend) {
  if (!idle_.empty()) {
    Http1Upstream* upstream = idle_.back();
    idle_.pop_back();
    backend.upstream_ = upstream;
    upstream->carry(*backend.exchange_, promptness(), backend);
    return;
  }
  waiting_.push(&backend.exchange_->turns(), backend);
  dial_if_needed();
}

void Http1Endpoint::dial_if_needed() {
  if (is_full()) dial(upstreams_.size());
}

void Http1Endpoint::add_connection(std::unique_ptr<Transport> transport) {
  ++dialing_;
  upstreams_.add(std::make_unique<Http1Upstream>(worker_, std::move(transport), limits_, name(),
                                                 static_cast<Http1Upstream::Owner&>(*this)));
}

void Http1Endpoint::fail_waiting(const Error& error) {
  if (!waiting_.empty()) waiting_.pop().exchange_->fail(error);
}

void Http1Endpoint::on_upstream_idle(Http1Upstream& upstream) {
  on_connected();
  if (!upstream.was_used()) --dialing_;
  idle_.push_back(&upstream);
  if (!waiting_.empty()) serve(waiting_.pop());
}

void Http1Endpoint::on_upstream_end(Http1Upstream& upstream, const Error* open_failure) {
  if (open_failure != nullptr) --dialing_;
  std::erase(idle_, &upstream);
  worker_.turn_end.bury(upstreams_.release(upstream));
  on_connection_end(open_failure);
}

}  // namespace gateway
