#include "gateway/h2_client.h"

#include "gateway/admission.h"
#include "gateway/forwarding.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

constexpr Duration kCooling = std::chrono::seconds(5);  // without a stream, before memory is given back

std::optional<Error> header_too_large() {
  return Error{.source = ErrorSource::client, .status = 431, .reason = "request header too large"};
}

}  // namespace

H2Client::H2Client(const ListenerParts& parts, std::unique_ptr<Transport> transport,
                   ClientConnection::Owner& owner)
    : parts_(parts),
      owner_(owner),
      slow_deadline_(parts.worker.loop, [this] { on_slow(); }),
      idle_deadline_(parts.worker.loop, [this] { on_idle(); }),
      cooling_(parts.worker.loop, [this] { connection_.session().cool(); }),
      connection_(parts.worker.connection_parts(), std::move(transport), h2::Role::server, parts.limits,
                  parts.timeouts.stall, parts.keep_alive, *this, *this) {}

// Streams end with their session.
H2Client::~H2Client() {
  for (std::size_t i = streams_.size(); i > 0; --i) {
    if (streams_[i - 1].stream() == nullptr) streams_[i - 1].end("connection ended");
  }
}

void H2Client::begin(std::span<const std::byte> first) {
  connection_.start("");
  connection_.receive(first);
}

void H2Client::begin(Upgrade upgrade) {
  connection_.start("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
  protocol_ = "1.1";
  const bool upgraded = connection_.session().upgrade(upgrade.settings, std::move(upgrade.request));
  protocol_ = "2";
  if (!upgraded) return terminate("HTTP2-Settings were not understood");
  connection_.receive(upgrade.read);
}

void H2Client::retire() {
  if (!connection_.session().draining()) drain();
}

void H2Client::drain() {
  connection_.session().drain();
  idle_deadline_.set(parts_.timeouts.drain_notice);
}

void H2Client::terminate(std::string_view reason) {
  connection_.terminate(h2::ErrorCode::no_error, reason);
}

ClientConnection::SendPauses H2Client::send_pauses(std::size_t i) const {
  const h2::Stream* stream = streams_[i].stream();
  return {.stream_window_closed = stream != nullptr && stream->send_window() == 0,
          .connection_window_closed = connection_.session().send_window() == 0,
          .socket_full = connection_.blocked()};
}

// ---- From the connection ----

void H2Client::on_connection_open() {
  slow_deadline_.set(parts_.timeouts.request_header);
  arm_idle();
}

void H2Client::on_connection_fed() {
  // A head that only grows, where there is no more memory: nothing else of it can be ended.
  const h2::Session& session = connection_.session();
  if ((session.receiving_headers() || session.dropping_headers()) && !parts_.worker.admission.admits_admin()) {
    parts_.worker.stats.headers_cut.add();
    return connection_.terminate(h2::ErrorCode::enhance_your_calm,
                                 "no memory for the header section that has begun");
  }
  const bool is_waiting = !session.peer_settings_received() || session.receiving_headers();
  if (!is_waiting) {
    slow_deadline_.clear();
  } else if (!slow_deadline_.armed()) {
    slow_deadline_.set(parts_.timeouts.request_header);
  }
}

void H2Client::on_connection_end(std::string_view reason) {
  const h2::Session& session = connection_.session();
  const std::string& peer = connection_.transport().peer();
  if (session.abuse() != h2::Abuse::none) {
    parts_.worker.stats.count_abuse(session.abuse());
    parts_.worker.log.warning("client", "{}: connection ended: {} ({})", peer, reason,
                              h2::to_string(session.abuse()));
  } else if (!reason.empty() && !streams_.empty()) {
    parts_.worker.log.info("client", "{}: connection ended with {} streams open: {}", peer, streams_.size(),
                           reason);
  } else if (!reason.empty()) {
    parts_.worker.log.debug("client", "{}: connection ended: {}", peer, reason);
  }
  slow_deadline_.clear();
  idle_deadline_.clear();
  cooling_.clear();
  owner_.on_connection_gone();
}

// ---- From the session ----

void H2Client::on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) {
  const Transport& transport = connection_.transport();
  const std::optional<Error> refusal = oversized ? header_too_large() : check_request(headers);
  ClientStream& client = streams_.add(std::make_unique<ClientStream>(
      parts_.worker, parts_.exchange, turns_, stream, std::move(headers), !end_stream,
      RequestOrigin{transport.peer(), parts_.local, transport.secure(), stream.id(), protocol_,
                    transport.peer_port()},
      static_cast<ClientStream::Owner&>(*this)));
  held_ += client.cost();
  if (connection_.session().prioritized()) connection_.limit_unsent();
  // While it drains the deadline is the notice's: requests do not put it off.
  if (!connection_.session().draining()) idle_deadline_.clear();
  owner_.on_request_begun();
  client.start(refusal ? &*refusal : nullptr);
}

void H2Client::on_goaway(const h2::GoAway& goaway) {
  if (goaway.code != h2::ErrorCode::no_error) {
    parts_.worker.log.info("client", "{}: GOAWAY {}: {}", connection_.transport().peer(),
                           h2::to_string(goaway.code), goaway.debug_data);
  }
}

void H2Client::on_stream_over(ClientStream& stream) {
  held_ -= stream.cost();
  parts_.worker.turn_end.bury(streams_.release(stream));
  if (streams_.empty() && !connection_.ended()) arm_idle();
}

// ---- Time ----

void H2Client::arm_idle() {
  if (connection_.session().draining()) return;
  idle_deadline_.set(parts_.timeouts.connection_idle);
  cooling_.set(kCooling);
}

void H2Client::on_idle() {
  if (connection_.session().draining()) return connection_.session().drain();
  parts_.worker.stats.count_timeout(Timeout::connection_idle);
  drain();
}

void H2Client::on_slow() {
  parts_.worker.stats.count_timeout(Timeout::request_header);
  connection_.terminate(h2::ErrorCode::enhance_your_calm, "request header took too long");
}

}  // namespace gateway
