#pragma once

#include <memory>
#include <string_view>

#include "gateway/exchange.h"
#include "pool/owned_set.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/upstream/fair_queue.h"
#include "gateway/upstream/h2_upstream.h"
#include "gateway/worker_parts.h"
#include "h2/stream.h"

namespace gateway {

class H2Backend;

/// An endpoint that speaks HTTP/2: few connections, each for as many streams as its peer bears.
class H2Endpoint final : public Endpoint, private H2Upstream::Owner {
 public:
  H2Endpoint(const WorkerParts& worker, const EndpointLimits& limits, Dialer dialer, EndpointHealth& health);
  std::unique_ptr<Backend> make_backend() override;

 private:
  friend class H2Backend;
  void serve(H2Backend& backend);
  bool send(H2Backend& backend);
  template <typename Predicate>
  std::size_t count(Predicate is_counted) const;
  /// Connections that take streams, or will.
  std::size_t staying() const;
  /// Of them, those whose peer's SETTINGS have not come.
  std::size_t unsettled() const;
  /// More wait than the connections that are on their way may bear.
  bool is_full() const;
  void serve_waiting();
  void dial_if_needed() override;
  void add_connection(std::unique_ptr<Transport> transport) override;
  void fail_waiting(const Error& error) override;
  void on_upstream_ready() override;
  void on_upstream_end(H2Upstream& upstream, const Error* open_failure) override;

  pool::OwnedSet<H2Upstream> upstreams_;
  FairQueue<H2Backend> waiting_;
};

/// An exchange on a stream of a shared HTTP/2 connection, or waiting for one.
class H2Backend final : public Backend, private h2::StreamEvents {
 public:
  explicit H2Backend(H2Endpoint& endpoint) : endpoint_(endpoint), active_(endpoint) {}
  void start(Exchange& exchange) override;
  void give_up() override;
  std::string_view name() const override { return endpoint_.name(); }
  bool others_wait() const override { return stream_ != nullptr && endpoint_.is_full(); }

 private:
  friend class H2Endpoint;
  /// Opens its stream on `upstream`, or fails where that cannot carry it; false when another is to be found.
  bool send_on(H2Upstream& upstream);
  void fail(const Error& error);
  void respond(h2::HeaderList head, bool end_stream);
  void on_headers(h2::Stream& stream, h2::HeadersKind kind, h2::HeaderList&& headers, bool end_stream,
                  bool oversized) override;
  bool admits_headers(h2::Stream& stream, std::size_t bytes) override;
  const h2::HeaderList* trailers(h2::Stream& stream) override;
  void on_closed(h2::Stream& stream, h2::ErrorCode code, bool by_peer) override;

  H2Endpoint& endpoint_;
  const Active active_;
  Exchange* exchange_ = nullptr;
  H2Upstream* upstream_ = nullptr;
  h2::Stream* stream_ = nullptr;
};

}  // namespace gateway
