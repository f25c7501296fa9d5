#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/keep_alive.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/transport.h"
#include "gateway/socket_stall.h"
#include "gateway/turn_end.h"
#include "h2/session.h"
#include "pool/output.h"

namespace gateway {

class Admission;
struct WorkerStats;

/// One HTTP/2 connection, towards a client or a backend: a transport, a session, and the output between them.
///
/// It reads into its worker's scratch buffer, so reading never needs a block (rule 2). It writes once at the end of a loop
/// turn for all that happened in it, and asks the session for more only when the socket took what there was.
/// A socket that takes next to nothing for `stall` while others wait for memory is closed (SocketStall), and a
/// connection whose peer is gone is ended (KeepAlive, counted).
/// Confined to its worker's thread.
class H2Connection final : private TransportEvents, private TurnEndTask, private KeepAlive::Owner {
 public:
  class Owner {
   public:
    /// The transport is open; the session's preface is on its way.
    virtual void on_connection_open() = 0;
    /// Bytes were read and fed to the session.
    virtual void on_connection_fed() = 0;
    /// Over: nothing is called after it. `reason` says why in words, "" for an end in order. The owner buries this.
    virtual void on_connection_end(std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };
  struct Parts {  // of the worker
    EventLoop& loop;
    TurnEnd& turn_end;
    pool::BufferPool& pool;
    const Admission& admission;
    std::span<std::byte> scratch;
    WorkerStats& stats;
  };

  H2Connection(const Parts& parts, std::unique_ptr<Transport> transport, h2::Role role, const h2::SessionLimits& limits,
               Duration stall, const KeepAliveLimits& keep_alive, h2::SessionEvents& events, Owner& owner);
  ~H2Connection();

  /// Over a transport that is open already: as if it had opened now. `answer` leaves before anything of the
  /// session does. Called once, from the loop.
  void start(std::string_view answer);
  /// As if `bytes` had been read from it now. After start().
  void receive(std::span<const std::byte> bytes);

  h2::Session& session() { return session_; }
  const h2::Session& session() const { return session_; }
  const Transport& transport() const { return *transport_; }
  /// The peer says what is urgent: little is to wait in the kernel before it. So it is by itself once blocks are short.
  void limit_unsent();
  /// Writes at the end of this turn. For SessionEvents::on_wants_write.
  void write_soon();
  /// Tells the peer with GOAWAY, writes what the socket takes now, and ends.
  void terminate(h2::ErrorCode code, std::string_view reason);
  /// Ends without a word.
  void abort(std::string_view reason);
  bool ended() const { return ended_; }
  /// The socket takes less than there is.
  bool blocked() const { return is_blocked_; }
  /// What is queued for the socket.
  const pool::Output& output() const { return output_; }

 private:
  void on_open() override;
  void on_readable() override;
  void on_writable() override;
  void on_open_failed(std::string_view reason) override;
  void at_turn_end() override;
  bool has_streams() const override { return session_.open_streams() > 0; }
  bool ping() override;
  void on_peer_gone() override;
  bool write_some();
  void feed(std::span<const std::byte> bytes);
  void after_fed();
  void discard();
  void linger();
  void end(std::string_view reason);

  const Parts parts_;
  Owner& owner_;
  std::unique_ptr<Transport> transport_;
  pool::Output output_;
  h2::Session session_;
  SocketStall stall_;
  KeepAlive keep_alive_;
  Deadline linger_deadline_;  // armed while the peer is given time to read our last frames
  bool owes_acknowledgement_ = false;  // the peer may wait for it with what is to follow
  bool is_blocked_ = false;  // the socket took less than there was
  bool ending_ = false;      // the session is over: what is left is to write its last frames
  bool is_unsent_limited_ = false;
  bool ended_ = false;
};

}  // namespace gateway
