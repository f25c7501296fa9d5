#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "gateway/backend.h"
#include "gateway/stats.h"
#include "gateway/upstream/dialer.h"
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
};

/// One backend server as one worker sees it: its connections, and the exchanges that wait for one.
/// Confined to its worker's thread; outlives its backends.
class Endpoint {
 public:
  Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer)
      : worker_(worker), limits_(limits), dialer_(std::move(dialer)) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  virtual std::unique_ptr<Backend> make_backend() = 0;
  const std::string& name() const { return dialer_.name(); }
  /// Exchanges that wait for it or are under way.
  std::size_t active() const { return active_; }

 protected:
  friend class Active;
  const WorkerParts& worker_;
  const EndpointLimits limits_;
  Dialer dialer_;

 private:
  std::size_t active_ = 0;
};

/// Counts one exchange at its endpoint while it lives.
class Active {
 public:
  explicit Active(Endpoint& endpoint) : endpoint_(endpoint) {
    ++endpoint_.active_;
    endpoint_.worker_.stats.upstream_requests_active.add();
  }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
  ~Active() {
    --endpoint_.active_;
    endpoint_.worker_.stats.upstream_requests_active.sub();
  }

 private:
  Endpoint& endpoint_;
};

}  // namespace gateway
