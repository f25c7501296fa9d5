#include "gateway/http1_client.h"

#include <string>
#include <utility>

#include "gateway/forwarding.h"
#include "gateway/http1/h2c_upgrade.h"
#include "gateway/http1/websocket_handshake.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

constexpr Duration kLinger = std::chrono::seconds(1);

}  // namespace

Http1Client::Request::Request(Http1Client& client, Asked&& asked, RequestOrigin origin)
    : ClientExchange(client.parts_.worker, client.parts_.exchange, client.turns_, std::move(asked.head),
                     asked.has_body || !asked.websocket_key.empty(), std::move(origin)),
      client_(client),
      websocket_key_(asked.websocket_key) {}

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
  idle_deadline_.set(parts_.timeouts.connection_idle);
  connection_.expect();
}

void Http1Client::drain() {
  next_is_last_ = true;
  keep_alive_ = false;
  if (state_ == State::waiting && !connection_.codec().started() && !connection_.holds_bytes()) end("");
}

// ---- The request ----

void Http1Client::on_read() {
  if (state_ != State::waiting || !connection_.codec().in_head()) return;
  idle_deadline_.clear();
  if (!slow_deadline_.armed()) slow_deadline_.set(parts_.timeouts.request_header);
  if (!parts_.admits_request(connection_.codec().head_bytes())) refuse(503, "no memory for the request");
}

void Http1Client::on_head(h2::HeaderList&& head, bool has_body) {
  if (state_ != State::waiting) return;  // it was refused before it was whole
  keep_alive_ = connection_.codec().keep_alive();
  Asked asked{.head = client_request(head, parts_.local),
              .has_body = has_body,
              .http_1_1 = connection_.codec().http_1_1()};
  std::optional<Error> refusal = refusal_of(asked.head);
  if (!refusal) refusal = take_websocket(head, asked);
  if (!refusal) refusal = take_h2c(head, asked);
  if (upgrade_) return;
  if (refusal) keep_alive_ = false;
  serve(std::move(asked), refusal ? &*refusal : nullptr);
}

std::optional<Error> Http1Client::refusal_of(const h2::HeaderList& request) const {
  if (!parts_.protocols.http1) {
    return Error{.source = ErrorSource::client, .status = 505, .reason = "this port speaks HTTP/2 only"};
  }
  if (auto wrong = check_request(request)) return wrong;
  if (parts_.admits_request(request.bytes())) return std::nullopt;
  return Error{.source = ErrorSource::gateway, .status = 503, .reason = "no memory for the request"};
}

// Where a WebSocket is asked for, the request becomes one for a tunnel.
std::optional<Error> Http1Client::take_websocket(const h2::HeaderList& head, Asked& asked) {
  const WebSocketUpgrade websocket = read_websocket_upgrade(head, asked.http_1_1, asked.has_body);
  if (websocket.kind == WebSocketUpgrade::Kind::broken) {
    return Error{
        .source = ErrorSource::client, .status = websocket.status, .reason = std::string(websocket.reason)};
  }
  if (websocket.kind == WebSocketUpgrade::Kind::asked) {
    asked.head = websocket_connect(asked.head);
    asked.websocket_key = websocket.key;
  }
  return std::nullopt;
}

// Where HTTP/2 is asked for, the request becomes a stream of it as soon as it is whole.
std::optional<Error> Http1Client::take_h2c(const h2::HeaderList& head, Asked& asked) {
  const bool is_possible =
      !connection_.transport().secure() && parts_.protocols.h2 && asked.http_1_1 && !next_is_last_;
  if (!is_possible || asked.has_body || !asked.websocket_key.empty()) return std::nullopt;
  H2cUpgrade h2c = read_h2c_upgrade(head);
  if (h2c.kind == H2cUpgrade::Kind::broken) {
    return Error{.source = ErrorSource::client, .status = 400, .reason = "malformed HTTP2-Settings"};
  }
  if (h2c.kind == H2cUpgrade::Kind::asked) {
    upgrade_.emplace();
    upgrade_->settings = std::move(h2c.settings);
    upgrade_->request = std::move(asked.head);
  }
  return std::nullopt;
}

void Http1Client::serve(Asked&& asked, const Error* refusal) {
  slow_deadline_.clear();
  idle_deadline_.clear();
  state_ = State::serving;
  const Transport& transport = connection_.transport();
  if (refusal != nullptr) {
    parts_.worker.log.info("client", "{}: request refused: {}", transport.peer(), refusal->reason);
  }
  const bool has_body = asked.has_body;
  request_ = std::make_unique<Request>(
      *this, std::move(asked),
      RequestOrigin{transport.peer(), parts_.local, transport.secure(), ++requests_,
                    asked.http_1_1 ? "1.1" : "1.0", transport.peer_port()});
  if (has_body) connection_.receive(&request_->exchange().request_body());
  owner_.on_request_begun();
  request_->start(refusal);
}

