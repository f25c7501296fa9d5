#include "gateway/upstream/http1_upstream.h"

#include <fmt/core.h>

#include <cassert>
#include <utility>

#include "gateway/exchange.h"
#include "gateway/forwarding.h"
#include "gateway/http1/websocket_handshake.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {
namespace {

constexpr std::size_t kAddedBytes = 320;  // to a request on its way, mostly less: who asked, through whom

}  // namespace

Http1Upstream::Http1Upstream(const WorkerParts& worker, std::unique_ptr<Transport> transport,
                             const EndpointLimits& limits, std::string_view endpoint, Owner& owner)
    : worker_(worker),
      limits_(limits),
      endpoint_(endpoint),
      owner_(owner),
      deadline_(worker.loop, [this] { on_deadline(); }),
      lifespan_(worker.loop, worker.jitter, limits.keep_alive, worker.stats.upstream_connections_retired,
                [this](Retirement) { if (exchange_ == nullptr) end(nullptr); }),
      connection_(worker, std::move(transport), CodecRole::responses,
                  {limits.session.max_header_bytes, limits.session.max_header_fields}, limits.stall, *this) {
  deadline_.set(limits_.connect);
}

void Http1Upstream::carry(Exchange& exchange, Promptness& promptness, User& user) {
  assert(is_open_ && exchange_ == nullptr);
  deadline_.clear();
  std::string head = proxy_greeting(exchange.origin());
  const WrittenHead message = write_head(exchange, head);
  if (!message.error.empty()) {
    const Error error{.source = ErrorSource::client, .status = 400, .reason = std::string(message.error)};
    user.on_connection_done();
    owner_.on_upstream_idle(*this);
    return exchange.fail(error);
  }
  exchange_ = &exchange;
  user_ = &user;
  lifespan_.request();
  response_done_ = keep_alive_ = false;
  exchange.sent(&promptness);
  connection_.receive(&exchange.response_body());
  connection_.expect(exchange.request().get(":method"));
  connection_.send(head, message, &exchange.request_body());
}

WrittenHead Http1Upstream::write_head(const Exchange& exchange, std::string& out) {
  const h2::HeaderList& request = exchange.request();
  websocket_key_.clear();
  if (!exchange.asks_tunnel()) {
    RequestHeadWriter writer(out, request.bytes() + kAddedBytes);
    forward_request(request, exchange.origin(), writer);
    return writer.finish(exchange.request_has_body());
  }
  websocket_key_ = make_websocket_key();
  h2::HeaderList tunnel = upstream_request(request, exchange.origin());
  add_websocket_key(websocket_key_, tunnel);
  return write_request_head(tunnel, false, out);
}

// It comes just before the request, since only then it is known whose request it is.
std::string Http1Upstream::proxy_greeting(const RequestOrigin& origin) const {
  if (limits_.proxy_protocol == ProxyVersion::none) return "";
  std::string why;
  const auto local = parse_host_port(origin.local, why);
  return proxy_header(limits_.proxy_protocol, numeric_address(HostPort{.host = std::string(origin.peer), .port = origin.peer_port}),
                      local ? numeric_address(*local) : std::nullopt);
}

void Http1Upstream::abandon() {
  detach();
  end(nullptr);
}

// ---- The connection ----

void Http1Upstream::on_connection_open() {
  is_open_ = true;
  const std::string_view alpn = connection_.transport().alpn();
  if (!alpn.empty() && alpn != "http/1.1") {
    return on_connection_failed("the backend does not speak HTTP/1.1");
  }
  deadline_.set(limits_.connection_idle);
  lifespan_.begin();
  owner_.on_upstream_idle(*this);
}

void Http1Upstream::on_connection_failed(std::string_view reason) {
  const Error error = connect_failed(endpoint_, reason);
  end(&error);
}

void Http1Upstream::on_deadline() {
  if (is_open_) return end(nullptr);
  worker_.stats.count_timeout(Timeout::connect);
  const Error error = connect_took_too_long(endpoint_);
  end(&error);
}

// ---- The request ----

const h2::HeaderList* Http1Upstream::trailers() {
  return exchange_->request_trailers();
}

void Http1Upstream::on_sent() {
  if (tunnel_) return connection_.end_sending();  // on_written is next
  if (response_done_) complete();
}

void Http1Upstream::on_written() {
  if (tunnel_ && exchange_ != nullptr) end_tunnel_if_over();
}

void Http1Upstream::on_unsendable(std::string_view reason) {
  if (exchange_ == nullptr) return end(nullptr);
  fail(reason, false);
}

