#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "gateway/upstream/http1_upstream.h"
#include "pool/owned_set.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/upstream/fair_queue.h"

namespace gateway {

class Http1Backend;

/// An endpoint that speaks HTTP/1.1: a keep-alive pool of connections, each for one exchange at a time. The connection that was used last
/// is used next, so that the others can end.
class Http1Endpoint final : public Endpoint, private Http1Upstream::Owner {
 public:
  Http1Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer, EndpointHealth& health);
  std::unique_ptr<Backend> make_backend() override;

 private:
  friend class Http1Backend;
  void serve(Http1Backend& backend);
  /// More wait than connections are on their way.
  bool is_full() const { return waiting_.size() > dialing_; }
  void dial_if_needed() override;
  void add_connection(std::unique_ptr<Transport> transport) override;
  void fail_waiting(const Error& error) override;
  void on_upstream_idle(Http1Upstream& upstream) override;
  void on_upstream_end(Http1Upstream& upstream, const Error* open_failure) override;

  pool::OwnedSet<Http1Upstream> upstreams_;
  std::vector<Http1Upstream*> idle_;
  FairQueue<Http1Backend> waiting_;
  std::size_t dialing_ = 0;  // of upstreams_, one for each of those who wait
};

/// An exchange on an HTTP/1.1 connection of its endpoint, or waiting for one.
class Http1Backend final : public Backend, public Http1Upstream::User {
 public:
  explicit Http1Backend(Http1Endpoint& endpoint) : endpoint_(endpoint), active_(endpoint) {}
  void start(Exchange& exchange) override;
  void give_up() override;
  std::string_view name() const override { return endpoint_.name(); }
  bool others_wait() const override { return upstream_ != nullptr && endpoint_.is_full(); }

 private:
  friend class Http1Endpoint;
  void on_connection_done() override { upstream_ = nullptr; }

  Http1Endpoint& endpoint_;
  const Active active_;
  Exchange* exchange_ = nullptr;
  Http1Upstream* upstream_ = nullptr;
};

}  // namespace gateway
