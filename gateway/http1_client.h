#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/client_connection.h"
#include "gateway/client_exchange.h"
#include "gateway/http1/connection.h"
#include "gateway/worker_parts.h"

namespace gateway {

/// One client's HTTP/1.1 or 1.0 connection: one exchange at a time, in the order of the requests.
///
///   waiting ──head──▶ serving ──response queued──▶ flushing ──written──▶ waiting
///      │                 │                            └─────last one─────▶ closing ──▶ over
///      │                 └──tunnel over──▶ closing, or over if the client has ended
///      └──Upgrade: h2c──▶ over, goes on as an H2Client
///
/// What may befall it in each of them ("last": no other request may follow):
///
///                      waiting                  serving                          flushing            closing
///   malformed bytes    answered (4xx), last     the exchange fails: 4xx or over  not read on, last   dropped
///   the client's FIN   over                     over; a tunnel goes on           last                over
///   time is up         over; in a head: 408     the exchange fails               over                over
///   drain()            over; in a head: last    last                             last                goes on
///
/// A socket that takes no more ends it anywhere. Requests that come early stay in the socket; what still comes of a head that was refused
/// before it was whole is dropped. A client that closes while its exchange is under way is gone, as for most proxies. A WebSocket is
/// served as other exchanges are: it is the exchange that says whether it is a tunnel, whether that is open, and whether the backend
/// is done with it. Confined to its worker's thread.
class Http1Client final : public ClientConnection, private Http1Connection::Owner {
 public:
  /// `transport` is open.
  Http1Client(const ListenerParts& parts, std::unique_ptr<Transport> transport,
              ClientConnection::Owner& owner);

  /// Begins with what was read of it already.
  void begin(std::span<const std::byte> first);

  void retire() override { next_is_last_ = true; }
  void drain() override;
  void terminate(std::string_view reason) override { end(reason); }
  std::size_t exchanges() const override { return request_ == nullptr ? 0 : 1; }
  const Exchange& exchange(std::size_t) const override { return request_->exchange(); }
  SendPauses send_pauses(std::size_t) const override { return {.socket_full = connection_.blocked()}; }
  const pool::Output& output() const override { return connection_.output(); }

 private:
  enum class State : std::uint8_t {
    waiting,   // for a request, to the end of its head
    serving,   // request_, until its response is queued or its tunnel is over
    flushing,  // the socket has yet to take the rest of the response
    closing,   // all is said; the client is given a moment to close first
  };

  /// What a head asks for. By default one that was not understood.
  struct Asked {
    h2::HeaderList head{};
    bool has_body = false;
    bool http_1_1 = true;              // its version; else 1.0
    std::string_view websocket_key{};  // of the tunnel; "": none
  };

  /// The request that is being served.
  class Request final : public ClientExchange {
   public:
    Request(Http1Client& client, Asked&& asked, RequestOrigin origin);
    Exchange& exchange() { return exchange_; }
    const Exchange& exchange() const { return exchange_; }
    bool http_1_1() const { return exchange_.origin().protocol == "1.1"; }
    const std::string& websocket_key() const { return websocket_key_; }
    /// It asks for a tunnel that is not open: its body begins behind the 101, or never.
    bool awaits_tunnel() const { return exchange_.asks_tunnel() && !exchange_.tunnel_open(); }
    /// All of it has come; of a tunnel: the client has ended.
    bool is_whole() const { return awaits_tunnel() || exchange_.request_body().end() == pool::Pipe::End::finished; }
    void end(std::string_view reason) { finish(reason); }

   private:
    void on_interim(const h2::HeaderList& head) override { client_.send_interim(head); }
    void respond() override { client_.send_response(); }
    void on_failed(const Error& error) override { client_.end(error.reason); }
    void on_tunnel_over() override { client_.end_tunnel_if_over(); }
    bool admits_section(std::size_t bytes) override { return client_.admits_section(bytes); }

    Http1Client& client_;
    const std::string websocket_key_;
  };

  void on_connection_open() override {}
  void on_connection_failed(std::string_view) override {}
  bool admits_section(std::size_t bytes) override { return parts_.admits_section(0, bytes); }
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
  static std::optional<Error> take_websocket(const h2::HeaderList& head, Asked& asked);
  std::optional<Error> take_h2c(const h2::HeaderList& head, Asked& asked);
  void serve(Asked&& asked, const Error* refusal);
  void refuse(int status, std::string_view reason);
  void send_interim(const h2::HeaderList& head);
  void send_response();
  void open_tunnel();
  void end_tunnel_if_over();
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
  bool keep_alive_ = true;     // another request may follow the one that is served
  bool next_is_last_ = false;  // none may follow the one whose response begins next
  std::optional<Upgrade> upgrade_;  // what it is to become when the request is whole
  std::unique_ptr<Request> request_;
  Http1Connection connection_;
};

}  // namespace gateway
