#include "gateway/http1_client.h"

#include <fmt/core.h>

#include <string>
#include <utility>

#include "gateway/admission.h"
#include "gateway/forwarding.h"
#include "gateway/http1/h2c_upgrade.h"
#include "gateway/http1/websocket_handshake.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

constexpr Duration kLinger = std::chrono::seconds(1);

}  // namespace

Http1Client::Request::Request(Http1Client& client, h2::HeaderList head, bool has_body, RequestOrigin origin)
    : ClientExchange(client.parts_.worker, client.parts_.exchange, client.turns_, std::move(head), has_body,
                     std::move(origin)),
      client_(client) {}

Http1Client::Http1Client(const ListenerParts& parts, std::unique_ptr<Transport> transport,
                         ClientConnection::Owner& owner)
    : parts_(parts),
      owner_(owner),
      slow_deadline_(parts.worker.loop, [this] { on_slow(); }),
      idle_deadline_(parts.worker.loop, [this] { on_idle(); }),
      connection_(parts.worker, std::move(transport), CodecRole::requests,
                  {parts.limits.max_header_bytes, parts.limits.max_header_fields}, parts.timeouts.stall,
                  *this) {}

void Http1Client::begin(std::span<const std::byte> first) {
  connection_.hold(first);
  wait_for_request();
  slow_deadline_.set(parts_.timeouts.request_header);
}

void Http1Client::wait_for_request() {
  state_ = State::waiting;
  whole_ = false;
  idle_deadline_.set(parts_.timeouts.connection_idle);
  connection_.expect();
}

void Http1Client::drain() {
  draining_ = true;
  keep_alive_ = false;
  if (state_ == State::waiting && !connection_.codec().started() && !connection_.holds_bytes()) end("");
}

// ---- The request ----

void Http1Client::on_read() {
  if (state_ != State::waiting || !connection_.codec().in_head()) return;
  idle_deadline_.clear();
  if (!slow_deadline_.armed()) slow_deadline_.set(parts_.timeouts.request_header);
  const Admission& admission = parts_.worker.admission;
  if (parts_.is_admin ? admission.admits_admin() : admission.admits_stream(connection_.codec().head_bytes()))
    return;
  parts_.worker.stats.streams_refused.add();
  refuse(503, "no memory for the request");
}

bool Http1Client::admits_section(std::size_t bytes) {
  const Admission& admission = parts_.worker.admission;
  if (parts_.is_admin ? admission.admits_admin() : admission.admits_section(0, bytes)) return true;
  parts_.worker.stats.sections_refused.add();
  return false;
}

void Http1Client::on_head(h2::HeaderList&& head, bool has_body) {
  http_1_1_ = connection_.codec().http_1_1();
  keep_alive_ = connection_.codec().keep_alive() && !draining_;
  h2::HeaderList request = client_request(head, parts_.local);
  std::optional<Error> refusal = refusal_of(request);
  websocket_key_.clear();
  if (!refusal && wants_tunnel(head, has_body, refusal)) {
    request = websocket_connect(request);
  } else if (!refusal && !has_body && wants_upgrade(head, refusal)) {
    upgrade_->request = std::move(request);
    return;
  }
  if (refusal) keep_alive_ = false;
  serve(std::move(request), has_body, refusal ? &*refusal : nullptr);
}

std::optional<Error> Http1Client::refusal_of(const h2::HeaderList& request) const {
  if (!parts_.protocols.http1) {
    return Error{.source = ErrorSource::client, .status = 505, .reason = "this port speaks HTTP/2 only"};
  }
  if (auto wrong = check_request(request)) return wrong;
  const Admission& admission = parts_.worker.admission;
  if (parts_.is_admin ? admission.admits_admin() : admission.admits_stream(request.bytes()))
    return std::nullopt;
  parts_.worker.stats.streams_refused.add();
  return Error{.source = ErrorSource::gateway, .status = 503, .reason = "no memory for the request"};
}

