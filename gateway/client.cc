#include "gateway/client.h"

#include <cstring>
#include <utility>

#include "gateway/admission.h"
#include "gateway/h2_client.h"
#include "gateway/http1_client.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

std::uint64_t count(WorkerStats& stats) {
  stats.connections_accepted.add();
  stats.connections_open.add();
  return stats.connections_accepted.value();
}

}  // namespace

Client::Client(const ListenerParts& parts, std::unique_ptr<Transport> transport, Owner& owner)
    : parts_(parts),
      owner_(owner),
      number_(count(parts.worker.stats)),
      handshake_(parts.worker.admission.ledger(), kHandshakeReserve),
      slow_deadline_(parts.worker.loop, [this] { on_slow(); }),
      lifespan_(parts.worker.loop, parts.worker.jitter, parts.keep_alive, parts.worker.stats.connections_retired,
                [this](Retirement) { connection_->retire(); }),
      transport_(std::move(transport)) {
  transport_->set_events(this);
  slow_deadline_.set(parts_.timeouts.tls_handshake);
}

Client::~Client() {
  parts_.worker.stats.connections_open.sub();
}

void Client::drain() {
  if (connection_ == nullptr) return end("draining");
  lifespan_.clear();
  connection_->drain();
}

void Client::terminate(std::string_view reason) {
  if (connection_ == nullptr) return end(reason);
  connection_->terminate(reason);
}

// ---- What it speaks ----

void Client::on_open() {
  if (!transport_->secure()) return slow_deadline_.set(parts_.timeouts.request_header);
  if (transport_->alpn() == "h2") return speak_h2();
  speak_http1();
}

void Client::on_readable() {
  const Transport::Result result = transport_->read(std::span(first_).subspan(read_));
  if (result.status == Transport::Status::closed) return end("");
  if (result.status == Transport::Status::failed) return end(transport_->error());
  read_ += result.bytes;
  if (std::memcmp(first_.data(), kPreface.data(), read_) != 0) return speak_http1();
  if (read_ < kPreface.size()) return;
  if (parts_.protocols.h2) return speak_h2();
  speak_http1();  // which refuses it
}

void Client::speak_h2() {
  slow_deadline_.clear();
  auto connection =
      std::make_unique<H2Client>(parts_, std::move(transport_), static_cast<ClientConnection::Owner&>(*this));
  H2Client& client = *connection;
  connection_ = std::move(connection);
  handshake_.release();
  lifespan_.begin();
  owner_.on_client_open();
  client.begin(first());
}

void Client::speak_http1() {
  slow_deadline_.clear();
  auto connection = std::make_unique<Http1Client>(parts_, std::move(transport_),
                                                  static_cast<ClientConnection::Owner&>(*this));
  Http1Client& client = *connection;
  connection_ = std::move(connection);
  handshake_.release();
  lifespan_.begin();
  owner_.on_client_open();
  client.begin(first());
}

void Client::on_upgrade(ClientConnection::Upgrade upgrade) {
  parts_.worker.turn_end.bury(std::move(connection_));
  auto connection = std::make_unique<H2Client>(parts_, std::move(upgrade.transport),
                                               static_cast<ClientConnection::Owner&>(*this));
  H2Client& client = *connection;
  connection_ = std::move(connection);
  client.begin(std::move(upgrade));
}

// ---- The end ----

void Client::on_open_failed(std::string_view reason) {
  parts_.worker.stats.handshakes_failed.add();
  parts_.worker.log.info("client", "{}: {}", transport_->peer(), reason);
  end("");
}

void Client::on_slow() {
  const Timeout kind = transport_->open() ? Timeout::request_header : Timeout::tls_handshake;
  parts_.worker.stats.count_timeout(kind);
  if (kind == Timeout::tls_handshake) return on_open_failed("TLS handshake took too long");
  end("no request came");
}

void Client::end(std::string_view reason) {
  if (ended_) return;
  ended_ = true;
  slow_deadline_.clear();
  if (!reason.empty())
    parts_.worker.log.debug("client", "{}: connection ended: {}", transport_->peer(), reason);
  owner_.on_client_gone(*this);
}

void Client::on_connection_gone() {
  if (std::exchange(ended_, true)) return;
  lifespan_.clear();
  owner_.on_client_gone(*this);
}

}  // namespace gateway
