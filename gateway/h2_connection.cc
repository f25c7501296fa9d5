#include "gateway/h2_connection.h"

#include <utility>

#include "gateway/admission.h"
#include "gateway/stats.h"

namespace gateway {
namespace {

// What a connection queues before it asks the socket, and what it may write, or read and drop, in one turn: others wait too. What it
// reads is bounded by the loop's portion.
constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr int kWritesATurn = 8;
constexpr int kDropsATurn = 4;
constexpr Duration kLinger = std::chrono::seconds(1);

}  // namespace

H2Connection::H2Connection(const Parts& parts, std::unique_ptr<Transport> transport, h2::Role role,
                           const h2::SessionLimits& limits, Duration stall, const KeepAliveLimits& keep_alive,
                           h2::SessionEvents& events, Owner& owner)
    : parts_(parts),
      owner_(owner),
      transport_(std::move(transport)),
      session_(role, limits, events),
      stall_(parts.loop, parts.pool, parts.admission, output_, stall,
             [this](Eviction kind, std::string_view what) {
               parts_.stats.count_eviction(kind);
               end(what);
             }),
      keep_alive_(parts.loop, keep_alive, *this),
      linger_deadline_(parts.loop, [this] { end(session_.end_reason()); }) {
  transport_->set_events(this);
}

H2Connection::~H2Connection() { ended_ = true; }

void H2Connection::write_soon() {
  if (ended_) return;
  keep_alive_.watch();
  if (!is_blocked_ && transport_->open()) parts_.turn_end.schedule(*this);
}

void H2Connection::limit_unsent() {
  if (!std::exchange(is_unsent_limited_, true)) transport_->limit_unsent();
}

void H2Connection::terminate(h2::ErrorCode code, std::string_view reason) {
  if (ended_) return;
  session_.terminate(code, reason);
  if (transport_->open()) write_some();
  end(reason);
}

void H2Connection::abort(std::string_view reason) { end(reason); }

void H2Connection::on_open() {
  keep_alive_.heard();
  write_soon();
  owner_.on_connection_open();
}

void H2Connection::start(std::string_view answer) {
  output_.append(std::as_bytes(std::span(answer)));
  on_open();
}

void H2Connection::receive(std::span<const std::byte> bytes) {
  if (bytes.empty() || ended_) return;
  feed(bytes);
  after_fed();
}

void H2Connection::feed(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  keep_alive_.heard();
  if (!session_.feed(bytes, parts_.loop.now())) ending_ = true;
}

// What the session has to write it says itself. Most of what is read is a request that goes on to a backend.
void H2Connection::after_fed() {
  owner_.on_connection_fed();
  if (ended_) return;
  keep_alive_.watch();
  if (owes_acknowledgement_ || ending_ || session_.done()) write_soon();
}

void H2Connection::on_open_failed(std::string_view reason) { end(reason); }

void H2Connection::on_readable() {
  if (ending_) return discard();
  bool has_more = true;  // and it is this connection's turn to read it
  while (has_more && !ended_ && !ending_) {
    const Transport::Result result = transport_->read(parts_.scratch);
    feed(parts_.scratch.first(result.bytes));
    parts_.loop.count_read(result.bytes);
    if (result.status == Transport::Status::closed || result.status == Transport::Status::failed) {
      return end(result.status == Transport::Status::closed ? "" : transport_->error());
    }
    has_more = result.bytes == parts_.scratch.size() && !parts_.loop.has_portion();
  }
  if (ended_) return;
  owes_acknowledgement_ = session_.role() == h2::Role::client && session_.open_streams() > 0;
  after_fed();
}

// A socket that is closed with unread bytes in it is reset, and the peer may lose what was sent last: the end of an answer, the
// GOAWAY that tells why. So what comes is read and dropped until the peer has closed, for a moment.
void H2Connection::discard() {
  for (int i = 0; i < kDropsATurn; ++i) {
    const Transport::Result result = transport_->read(parts_.scratch);
    if (result.status == Transport::Status::again) return;
    if (result.status != Transport::Status::ok) return end(session_.end_reason());
  }
}

void H2Connection::linger() {
  if (!linger_deadline_.armed()) linger_deadline_.set(kLinger);
  if (output_.empty()) transport_->shutdown();
}

void H2Connection::on_writable() {
  if (std::exchange(is_blocked_, false)) keep_alive_.heard();
  write_soon();
}

void H2Connection::at_turn_end() {
  for (int i = 0; i < kWritesATurn; ++i) {
    if (!write_some()) break;
    if (i + 1 == kWritesATurn) write_soon();
  }
  if (ended_) return;
  if (std::exchange(owes_acknowledgement_, false)) transport_->acknowledge();
  if (output_.empty() && session_.done()) ending_ = true;
  if (ending_) linger();
}

// Returns whether there may be more to write.
bool H2Connection::write_some() {
  const bool has_more = session_.produce(output_, kOutputBytes);
  if (ended_ || output_.empty()) return false;
  // The kernel may take more at once than the streams have blocks for: they would share by who is filled again first.
  if (parts_.pool.under_pressure()) limit_unsent();
  const std::size_t before = output_.bytes();
  const Transport::Result result = transport_->write(output_);
  if (result.bytes > 0) owes_acknowledgement_ = false;  // it left with them
  if (result.status == Transport::Status::failed || result.status == Transport::Status::closed) {
    end(transport_->error());
    return false;
  }
  if (result.status == Transport::Status::again) {
    stall_.blocked(before - output_.bytes());
    is_blocked_ = true;
    return false;
  }
  stall_.clear();
  // What was written may have given blocks back, and room to who feeds this connection.
  return has_more || session_.wants_write();
}

// Where the socket is full it could not leave: a peer that takes nothing either is judged by that.
bool H2Connection::ping() {
  if (is_blocked_) return true;
  if (!parts_.admission.admits_admin()) return false;
  session_.ping();
  return true;
}

void H2Connection::on_peer_gone() {
  if (ending_) return;  // linger() sees to its end
  const bool is_client = session_.role() == h2::Role::server;
  Retirements& retired = is_client ? parts_.stats.connections_retired : parts_.stats.upstream_connections_retired;
  retired[static_cast<std::size_t>(Retirement::ping)].add();
  terminate(h2::ErrorCode::no_error, "the peer does not answer PING");
}

void H2Connection::end(std::string_view reason) {
  if (ended_) return;
  ended_ = true;
  stall_.clear();
  keep_alive_.clear();
  linger_deadline_.clear();
  output_.clear();
  owner_.on_connection_end(reason);
}

}  // namespace gateway