// The request is to become an HTTP/2 stream as soon as it is whole.
bool Http1Client::wants_upgrade(const h2::HeaderList& head, std::optional<Error>& refusal) {
  if (connection_.transport().secure() || !parts_.protocols.h2 || !http_1_1_ || draining_ || retired_) {
    return false;
  }
  H2cUpgrade asked = read_h2c_upgrade(head);
  if (asked.kind == H2cUpgrade::Kind::broken) {
    refusal = Error{.source = ErrorSource::client, .status = 400, .reason = "malformed HTTP2-Settings"};
  }
  if (asked.kind != H2cUpgrade::Kind::asked) return false;
  upgrade_.emplace();
  upgrade_->settings = std::move(asked.settings);
  return true;
}

bool Http1Client::wants_tunnel(const h2::HeaderList& head, bool has_body, std::optional<Error>& refusal) {
  const WebSocketUpgrade asked = read_websocket_upgrade(head, http_1_1_, has_body);
  if (asked.kind == WebSocketUpgrade::Kind::broken) {
    refusal = Error{.source = ErrorSource::client, .status = asked.status, .reason = std::string(asked.reason)};
  }
  websocket_key_ = asked.key;
  return asked.kind == WebSocketUpgrade::Kind::asked;
}

void Http1Client::serve(h2::HeaderList request, bool has_body, const Error* refusal) {
  slow_deadline_.clear();
  idle_deadline_.clear();
  state_ = State::serving;
  whole_ = !has_body;
  const Transport& transport = connection_.transport();
  if (refusal != nullptr) {
    parts_.worker.log.info("client", "{}: request refused: {}", transport.peer(), refusal->reason);
  }
  request_ = std::make_unique<Request>(*this, std::move(request), has_body || !websocket_key_.empty(),
                                       RequestOrigin{transport.peer(), parts_.local, transport.secure(),
                                                     ++requests_, http_1_1_ ? "1.1" : "1.0", transport.peer_port()});
  if (has_body) connection_.receive(&request_->exchange().request_body());
  owner_.on_request_begun();
  request_->start(refusal);
}

void Http1Client::on_trailers(h2::HeaderList&& trailers) {
  if (request_ != nullptr) request_->exchange().set_request_trailers(std::move(trailers));
}

void Http1Client::on_received(bool) {
  slow_deadline_.clear();
  whole_ = true;
  if (upgrade_) return upgrade();
  // A request that asks for a tunnel is whole, and what goes through the tunnel is to come.
  const bool awaits_tunnel = !websocket_key_.empty() && state_ != State::tunnel;
  if (request_ == nullptr || awaits_tunnel) return;
  request_->exchange().request_body().finish();
  if (state_ == State::tunnel) look_whether_tunnel_ended();
}

// What cannot be understood is answered and not read on: nobody knows where the next request would begin.
void Http1Client::on_broken(int status, std::string_view reason) {
  const bool owes = state_ == State::serving || (state_ == State::flushing && !connection_.output().empty());
  if (status == 0 && !owes) return end(reason);
  keep_alive_ = false;
  if (status == 0 && state_ == State::serving)
    return end(reason.empty() ? "client closed the connection" : reason);
  if (state_ == State::waiting) return refuse(status, reason);
  if (state_ != State::serving) return;  // on_written ends it
  request_->exchange().fail({.source = ErrorSource::client,
                             .status = status,
                             .reason = std::string(reason),
                             .retry_safe = false,
                             .code = h2::ErrorCode::protocol_error});
}

/// Answers a head that is not whole, or not one.
void Http1Client::refuse(int status, std::string_view reason) {
  const Error error{.source = ErrorSource::client, .status = status, .reason = std::string(reason)};
  keep_alive_ = false;
  http_1_1_ = true;
  serve({}, false, &error);
  whole_ = false;
}

// ---- The response ----

void Http1Client::send_interim(const h2::HeaderList& head) {
  if (!http_1_1_ || state_ != State::serving || connection_.ended()) return;  // RFC 9110 §15.2
  std::string text;
  if (write_response_head(head, false, {}, text).error.empty()) connection_.send(text);
}

