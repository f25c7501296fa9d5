#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/h2_connection.h"
#include "gateway/lifespan.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/worker_parts.h"
#include "h2/stream.h"

namespace gateway {

/// One HTTP/2 connection to a backend, shared by the streams of many clients. Confined to its worker's thread.
class H2Upstream final : private h2::SessionEvents, private H2Connection::Owner, private h2::StreamEvents {
 public:
  class Owner {
   public:
    /// It may be possible to open a stream: it is open, its peer's limit is known or has changed, or a stream ended.
    virtual void on_upstream_ready() = 0;
    /// Over; bury it. `open_failure` says why it never carried anything, null if it was settled.
    virtual void on_upstream_end(H2Upstream& upstream, const Error* open_failure) = 0;

   protected:
    ~Owner() = default;
  };

  H2Upstream(const WorkerParts& worker, std::unique_ptr<Transport> transport, const EndpointLimits& limits,
             std::string_view endpoint, Owner& owner);

  /// Its peer's SETTINGS are here, so it is known how many streams it bears.
  bool is_settled() const { return is_settled_; }
  /// It takes no more streams: its time is over, or its peer said GOAWAY. It ends with those that it has.
  bool is_leaving() const { return is_leaving_; }
  /// Open, and its peer bears another stream. Before its SETTINGS came it gets one, so that a first request costs no round trip and
  /// the next ones are not refused; and none with a body, of which it may have no place for what the protocol's default window lets
  /// through (it would refuse the stream when its bytes are gone from here).
  bool can_carry(bool has_body) {
    return is_open_ && !is_leaving_ && !connection_.ended() && connection_.session().can_open() &&
           (is_settled_ || (!has_body && connection_.session().open_streams() == 0));
  }
  /// Whether its peer takes tunnels. REQUIRES: is_settled().
  bool takes_tunnels() const { return connection_.session().peer_takes_tunnels(); }
  /// Opens a stream. Null when it cannot.
  h2::Stream* request(h2::HeaderList head, pool::Pipe* body, pool::Pipe* response_body, h2::StreamEvents& events);
  /// A stream of it has ended.
  void stream_over();
  /// Nobody waits for `stream` any more: resets it, and counts it until it has ended.
  void release(h2::Stream& stream);
  /// Why it ended, in words.
  const std::string& end_reason() const { return end_reason_; }

  std::size_t slot = 0;  // in its owner's set

 private:
  void on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) override;
  void on_goaway(const h2::GoAway& goaway) override;
  void on_settings() override { settings_came_ = true; }
  void on_wants_write() override { connection_.write_soon(); }
  void on_connection_open() override;
  void on_connection_fed() override;
  void on_connection_end(std::string_view reason) override;
  void on_headers(h2::Stream&, h2::HeadersKind, h2::HeaderList&&, bool, bool) override {}
  const h2::HeaderList* trailers(h2::Stream&) override { return nullptr; }
  void on_closed(h2::Stream&, h2::ErrorCode, bool) override { stream_over(); }
  void on_deadline();
  void leave(Retirement why);
  void end_if_left();

  const WorkerParts& worker_;
  const EndpointLimits& limits_;
  const std::string endpoint_;
  Owner& owner_;
  Deadline deadline_;  // to be open; then, without a stream, to be used
  Lifespan lifespan_;
  std::string end_reason_;
  bool is_open_ = false;
  bool is_leaving_ = false;
  bool settings_came_ = false;  // in the bytes that are being fed
  bool is_settled_ = false;
  bool connect_expired_ = false;
  H2Connection connection_;  // last: closing its session ends the streams
};

}  // namespace gateway
