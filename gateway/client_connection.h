#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/client_stream.h"
#include "gateway/h2_connection.h"
#include "gateway/owned_set.h"
#include "gateway/worker_parts.h"
#include "pool/ledger.h"

namespace gateway {

/// How long a client's connection may take for its parts; zero: for ever.
struct ClientTimeouts {
  Duration tls_handshake{};    // until TLS is up
  Duration request_header{};   // for the connection preface, and for any header section that has begun
  Duration connection_idle{};  // without an open stream
  Duration drain_notice{};     // how long the peer may take to answer the first GOAWAY's PING
  Duration stall{};            // how long its socket may take nothing while others wait for memory
};

/// What the connections of one listener share.
struct ListenerParts {
  const WorkerParts& worker;
  const Exchange::Parts& exchange;
  const h2::SessionLimits& limits;
  const ClientTimeouts& timeouts;
  std::string local;  // the listener's address
  bool is_admin = false;
};

/// One client's HTTP/2 connection and its streams. Confined to its worker's thread.
class ClientConnection final : private h2::SessionEvents, private H2Connection::Owner, private ClientStream::Owner {
 public:
  class Owner {
   public:
    /// Its handshake is over.
    virtual void on_client_open() = 0;
    /// Over; bury it.
    virtual void on_client_gone(ClientConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  ClientConnection(const ListenerParts& parts, std::unique_ptr<Transport> transport, Owner& owner);
  ~ClientConnection();

  /// GOAWAY; ends when its streams have ended (RFC 9113 §6.8).
  void drain();
  /// Ends now, whatever is under way.
  void terminate(std::string_view reason);

  /// Which of the connections that its worker accepted it is, from 1.
  std::uint64_t number() const { return number_; }
  const H2Connection& connection() const { return connection_; }
  std::size_t streams() const { return streams_.size(); }
  const ClientStream& stream(std::size_t i) const { return streams_[i]; }

  std::size_t slot = 0;  // in its owner's set

 private:
  bool admits_request(std::size_t header_bytes) override;
  void on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) override;
  void on_goaway(const h2::GoAway& goaway) override;
  void on_settings() override {}
  void on_wants_write() override { connection_.write_soon(); }
  void on_connection_open() override;
  void on_connection_fed() override;
  void on_connection_end(std::string_view reason) override;
  void on_stream_over(ClientStream& stream) override;
  void on_idle();
  void on_slow();
  void arm_idle();

  const ListenerParts& parts_;
  Owner& owner_;
  std::uint64_t number_;
  pool::TurnGroup turns_;           // outlives the streams
  OwnedSet<ClientStream> streams_;
  Deadline slow_deadline_;  // handshake, preface, header sections
  Deadline idle_deadline_;  // without a stream; then for the answer to the drain's PING
  bool is_open_ = false;
  std::size_t held_ = 0;            // by its streams, as admission reckons
  pool::Reservation handshake_;     // until it is open
  H2Connection connection_;  // last: closing its session ends the streams
};

}  // namespace gateway
