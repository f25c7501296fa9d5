#include "gateway/client_connection.h"

#include <fmt/core.h>

#include "gateway/admission.h"
#include "gateway/forwarding.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {

ClientConnection::ClientConnection(const ListenerParts& parts, std::unique_ptr<Transport> transport, Owner& owner)
    : parts_(parts),
      owner_(owner),
      slow_deadline_(parts.worker.loop, [this] { on_slow(); }),
      idle_deadline_(parts.worker.loop, [this] { on_idle(); }),
      connection_(parts.worker.connection_parts(), std::move(transport), h2::Role::server, parts.limits,
                  parts.timeouts.stall, *this, *this) {
  parts_.worker.stats.connections_accepted.add();
  number_ = parts_.worker.stats.connections_accepted.value();
  parts_.worker.stats.connections_open.add();
  handshake_ = pool::Reservation(parts_.worker.admission.ledger(), kHandshakeReserve);
  slow_deadline_.set(parts_.timeouts.tls_handshake);
}

ClientConnection::~ClientConnection() { parts_.worker.stats.connections_open.sub(); }

void ClientConnection::drain() {
  if (!is_open_) return terminate("draining");
  connection_.session().drain();
  idle_deadline_.set(parts_.timeouts.drain_notice);
}

void ClientConnection::terminate(std::string_view reason) { connection_.terminate(h2::ErrorCode::no_error, reason); }

// ---- From the connection ----

void ClientConnection::on_connection_open() {
  is_open_ = true;
  handshake_.release();
  owner_.on_client_open();
  slow_deadline_.set(parts_.timeouts.request_header);
  arm_idle();
}

void ClientConnection::on_connection_fed() {
  // A head that only grows, where there is no more memory: nothing else of it can be ended.
  if (connection_.session().receiving_headers() && !parts_.worker.admission.admits_admin()) {
    parts_.worker.stats.headers_cut.add();
    return connection_.terminate(h2::ErrorCode::enhance_your_calm, "no memory for the header section that has begun");
  }
  const bool is_waiting = !connection_.session().peer_settings_received() || connection_.session().receiving_headers();
  if (!is_waiting) {
    slow_deadline_.clear();
  } else if (!slow_deadline_.armed()) {
    slow_deadline_.set(parts_.timeouts.request_header);
  }
}

void ClientConnection::on_connection_end(std::string_view reason) {
  const h2::Session& session = connection_.session();
  const std::string& peer = connection_.transport().peer();
  if (!is_open_) {
    parts_.worker.stats.handshakes_failed.add();
    parts_.worker.log.info("client", "{}: {}", peer, reason);
  } else if (session.abuse() != h2::Abuse::none) {
    parts_.worker.stats.count_abuse(session.abuse());
    parts_.worker.log.warning("client", "{}: connection ended: {} ({})", peer, reason, h2::to_string(session.abuse()));
  } else if (!reason.empty() && !streams_.empty()) {
    parts_.worker.log.info("client", "{}: connection ended with {} streams open: {}", peer, streams_.size(), reason);
  } else if (!reason.empty()) {
    parts_.worker.log.debug("client", "{}: connection ended: {}", peer, reason);
  }
  slow_deadline_.clear();
  idle_deadline_.clear();
  owner_.on_client_gone(*this);
}

// ---- From the session ----

bool ClientConnection::admits_request(std::size_t header_bytes) {
  const Admission& admission = parts_.worker.admission;
  if (parts_.is_admin ? admission.admits_admin() : admission.admits_stream(held_ + header_bytes)) return true;
  parts_.worker.stats.streams_refused.add();
  return false;
}

void ClientConnection::on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) {
  const Transport& transport = connection_.transport();
  Error error{.source = ErrorSource::client, .status = 431, .reason = "request header too large"};
  const Error* refusal = oversized ? &error : nullptr;
  if (refusal == nullptr) {
    if (auto wrong = check_request(headers)) {
      error = std::move(*wrong);
      refusal = &error;
    }
  }
  ClientStream& client = streams_.add(std::make_unique<ClientStream>(
      parts_.worker, parts_.exchange, turns_, stream, std::move(headers), !end_stream,
      RequestOrigin{transport.peer(), parts_.local, transport.secure(), stream.id()},
      static_cast<ClientStream::Owner&>(*this)));
  held_ += client.cost();
  idle_deadline_.clear();
  client.start(refusal);
}

void ClientConnection::on_goaway(const h2::GoAway& goaway) {
  if (goaway.code != h2::ErrorCode::no_error) {
    parts_.worker.log.info("client", "{}: GOAWAY {}: {}", connection_.transport().peer(), h2::to_string(goaway.code),
                           goaway.debug_data);
  }
}

void ClientConnection::on_stream_over(ClientStream& stream) {
  held_ -= stream.cost();
  parts_.worker.turn_end.bury(streams_.release(stream));
  if (streams_.empty() && !connection_.ended()) arm_idle();
}

// ---- Time ----

void ClientConnection::arm_idle() {
  if (!connection_.session().draining()) idle_deadline_.set(parts_.timeouts.connection_idle);
}

void ClientConnection::on_idle() {
  if (connection_.session().draining()) return connection_.session().drain();
  parts_.worker.stats.count_timeout(Timeout::connection_idle);
  drain();
}

void ClientConnection::on_slow() {
  if (!is_open_) {
    parts_.worker.stats.count_timeout(Timeout::tls_handshake);
    return connection_.abort("TLS handshake took too long");
  }
  parts_.worker.stats.count_timeout(Timeout::request_header);
  connection_.terminate(h2::ErrorCode::enhance_your_calm, "request header took too long");
}

}  // namespace gateway
