#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/http1/connection.h"
#include "gateway/lifespan.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/lookout.h"
#include "gateway/upstream/endpoint.h"

namespace gateway {

class Exchange;
struct RequestOrigin;

/// One HTTP/1.1 connection to a backend. It carries one exchange at a time.
///
///   connecting ──▶ idle ⇄ carrying ──▶ over
///
/// A tunnel goes out as a GET that asks to be upgraded; its bytes leave from the 101 on, and the connection is of
/// no other use any more.
///
/// The first bytes of a response, with the head in them, have the stream's doorbell for a place when no block
/// is free. Confined to its worker's thread.
class Http1Upstream final : private Http1Connection::Owner {
 public:
  class Owner {
   public:
    /// Open, or free again: may carry an exchange.
    virtual void on_upstream_idle(Http1Upstream& upstream) = 0;
    /// Over; bury it. `open_failure` says why it could not be opened, null if it was open.
    virtual void on_upstream_end(Http1Upstream& upstream, const Error* open_failure) = 0;

   protected:
    ~Owner() = default;
  };
  class User {
   public:
    /// The exchange is over as far as the connection is concerned, or has failed: the connection is another's
    /// now.
    virtual void on_connection_done() = 0;

   protected:
    ~User() = default;
  };

  Http1Upstream(const WorkerParts& worker, std::unique_ptr<Transport> transport, const EndpointLimits& limits,
                std::string_view endpoint, Owner& owner);

  /// Sends the exchange's request, whose answer is looked for as `promptness` says. REQUIRES: idle, on_upstream_idle was called.
  void carry(Exchange& exchange, Promptness& promptness, User& user);
  /// The exchange is gone: the connection ends, since what is under way on it cannot be taken back.
  void abandon();
  bool was_used() const { return was_used_; }

  std::size_t slot = 0;  // in its owner's set

 private:
  void on_connection_open() override;
  void on_connection_failed(std::string_view reason) override;
  bool admits_section(std::size_t bytes) override;
  void on_head(h2::HeaderList&& head, bool has_body) override;
  void on_interim(h2::HeaderList&& head) override;
  void on_trailers(h2::HeaderList&& trailers) override;
  void on_read() override {}
  void on_received(bool keep_alive) override;
  void on_broken(int status, std::string_view reason) override;
  const h2::HeaderList* trailers() override;
  void on_sent() override;
  void on_written() override;
  void on_unsendable(std::string_view reason) override;
  void on_stuck(std::string_view reason) override;
  void on_write_failed() override;

  std::string proxy_greeting(const RequestOrigin& origin) const;
  WrittenHead write_head(const Exchange& exchange, std::string& out);
  void open_tunnel(h2::HeaderList&& head);
  void complete();
  void end_tunnel_if_over();
  void detach();
  void fail(std::string_view reason, bool retry_safe);
  void fail(const Error& error);
  void on_deadline();
  void end(const Error* open_failure);

  const WorkerParts& worker_;
  const EndpointLimits& limits_;
  const std::string endpoint_;
  Owner& owner_;
  Deadline deadline_;  // to be open; then, while idle, to be used
  Lifespan lifespan_;
  Exchange* exchange_ = nullptr;
  User* user_ = nullptr;
  std::string websocket_key_;  // of the tunnel that was asked for; "": none
  bool tunnel_ = false;        // it is open
  bool response_done_ = false;
  bool keep_alive_ = false;
  bool was_used_ = false;      // has carried an exchange
  bool write_failed_ = false;  // the backend takes no more; it may have answered
  bool is_open_ = false;
  Http1Connection connection_;
};

}  // namespace gateway