void Http1Client::on_trailers(h2::HeaderList&& trailers) {
  if (request_ != nullptr) request_->exchange().set_request_trailers(std::move(trailers));
}

void Http1Client::on_received(bool) {
  slow_deadline_.clear();
  if (upgrade_) return upgrade();
  if (request_ == nullptr || request_->awaits_tunnel()) return;
  request_->exchange().request_body().finish();
  end_tunnel_if_over();
}

// What cannot be understood is answered and not read on: nobody knows where the next request would begin.
void Http1Client::on_broken(int status, std::string_view reason) {
  const bool is_malformed = status != 0;
  keep_alive_ = false;
  switch (state_) {
    case State::waiting:
      return is_malformed ? refuse(status, reason) : end(reason);
    case State::serving:
      if (!is_malformed) return end(reason.empty() ? "client closed the connection" : reason);
      if (request_->is_whole()) return;  // this is the rest of a head that was refused
      return request_->exchange().fail({.source = ErrorSource::client,
                                        .status = status,
                                        .reason = std::string(reason),
                                        .retry_safe = false,
                                        .code = h2::ErrorCode::protocol_error});
    case State::flushing:  // the rest of the response is owed, then on_written ends it
      if (!is_malformed && connection_.output().empty()) end(reason);
      return;
    case State::closing:
      if (!is_malformed) end(reason);
      return;
  }
}

// Answers a head that is not whole, or not one.
void Http1Client::refuse(int status, std::string_view reason) {
  const Error error{.source = ErrorSource::client, .status = status, .reason = std::string(reason)};
  keep_alive_ = false;
  serve({}, &error);
}

// ---- The response ----

void Http1Client::send_interim(const h2::HeaderList& head) {
  if (!request_->http_1_1()) return;  // RFC 9110 §15.2
  std::string text;
  if (write_response_head(head, false, {}, text).error.empty()) connection_.send(text);
}

void Http1Client::send_response() {
  Exchange& exchange = request_->exchange();
  if (exchange.tunnel_open()) return open_tunnel();
  // The rest of a request that nobody takes will not be waited for.
  if (!request_->is_whole() && exchange.request_body().closed()) keep_alive_ = false;
  std::string text;
  const ResponseTo to{exchange.request().get(":method"), request_->http_1_1(), keep_alive_ && !next_is_last_};
  const WrittenHead head = write_response_head(exchange.response(), exchange.response_has_body(), to, text);
  if (!head.error.empty()) return end(head.error);
  keep_alive_ = head.keep_alive;
  connection_.send(text, head, exchange.response_has_body() ? &exchange.response_body() : nullptr);
}

void Http1Client::on_sent() {
  // In a tunnel the client is told that no more comes, and may go on.
  if (request_->exchange().tunnel_open()) return connection_.end_sending();
  if (!request_->is_whole()) keep_alive_ = false;
  connection_.release();
  end_request("");
  state_ = State::flushing;
  idle_deadline_.set(parts_.timeouts.connection_idle);
}

void Http1Client::on_written() {
  if (state_ == State::serving) return end_tunnel_if_over();
  if (state_ != State::flushing) return;
  keep_alive_ ? wait_for_request() : close();
}

void Http1Client::end_request(std::string_view reason) {
  if (request_ == nullptr) return;
  std::unique_ptr<Request> request = std::move(request_);
  request->end(reason);
  parts_.worker.turn_end.bury(std::move(request));
}

// ---- The tunnel ----

void Http1Client::open_tunnel() {
  Exchange& exchange = request_->exchange();
  std::string text;
  const WrittenHead head =
      write_response_head(websocket_accepted(exchange.response(), request_->websocket_key()), true, {}, text);
  if (!head.error.empty()) return end(head.error);
  keep_alive_ = false;
  connection_.send(text, head, &exchange.response_body());
  connection_.begin_tunnel(exchange.request_body());
}

// It is over when the backend is done (told by on_tunnel_over), its last byte has left for the client (on_written), and the client
// has ended too (on_received), or nobody takes what it sends.
void Http1Client::end_tunnel_if_over() {
  const Exchange& exchange = request_->exchange();
  const bool has_left = connection_.sent() && connection_.output().empty();
  const bool client_ended = request_->is_whole();
  if (!exchange.tunnel_over() || !has_left || !(client_ended || exchange.request_body().closed())) return;
  connection_.release();
  end_request("");
  client_ended ? end("") : close();
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
  const bool in_tunnel = request_ != nullptr && request_->exchange().tunnel_open();
  in_tunnel ? connection_.break_off() : connection_.end();
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
