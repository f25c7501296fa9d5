#include "gateway/upstream/h2_backend.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "gateway/forwarding.h"

namespace gateway {
namespace {

// How many exchanges may wait for one connection that is being opened before another is opened beside it: what a peer
// is taken to bear before its SETTINGS tell (RFC 9113 §6.5.2 recommends at least as much).
constexpr std::size_t kWaitersADial = 100;

}  // namespace

// ---- The exchange's side ----

void H2Backend::start(Exchange& exchange) {
  exchange_ = &exchange;
  endpoint_.serve(*this);
}

void H2Backend::give_up() {
  const Exchange* const exchange = std::exchange(exchange_, nullptr);
  if (stream_ != nullptr) {
    upstream_->release(*std::exchange(stream_, nullptr));
  } else if (exchange != nullptr) {
    endpoint_.waiting_.remove(&exchange->turns(), *this);
  }
}

bool H2Backend::send_on(H2Upstream& upstream) {
  if (exchange_->asks_tunnel() && !upstream.takes_tunnels()) {
    fail({.source = ErrorSource::backend,
          .status = 502,
          .reason = fmt::format("backend {}: takes no WebSocket (no SETTINGS_ENABLE_CONNECT_PROTOCOL)", endpoint_.name())});
    return true;
  }
  pool::Pipe* body = exchange_->request_has_body() ? &exchange_->request_body() : nullptr;
  stream_ = upstream.request(upstream_request(exchange_->request(), exchange_->origin()), body, &exchange_->response_body(), *this);
  if (stream_ == nullptr) return false;
  upstream_ = &upstream;
  exchange_->sent(&endpoint_.promptness());
  return true;
}

void H2Backend::fail(const Error& error) {
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->fail(error);
}

// ---- The stream's side ----

void H2Backend::on_headers(h2::Stream& stream, h2::HeadersKind kind, h2::HeaderList&& headers, bool end_stream,
                           bool oversized) {
  if (oversized) {
    fail({.source = ErrorSource::backend,
          .status = 502,
          .reason = fmt::format("backend {}: response header too large", endpoint_.name())});
    return stream.reset(h2::ErrorCode::cancel);
  }
  switch (kind) {
    case h2::HeadersKind::interim: return exchange_->interim(client_response(std::move(headers), "2"));
    case h2::HeadersKind::response: return respond(client_response(std::move(headers), "2"), end_stream);
    case h2::HeadersKind::trailers: return exchange_->set_response_trailers(sanitize_trailers(headers));
    case h2::HeadersKind::request: return;
  }
}

// What comes through a tunnel has no length, and its end is no end of the other direction.
void H2Backend::respond(h2::HeaderList head, bool end_stream) {
  const bool opens_tunnel = exchange_->asks_tunnel() && head.get(":status").starts_with('2');
  if (opens_tunnel) head.remove("content-length");
  exchange_->respond(std::move(head), opens_tunnel || !end_stream);
}

bool H2Backend::admits_headers(h2::Stream&, std::size_t bytes) {
  if (exchange_ == nullptr || exchange_->admits_section(bytes)) return true;
  fail(no_memory_for_response(endpoint_.name()));
  return false;
}

const h2::HeaderList* H2Backend::trailers(h2::Stream&) { return exchange_->request_trailers(); }

void H2Backend::on_closed(h2::Stream& stream, h2::ErrorCode code, bool by_peer) {
  stream_ = nullptr;
  upstream_->stream_over();
  if (exchange_ == nullptr) return;
  const bool in_order = stream.local_ended() || code == h2::ErrorCode::no_error;
  if (stream.remote_ended() && (in_order || !exchange_->tunnel_open())) {
    // The response is whole. A backend that resets a request whose answer it has given wants no more of it (RFC 9113 §8.1).
    if (!stream.local_ended()) exchange_->request_body().close();
    if (exchange_->tunnel_open()) std::exchange(exchange_, nullptr)->end_tunnel();
    return;
  }
  const bool refused = code == h2::ErrorCode::refused_stream;
  const std::string why = by_peer || upstream_->end_reason().empty()
                              ? fmt::format("stream reset: {}", h2::to_string(code))
                              : upstream_->end_reason();
  fail({.source = ErrorSource::backend,
        .status = refused ? 503 : 502,
        .reason = fmt::format("backend {}: {}", endpoint_.name(), why),
        .retry_safe = refused,
        .code = by_peer && code != h2::ErrorCode::no_error ? code : h2::ErrorCode::internal_error});
}

// ---- The endpoint ----

H2Endpoint::H2Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer,
                       EndpointHealth& health)
    : Endpoint(worker, limits, std::move(dialer), health) {}

std::unique_ptr<Backend> H2Endpoint::make_backend() { return std::make_unique<H2Backend>(*this); }

bool H2Endpoint::send(H2Backend& backend) {
  const bool has_body = backend.exchange_->request_has_body() || backend.exchange_->asks_tunnel();
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if (upstreams_[i].can_carry(has_body) && backend.send_on(upstreams_[i])) return true;
  }
  return false;
}

template <typename Predicate>
std::size_t H2Endpoint::count(Predicate is_counted) const {
  std::size_t counted = 0;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) counted += is_counted(upstreams_[i]) ? 1 : 0;
  return counted;
}

std::size_t H2Endpoint::staying() const {
  return count([](const H2Upstream& upstream) { return !upstream.is_leaving(); });
}

std::size_t H2Endpoint::unsettled() const {
  return count([](const H2Upstream& upstream) { return !upstream.is_leaving() && !upstream.is_settled(); });
}

bool H2Endpoint::is_full() const { return waiting_.size() > unsettled() * kWaitersADial; }

void H2Endpoint::serve(H2Backend& backend) {
  // Who waits already comes first.
  if (waiting_.empty() && send(backend)) return;
  waiting_.push(&backend.exchange_->turns(), backend);
  dial_if_needed();
}

void H2Endpoint::serve_waiting() {
  while (!waiting_.empty()) {
    if (!send(waiting_.front())) break;
    waiting_.pop();
  }
  dial_if_needed();
}

// One that only finishes what it has must not keep those out that wait.
void H2Endpoint::dial_if_needed() {
  if (is_full()) dial(staying());
}

void H2Endpoint::add_connection(std::unique_ptr<Transport> transport) {
  upstreams_.add(std::make_unique<H2Upstream>(worker_, std::move(transport), limits_, name(),
                                              static_cast<H2Upstream::Owner&>(*this)));
}

// Their share of those who wait. While other connections carry, they wait on.
void H2Endpoint::fail_waiting(const Error& error) {
  const std::size_t others = unsettled();
  if (staying() > others) return;
  const std::size_t share = (waiting_.size() + others) / (others + 1);
  // Taken out first: who fails may come to wait again, once.
  std::vector<H2Backend*> failing;
  while (failing.size() < share) failing.push_back(&waiting_.pop());
  for (H2Backend* backend : failing) backend->fail(error);
}

// Open is not enough: a connection on which no SETTINGS come has failed in the end.
void H2Endpoint::on_upstream_ready() {
  if (count([](const H2Upstream& upstream) { return upstream.is_settled(); }) > 0) on_connected();
  serve_waiting();
}

void H2Endpoint::on_upstream_end(H2Upstream& upstream, const Error* open_failure) {
  worker_.turn_end.bury(upstreams_.release(upstream));
  on_connection_end(open_failure);
}

}  // namespace gateway
