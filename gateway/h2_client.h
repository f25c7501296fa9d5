#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "gateway/client_connection.h"
#include "gateway/client_stream.h"
#include "gateway/h2_connection.h"
#include "pool/owned_set.h"
#include "gateway/worker_parts.h"

namespace gateway {

/// One client's HTTP/2 connection and its streams. Confined to its worker's thread.
class H2Client final : public ClientConnection,
                       private h2::SessionEvents,
                       private H2Connection::Owner,
                       private ClientStream::Owner {
 public:
  /// `transport` is open.
  H2Client(const ListenerParts& parts, std::unique_ptr<Transport> transport, ClientConnection::Owner& owner);
  ~H2Client() override;

  /// Begins with what was read of it already.
  void begin(std::span<const std::byte> first);
  /// Begins with a request that came in HTTP/1.1, as stream 1: answers it with 101 first (RFC 7540 §3.2).
  void begin(Upgrade upgrade);

  void retire() override;
  void drain() override;
  void terminate(std::string_view reason) override;
  std::size_t exchanges() const override { return streams_.size(); }
  const Exchange& exchange(std::size_t i) const override { return streams_[i].exchange(); }
  SendPauses send_pauses(std::size_t i) const override;
  const pool::Output& output() const override { return connection_.output(); }

 private:
  bool admits_request(std::size_t header_bytes) override { return parts_.admits_request(held_ + header_bytes); }
  void on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) override;
  void on_goaway(const h2::GoAway& goaway) override;
  void on_settings() override {}
  void on_wants_write() override { connection_.write_soon(); }
  void on_connection_open() override;
  void on_connection_fed() override;
  void on_connection_end(std::string_view reason) override;
  void on_stream_over(ClientStream& stream) override;
  bool admits_section(std::size_t bytes) override { return parts_.admits_section(held_, bytes); }
  void on_idle();
  void on_slow();
  void arm_idle();

  const ListenerParts& parts_;
  ClientConnection::Owner& owner_;
  pool::TurnGroup turns_;  // outlives the streams
  pool::OwnedSet<ClientStream> streams_;
  Deadline slow_deadline_;           // preface, header sections
  Deadline idle_deadline_;           // without a stream; then for the answer to the drain's PING
  Deadline cooling_;                 // since it had a stream; where it has one again nothing is given back
  std::size_t held_ = 0;             // by its streams, as admission reckons
  std::string_view protocol_ = "2";  // that the request came in
  H2Connection connection_;          // last: closing its session ends the streams
};

}  // namespace gateway
