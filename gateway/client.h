#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/client_connection.h"
#include "gateway/lifespan.h"
#include "gateway/net/transport.h"
#include "gateway/worker_parts.h"
#include "pool/ledger.h"

namespace gateway {

/// A client that was accepted, from its TLS handshake to its end. Finds out what it speaks, then owns the
/// connection that speaks it:
///
///   TLS, ALPN "h2" ───────────────────────────▶ H2Client
///   TLS, ALPN "http/1.1" or none ─────────────▶ Http1Client ──Upgrade: h2c──▶ H2Client
///   cleartext: h2's preface, or anything else ▶ either
///
/// While it is not known it costs a transport and a few bytes. Confined to its worker's thread.
class Client final : private TransportEvents, private ClientConnection::Owner {
 public:
  class Owner {
   public:
    /// It is known what it speaks.
    virtual void on_client_open() = 0;
    /// Over; bury it.
    virtual void on_client_gone(Client& client) = 0;

   protected:
    ~Owner() = default;
  };

  Client(const ListenerParts& parts, std::unique_ptr<Transport> transport, Owner& owner);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Ends when what it has asked for is answered.
  void drain();
  /// Ends now, whatever is under way.
  void terminate(std::string_view reason);

  /// Which of the connections that its worker accepted it is, from 1.
  std::uint64_t number() const { return number_; }
  /// Null: it is not known yet what it speaks.
  const ClientConnection* connection() const { return connection_.get(); }

  std::size_t slot = 0;  // in its owner's set

 private:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 §3.4

  void on_open() override;
  void on_readable() override;
  void on_writable() override {}
  void on_open_failed(std::string_view reason) override;
  void on_request_begun() override { lifespan_.request(); }
  void on_connection_gone() override;
  void on_upgrade(ClientConnection::Upgrade upgrade) override;
  void speak_h2();
  void speak_http1();
  std::span<const std::byte> first() const { return std::span(first_).first(read_); }
  void on_slow();
  void end(std::string_view reason);

  const ListenerParts& parts_;
  Owner& owner_;
  const std::uint64_t number_;
  pool::Reservation handshake_;  // until it is known what it speaks
  Deadline slow_deadline_;       // as long
  Lifespan lifespan_;            // from then on, whatever it speaks
  std::unique_ptr<Transport> transport_;
  std::array<std::byte, kPreface.size()> first_;  // of cleartext
  std::size_t read_ = 0;
  bool ended_ = false;
  std::unique_ptr<ClientConnection> connection_;
};

}  // namespace gateway
