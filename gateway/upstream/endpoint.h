#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/backend.h"
#include "gateway/error.h"
#include "gateway/keep_alive_limits.h"
#include "gateway/net/lookout.h"
#include "gateway/net/proxy_header.h"
#include "gateway/stats.h"
#include "gateway/upstream/dialer.h"
#include "gateway/upstream/endpoint_health.h"
#include "gateway/worker_parts.h"
#include "h2/settings.h"

namespace gateway {

/// Bounds of what one worker keeps towards one endpoint.
struct EndpointLimits {
  std::size_t max_connections = 1;  // at once
  Duration connect{};               // until TCP and TLS are up; zero: for ever
  Duration connection_idle{};       // without an exchange
  Duration stall{};                 // see ClientTimeouts::stall
  h2::SessionLimits session;        // h2 backends; header bounds for HTTP/1.1 ones too
  ProxyVersion proxy_protocol = ProxyVersion::none;  // HTTP/1.1: the header in front of a connection's only request
  KeepAliveLimits keep_alive = {};
};

/// One backend server as one worker sees it: its connections, and the exchanges that wait for one. Whatever it speaks, here is
/// how a connection comes to be dialed, and what it means when one cannot be opened or has ended; which exchange has which
/// connection is the subclass's to say. Confined to its worker's thread; outlives its backends.
class Endpoint {
 public:
  /// `health`: shared with the other workers.
  Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer, EndpointHealth& health)
      : worker_(worker), limits_(limits), dialer_(std::move(dialer)), health_(health),
        dial_again_(worker.loop, [this] { dial_if_needed(); }) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint();

  virtual std::unique_ptr<Backend> make_backend() = 0;
  const std::string& name() const { return dialer_.name(); }
  /// Exchanges that wait for it or are under way.
  std::size_t active() const { return active_; }
  EndpointHealth& health() { return health_; }
  const EndpointHealth& health() const { return health_; }
  Promptness& promptness() { return promptness_; }

 protected:
  friend class Active;
  /// Calls dial() if more exchanges wait than the connections that are on their way will serve.
  virtual void dial_if_needed() = 0;
  /// Opens a connection beside the `open` ones that count, if limits and memory allow it: add_connection() has it, or fail_waiting()
  /// why there is none. Where memory is short, dial_if_needed() is called soon.
  void dial(std::size_t open);
  virtual void add_connection(std::unique_ptr<Transport> transport) = 0;
  /// Fails those who would have had the connection that could not be opened.
  virtual void fail_waiting(const Error& error) = 0;
  /// A connection is open, or has carried an exchange to its end.
  void on_connected();
  /// A connection is over; the subclass has it no more. `open_failure` says why it was never of use, null if it was. Others are
  /// dialed for who waited for it.
  void on_connection_end(const Error* open_failure);
  /// Whether there is memory for another connection beside `open` ones. The first one may always be opened, so that who waits for it
  /// gets on.
  bool may_dial(std::size_t open);
  /// No connection could be opened: counts, tells the log when that takes the endpoint out.
  void on_connect_failed(std::string_view why);

  const WorkerParts& worker_;
  const EndpointLimits limits_;

 private:
  Dialer dialer_;
  EndpointHealth& health_;
  Promptness promptness_;
  std::size_t active_ = 0;
  std::int64_t connections_ = 0;
  Deadline dial_again_;
};

/// Counts one exchange at its endpoint while it lives.
class Active {
 public:
  explicit Active(Endpoint& endpoint) : endpoint_(endpoint) {
    ++endpoint_.active_;
    endpoint_.health_.on_exchange_begins();
    endpoint_.worker_.stats.upstream_requests_active.add();
  }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
  ~Active() {
    --endpoint_.active_;
    endpoint_.health_.on_exchange_ends();
    endpoint_.worker_.stats.upstream_requests_active.sub();
  }

 private:
  Endpoint& endpoint_;
};

}  // namespace gateway