// What is queued may belong to a request that has its answer already.
void Http1Upstream::on_stuck(std::string_view reason) {
  write_failed_ = true;
  if (exchange_ == nullptr) return end(nullptr);
  if (response_done_ && !tunnel_) return complete();
  fail({.source = ErrorSource::timeout,
        .status = 504,
        .reason = fmt::format("backend {}: {}", endpoint_, reason)});
}

void Http1Upstream::on_write_failed() {
  // The backend may have answered before it closed: reading tells.
  write_failed_ = true;
  if (exchange_ == nullptr) return;
  exchange_->request_body().close();
  if (tunnel_) end_tunnel_if_over();
}

// ---- The response ----

bool Http1Upstream::admits_section(std::size_t bytes) {
  return exchange_ == nullptr || exchange_->admits_section(bytes);
}

void Http1Upstream::on_head(h2::HeaderList&& head, bool has_body) {
  if (exchange_ == nullptr) return;
  const int status = status_of(head);
  if (status == kSwitchingProtocols) return open_tunnel(std::move(head));
  if (exchange_->asks_tunnel() && status / 100 == 2) {
    return fail(fmt::format("status {} for a WebSocket, which 101 would open", status), false);
  }
  exchange_->respond(client_response(std::move(head), "1.1"), has_body);
}

void Http1Upstream::open_tunnel(h2::HeaderList&& head) {
  if (const std::string_view wrong = judge_websocket_answer(head, websocket_key_); !wrong.empty()) {
    return fail(wrong, false);
  }
  tunnel_ = true;
  exchange_->respond(websocket_response(client_response(std::move(head), "1.1")), true);
  if (exchange_ != nullptr) connection_.send("", {.framing = Framing::until_close}, &exchange_->request_body());
}

void Http1Upstream::on_interim(h2::HeaderList&& head) {
  if (exchange_ != nullptr) exchange_->interim(client_response(std::move(head), "1.1"));
}

void Http1Upstream::on_trailers(h2::HeaderList&& trailers) {
  if (exchange_ != nullptr) exchange_->set_response_trailers(sanitize_trailers(trailers));
}

void Http1Upstream::on_received(bool keep_alive) {
  if (exchange_ == nullptr) return;
  response_done_ = true;
  keep_alive_ = keep_alive;
  exchange_->response_body().finish();
  tunnel_ ? end_tunnel_if_over() : complete();
}

void Http1Upstream::on_broken(int status, std::string_view reason) {
  // An idle connection is closed by the backend, or it speaks out of turn.
  if (exchange_ == nullptr) return end(nullptr);
  if (!response_done_ && status == 503) return fail(no_memory_for_response(endpoint_));
  if (!response_done_ || tunnel_) return fail(reason, was_used_ && !connection_.codec().started());
  keep_alive_ = false;  // it has answered and does not want the rest of the request
  complete();
}

// ---- The end of an exchange, and of the connection ----

// The response is whole. While its request still leaves, a backend that keeps the connection wants the rest
// of it; another one has said that it does not.
void Http1Upstream::complete() {
  const bool request_sent = connection_.sent();
  if (keep_alive_ && !request_sent && !write_failed_) return;
  // A PROXY header speaks of one client: the next request may be another's.
  const bool reusable = limits_.proxy_protocol == ProxyVersion::none && !lifespan_.over() && keep_alive_ &&
                        request_sent && !write_failed_;
  if (!request_sent) exchange_->request_body().close();
  detach();
  if (!reusable) return end(nullptr);
  was_used_ = true;
  deadline_.set(limits_.connection_idle);
  owner_.on_upstream_idle(*this);
}

// Both directions have ended, and all of the client's bytes have left. The connection ends in order.
void Http1Upstream::end_tunnel_if_over() {
  const bool request_left = connection_.sent() && connection_.output().empty();
  if (!response_done_ || !(request_left || write_failed_)) return;
  Exchange& exchange = *exchange_;
  tunnel_ = false;
  detach();
  end(nullptr);
  exchange.end_tunnel();
}

void Http1Upstream::detach() {
  if (exchange_ == nullptr) return;
  connection_.release();
  exchange_ = nullptr;
  std::exchange(user_, nullptr)->on_connection_done();
}

void Http1Upstream::fail(std::string_view reason, bool retry_safe) {
  fail({.source = ErrorSource::backend,
        .status = 502,
        .reason = fmt::format("backend {}: {}", endpoint_, reason),
        .retry_safe = retry_safe});
}

void Http1Upstream::fail(const Error& error) {
  Exchange& exchange = *exchange_;
  detach();
  end(nullptr);
  exchange.fail(error);
}

void Http1Upstream::end(const Error* open_failure) {
  if (connection_.ended()) return;
  deadline_.clear();
  lifespan_.clear();
  tunnel_ ? connection_.break_off() : connection_.end();
  owner_.on_upstream_end(*this, open_failure);
}

}  // namespace gateway
