#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client_protocols.h"
#include "gateway/exchange.h"
#include "gateway/keep_alive_limits.h"
#include "h2/session.h"

namespace gateway {

class Transport;
struct WorkerParts;

/// How long a client's connection may take for its parts; zero: for ever.
struct ClientTimeouts {
  Duration tls_handshake{};    // until TLS is up
  Duration request_header{};   // for the first bytes, and for any head that has begun
  Duration connection_idle{};  // without an exchange
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
  ClientProtocols protocols{};
  KeepAliveLimits keep_alive = {};

  /// Whether there is memory for a request on a connection whose requests hold `bytes` with it. If not, that is counted.
  bool admits_request(std::size_t bytes) const;
  /// The same for a header section of so many bytes, beside the `held` ones.
  bool admits_section(std::size_t held, std::size_t bytes) const;
};

/// A client's connection once it is known what it speaks: H2Client or Http1Client. Owned by its Client.
/// Confined to its worker's thread.
class ClientConnection {
 public:
  /// A request that asked to go on in HTTP/2 (RFC 7540 §3.2).
  struct Upgrade {
    std::unique_ptr<Transport> transport;
    std::vector<std::byte> settings;  // the payload of a SETTINGS frame
    h2::HeaderList request;
    std::vector<std::byte> read;  // behind the request, already
  };
  class Owner {
   public:
    /// A request has begun. May lead to retire().
    virtual void on_request_begun() = 0;
    /// Over: bury it.
    virtual void on_connection_gone() = 0;
    /// Over, and goes on as another one: bury it.
    virtual void on_upgrade(Upgrade upgrade) = 0;

   protected:
    ~Owner() = default;
  };
  /// Why bytes of a response do not leave.
  struct SendPauses {
    bool stream_window_closed = false;
    bool connection_window_closed = false;
    bool socket_full = false;
  };

  virtual ~ClientConnection() = default;

  /// Tells the client to go elsewhere with its next requests: by GOAWAY, or with its next response. Those that come
  /// before it has heard are served. Once.
  virtual void retire() = 0;
  /// Tells the client that no more requests are served; ends when those that came have ended.
  virtual void drain() = 0;
  /// Ends now, whatever is under way.
  virtual void terminate(std::string_view reason) = 0;

  virtual std::size_t exchanges() const = 0;
  virtual const Exchange& exchange(std::size_t i) const = 0;
  virtual SendPauses send_pauses(std::size_t i) const = 0;
  /// What is queued for its socket.
  virtual const pool::Output& output() const = 0;
};

}  // namespace gateway
