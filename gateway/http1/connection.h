#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/http1/codec.h"
#include "gateway/http1/request_writer.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/transport.h"
#include "gateway/socket_stall.h"
#include "gateway/turn_end.h"
#include "gateway/upstream/endpoint.h"
#include "pool/output.h"
#include "pool/pipe.h"

namespace gateway {

class Exchange;

/// One HTTP/1.1 connection to a backend. It carries one exchange at a time: writes the request straight from
/// the blocks of its pipe, and reads the response straight into those of the other.
///
///   connecting ──▶ idle ⇄ carrying ──▶ over
///
/// It reads only when the response's pipe has room, so the socket is the backend's window. The first bytes,
/// with the head in them, have the stream's doorbell for a place when no block is free. Confined to its
/// worker's thread.
class Http1Connection final : private TransportEvents,
                              private TurnEndTask,
                              private CodecEvents,
                              private pool::PipeProducer {
 public:
  class Owner {
   public:
    /// Open, or free again: may carry an exchange.
    virtual void on_connection_idle(Http1Connection& connection) = 0;
    /// Over; bury it. `open_failure` says why it could not be opened, null if it was open.
    virtual void on_connection_end(Http1Connection& connection, const Error* open_failure) = 0;

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

  Http1Connection(const WorkerParts& worker, std::unique_ptr<Transport> transport,
                  const EndpointLimits& limits, std::string_view endpoint, Owner& owner);

  /// Sends the exchange's request. REQUIRES: idle, on_connection_idle was called.
  void carry(Exchange& exchange, User& user);
  /// The exchange is gone: the connection ends, since what is under way on it cannot be taken back.
  void abandon();
  bool was_used() const { return was_used_; }

  std::size_t slot = 0;  // in its owner's set

 private:
  void on_open() override;
  void on_readable() override;
  void on_writable() override;
  void on_open_failed(std::string_view reason) override;
  void at_turn_end() override;

  void on_head(h2::HeaderList&& head, bool has_body) override;
  void on_interim(h2::HeaderList&& head) override;
  void on_body(std::span<const std::byte> bytes) override;
  void on_trailers(h2::HeaderList&& trailers) override;
  void on_complete(bool keep_alive) override;

  void on_room() override;  // of the response's pipe
  bool read_some();
  bool take_result(const Http1Codec::Result& result);
  void write_request();
  void write_soon();
  void complete();
  void detach();
  void fail(std::string reason, bool retry_safe);
  void fail(const Error& error);
  void on_stall(Eviction kind, std::string_view what);
  void on_deadline();
  void end(const Error* open_failure);

  struct RequestReader final : pool::PipeConsumer {
    explicit RequestReader(Http1Connection& c) : connection(c) {}
    void on_readable() override { connection.write_soon(); }
    Http1Connection& connection;
  };

  const WorkerParts& worker_;
  const EndpointLimits& limits_;
  const std::string endpoint_;
  Owner& owner_;
  std::unique_ptr<Transport> transport_;
  Http1Codec codec_;
  pool::Output output_;
  SocketStall stall_;
  Deadline deadline_;  // to be open; then, while idle, to be used
  RequestReader request_reader_{*this};
  Exchange* exchange_ = nullptr;
  User* user_ = nullptr;
  WrittenHead request_;          // how the body that is being sent ends
  std::uint64_t body_left_ = 0;  // bytes of a sized body that are still to come
  bool request_sent_ = false;    // all of it is queued in output_
  bool response_done_ = false;
  bool keep_alive_ = false;
  bool was_used_ = false;      // has carried an exchange
  bool is_blocked_ = false;    // the socket took less than there was
  bool write_failed_ = false;  // the backend takes no more; it may have answered
  bool is_open_ = false;
  bool ended_ = false;
};

}  // namespace gateway
