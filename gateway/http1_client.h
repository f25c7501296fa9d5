#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client_connection.h"
#include "gateway/client_exchange.h"
#include "gateway/http1/connection.h"
#include "gateway/worker_parts.h"

namespace gateway {

/// One client's HTTP/1.1 or 1.0 connection: one exchange at a time, in the order of the requests.
///
///   waiting ──head──▶ serving ──response queued──▶ flushing ──written──▶ waiting
///                       └──101──▶ tunnel                 └──not kept alive──▶ closing
///
/// Requests that come early stay in the socket. A client that closes while its exchange is under way is gone,
/// as for most proxies: half-closed connections are not served on, but a tunnel (WebSocket) is. What is malformed is answered with its
/// status, then the connection ends. Confined to its worker's thread.
class Http1Client final : public ClientConnection, private Http1Connection::Owner {
 public:
  /// `transport` is open.
  Http1Client(const ListenerParts& parts, std::unique_ptr<Transport> transport,
              ClientConnection::Owner& owner);

  /// Begins with what was read of it already.
  void begin(std::span<const std::byte> first);

  void retire() override { retired_ = true; }
  void drain() override;
  void terminate(std::string_view reason) override { end(reason); }
  std::size_t exchanges() const override { return request_ == nullptr ? 0 : 1; }
  const Exchange& exchange(std::size_t) const override { return request_->exchange(); }
  SendPauses send_pauses(std::size_t) const override { return {.socket_full = connection_.blocked()}; }
  const pool::Output& output() const override { return connection_.output(); }

 private:
  enum class State : std::uint8_t { waiting, serving, tunnel, flushing, closing };

  /// The request that is being served.
  class Request final : public ClientExchange {
   public:
    Request(Http1Client& client, h2::HeaderList head, bool has_body, RequestOrigin origin);
    Exchange& exchange() { return exchange_; }
    const Exchange& exchange() const { return exchange_; }
    void end(std::string_view reason) { finish(reason); }

   private:
    void on_interim(const h2::HeaderList& head) override { client_.send_interim(head); }
    void respond() override { client_.send_response(); }
    void on_failed(const Error& error) override { client_.end(error.reason); }
    void on_tunnel_over() override { client_.look_whether_tunnel_ended(); }
    bool admits_section(std::size_t bytes) override { return client_.admits_section(bytes); }
    Http1Client& client_;
  };

  void on_connection_open() override {}
  void on_connection_failed(std::string_view) override {}
  bool admits_section(std::size_t bytes) override;
  void on_head(h2::HeaderList&& head, bool has_body) override;
  void on_interim(h2::HeaderList&&) override {}
  void on_trailers(h2::HeaderList&& trailers) override;
  void on_read() override;
  void on_received(bool keep_alive) override;
  void on_broken(int status, std::string_view reason) override;
  const h2::HeaderList* trailers() override { return request_->exchange().response_trailers(); }
  void on_sent() override;
  void on_written() override;
  void on_unsendable(std::string_view reason) override { end(reason); }
  void on_stuck(std::string_view reason) override { end(reason); }
  void on_write_failed() override { end(connection_.transport().error()); }

  void wait_for_request();
  std::optional<Error> refusal_of(const h2::HeaderList& request) const;
  bool wants_upgrade(const h2::HeaderList& head, std::optional<Error>& refusal);
  bool wants_tunnel(const h2::HeaderList& head, bool has_body, std::optional<Error>& refusal);
  void serve(h2::HeaderList request, bool has_body, const Error* refusal);
  void refuse(int status, std::string_view reason);
  void send_interim(const h2::HeaderList& head);
  void send_response();
  void open_tunnel();
  void look_whether_tunnel_ended();
  void end_request(std::string_view reason);
  void upgrade();
  void close();
  void on_slow();
  void on_idle();
  void end(std::string_view reason);

  const ListenerParts& parts_;
  ClientConnection::Owner& owner_;
  pool::TurnGroup turns_;   // outlives the exchanges
  Deadline slow_deadline_;  // a head that has begun, and the first one
  Deadline idle_deadline_;  // without an exchange; then for the peer to close
  State state_ = State::waiting;
  std::int32_t requests_ = 0;
  bool http_1_1_ = true;  // the request's version; else 1.0
  bool keep_alive_ = true;
  bool whole_ = false;  // all of the request has come; in a tunnel, of what the client sends
  bool retired_ = false;  // the next response is the last
  bool draining_ = false;
  std::optional<Upgrade> upgrade_;  // what it is to become when the request is whole
  std::string websocket_key_;       // of the tunnel that the request asks for; "": none
  std::unique_ptr<Request> request_;
  Http1Connection connection_;
};

}  // namespace gateway