void Http1Client::send_response() {
  Exchange& exchange = request_->exchange();
  if (exchange.tunnel_open()) return open_tunnel();
  // The rest of a request that nobody takes will not be waited for.
  if (!whole_ && exchange.request_body().closed()) keep_alive_ = false;
  std::string text;
  const WrittenHead head =
      write_response_head(exchange.response(), exchange.response_has_body(),
                          {exchange.request().get(":method"), http_1_1_, keep_alive_ && !draining_ && !retired_}, text);
  if (!head.error.empty()) return end(head.error);
  keep_alive_ = head.keep_alive;
  connection_.send(text, head, exchange.response_has_body() ? &exchange.response_body() : nullptr);
}

void Http1Client::open_tunnel() {
  Exchange& exchange = request_->exchange();
  std::string text;
  const WrittenHead head =
      write_response_head(websocket_accepted(exchange.response(), websocket_key_), true, {}, text);
  if (!head.error.empty()) return end(head.error);
  state_ = State::tunnel;
  keep_alive_ = whole_ = false;
  connection_.send(text, head, &exchange.response_body());
  connection_.begin_tunnel(exchange.request_body());
}

// Over are both directions, and the backend has all that came. Where it wants no more, the client is not waited for.
void Http1Client::look_whether_tunnel_ended() {
  if (state_ != State::tunnel) return;
  const bool response_left = connection_.sent() && connection_.output().empty();
  Exchange& exchange = request_->exchange();
  if (!response_left || !exchange.tunnel_over() || !(whole_ || exchange.request_body().closed())) return;
  connection_.release();
  end_request("");
  whole_ ? end("") : close();
}

void Http1Client::on_sent() {
  if (state_ == State::tunnel) return connection_.end_sending();  // on_written is next
  connection_.release();
  end_request("");
  if (!whole_ || draining_) keep_alive_ = false;
  state_ = State::flushing;
  idle_deadline_.set(parts_.timeouts.connection_idle);
}

void Http1Client::on_written() {
  if (state_ == State::tunnel) return look_whether_tunnel_ended();
  if (state_ != State::flushing) return;
  if (keep_alive_) return wait_for_request();
  close();
}

void Http1Client::end_request(std::string_view reason) {
  if (request_ == nullptr) return;
  std::unique_ptr<Request> request = std::move(request_);
  request->end(reason);
  parts_.worker.turn_end.bury(std::move(request));
}

// ---- The end ----

void Http1Client::upgrade() {
  Upgrade upgrade = std::move(*upgrade_);
  upgrade_.reset();
  slow_deadline_.clear();
  idle_deadline_.clear();
  upgrade.read = connection_.take_held();
  connection_.end();
  upgrade.transport = connection_.take_transport();
  owner_.on_upgrade(std::move(upgrade));
}

// The peer is given a moment to read our last bytes and to close first.
void Http1Client::close() {
  state_ = State::closing;
  idle_deadline_.set(kLinger);
  connection_.finish();
}

void Http1Client::on_slow() {
  parts_.worker.stats.count_timeout(Timeout::request_header);
  if (!connection_.codec().started()) return end("");
  refuse(408, "request header took too long");
}

void Http1Client::on_idle() {
  if (state_ == State::waiting) parts_.worker.stats.count_timeout(Timeout::connection_idle);
  end(state_ == State::flushing ? "the client does not take its response" : "");
}

void Http1Client::end(std::string_view reason) {
  if (connection_.ended()) return;
  const std::string why(reason);
  state_ == State::tunnel && request_ != nullptr ? connection_.break_off() : connection_.end();
  slow_deadline_.clear();
  idle_deadline_.clear();
  if (!why.empty()) {
    const std::string& peer = connection_.transport().peer();
    if (request_ != nullptr) {
      parts_.worker.log.info("client", "{}: connection ended with a request under way: {}", peer, why);
    } else {
      parts_.worker.log.debug("client", "{}: connection ended: {}", peer, why);
    }
  }
  end_request(why.empty() ? "connection ended" : why);
  owner_.on_connection_gone();
}

}  // namespace gateway
