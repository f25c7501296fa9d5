#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "gateway/http1/connection.h"
#include "gateway/owned_set.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/upstream/fair_queue.h"

namespace gateway {

class Http1Backend;

/// An endpoint that speaks HTTP/1.1: a keep-alive pool of connections, each for one exchange at a time. The connection that was used last
/// is used next, so that the others can end.
class Http1Endpoint final : public Endpoint, private Http1Connection::Owner {
 public:
  Http1Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer, EndpointHealth& health);
  ~Http1Endpoint() override;
  std::unique_ptr<Backend> make_backend() override;

 private:
  friend class Http1Backend;
  void serve(Http1Backend& backend);
  /// More wait than connections are on their way.
  bool is_full() const { return waiting_.size() > dialing_; }
  void dial_if_needed();
  void dial();
  void on_may_dial() override { dial_if_needed(); }
  void fail_first(const Error& error);
  void on_connection_idle(Http1Connection& connection) override;
  void on_connection_end(Http1Connection& connection, const Error* open_failure) override;

  OwnedSet<Http1Connection> connections_;
  std::vector<Http1Connection*> idle_;
  FairQueue<Http1Backend> waiting_;
  std::size_t dialing_ = 0;
};

/// An exchange on an HTTP/1.1 connection of its endpoint, or waiting for one.
class Http1Backend final : public Backend, public Http1Connection::User {
 public:
  explicit Http1Backend(Http1Endpoint& endpoint) : endpoint_(endpoint), active_(endpoint) {}
  void start(Exchange& exchange) override;
  void give_up() override;
  std::string_view name() const override { return endpoint_.name(); }
  bool others_wait() const override { return connection_ != nullptr && endpoint_.is_full(); }

 private:
  friend class Http1Endpoint;
  void on_connection_done() override { connection_ = nullptr; }

  Http1Endpoint& endpoint_;
  const Active active_;
  Exchange* exchange_ = nullptr;
  Http1Connection* connection_ = nullptr;
};

}  // namespace gateway
