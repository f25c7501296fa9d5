#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gateway/http1/codec.h"
#include "gateway/http1/message_sender.h"
#include "gateway/net/transport.h"
#include "gateway/socket_stall.h"
#include "gateway/turn_end.h"
#include "pool/output.h"
#include "pool/pipe.h"

namespace gateway {

struct WorkerParts;

/// One HTTP/1.1 connection, towards a client or a backend: a transport, a codec, and the output between them.
/// One message at a time each way: what comes is read straight into the blocks of its body's pipe, what goes
/// is written straight from those of the other.
///
///   socket ─▶ place: a pipe, or scratch ─▶ codec ─▶ Owner        pipe ─▶ Output ─▶ socket
///
/// While the pipe has no room nothing is read, so the socket is the peer's window. Bytes that came with a
/// request's head, or before the last one was answered, are held until they have a place: at most kAhead.
/// Behind a 101 it is a tunnel: what comes and what goes are bytes without framing, each way until its end.
/// It writes once at the end of a loop turn, but a request without a body at once. What a message means, and
/// how long it may take, is its owner's to say. Confined to its worker's thread.
class Http1Connection final : private TransportEvents,
                              private TurnEndTask,
                              private CodecEvents,
                              private pool::PipeProducer {
 public:
  /// What it reads at once from a client, and so the most that it holds of what has no place yet.
  static constexpr std::size_t kAhead = 16 * 1024;

  /// A client's or a backend's side of it. Each call may lead to end(), but not to the destructor.
  class Owner {
   public:
    virtual void on_connection_open() = 0;
    virtual void on_connection_failed(std::string_view reason) = 0;  // could not be opened
    virtual bool admits_section(std::size_t bytes) = 0;
    /// As CodecEvents. Before it returns from a head with a body, receive() says where that goes.
    virtual void on_head(h2::HeaderList&& head, bool has_body) = 0;
    virtual void on_interim(h2::HeaderList&& head) = 0;
    virtual void on_trailers(h2::HeaderList&& trailers) = 0;
    /// Bytes were read, and what they say was told; the message goes on.
    virtual void on_read() = 0;
    /// The message that came is whole. `keep_alive`: another may follow.
    virtual void on_received(bool keep_alive) = 0;
    /// No more can be read. `status`: that of Http1Codec::Result, where what came is malformed; 0: the peer
    /// has closed (`reason` is "" if nothing was under way), or the socket failed.
    virtual void on_broken(int status, std::string_view reason) = 0;
    /// Of the message that is being sent, at its end; null: none.
    virtual const h2::HeaderList* trailers() = 0;
    /// All of it is queued for the socket.
    virtual void on_sent() = 0;
    /// The socket has taken all there was.
    virtual void on_written() = 0;
    /// The message cannot be sent to its end: its body breaks its length.
    virtual void on_unsendable(std::string_view reason) = 0;
    /// The peer takes next to nothing of what is queued while others wait for memory (SocketStall, counted).
    virtual void on_stuck(std::string_view reason) = 0;
    /// The peer takes no more; what it sent before may still be read.
    virtual void on_write_failed() = 0;

   protected:
    ~Owner() = default;
  };

  /// `stall`: how long the socket may take nothing while others wait for memory.
  Http1Connection(const WorkerParts& worker, std::unique_ptr<Transport> transport, CodecRole role,
                  const CodecLimits& limits, Duration stall, Owner& owner);

  /// The next message may come: a request, or the response to a request with `method`.
  void expect(std::string_view method = {});
  /// Where the body goes that comes. Null: nowhere yet, or no more.
  void receive(pool::Pipe* body);
  /// Queues a head and, as `message` frames it, the body that comes through `body`.
  void send(std::string_view head, const WrittenHead& message, pool::Pipe* body);
  /// The request that came is answered with 101: what follows it is a tunnel and goes into `body`.
  void begin_tunnel(pool::Pipe& body);
  /// Queues bytes that are no part of a message with a body.
  void send(std::string_view bytes);
  /// Lets go of both pipes.
  void release();
  /// Ends our direction when all is written; reading goes on.
  void end_sending();
  /// The same, but what still comes is read and dropped.
  void finish();
  /// Over: nothing is called after it. The owner buries it.
  void end();
  /// end(), and the peer is to see that what was sent is not whole, though nothing else tells: in a tunnel.
  void break_off();

  const Http1Codec& codec() const { return codec_; }
  const Transport& transport() const { return *transport_; }
  const pool::Output& output() const { return output_; }
  bool ended() const { return ended_; }
  bool blocked() const { return is_blocked_; }
  /// All of what was sent last is queued.
  bool sent() const { return !sender_.under_way(); }
  /// What is held.
  bool holds_bytes() const { return !held_.empty(); }
  /// Gives both out of a connection that is to end, for another protocol.
  std::unique_ptr<Transport> take_transport() { return std::move(transport_); }
  std::vector<std::byte> take_held() { return std::move(held_); }
  /// As if `bytes` had been read now.
  void hold(std::span<const std::byte> bytes);

 private:
  struct BodySource final : pool::PipeConsumer {
    explicit BodySource(Http1Connection& c) : connection(c) {}
    void on_readable() override { connection.write_soon(); }
    Http1Connection& connection;
  };

  void on_open() override;
  void on_readable() override;
  void on_writable() override;
  void on_open_failed(std::string_view reason) override;
  void at_turn_end() override;
  bool admits_section(std::size_t bytes) override { return owner_.admits_section(bytes); }
  void on_head(h2::HeaderList&& head, bool has_body) override;
  void on_interim(h2::HeaderList&& head) override;
  void on_body(std::span<const std::byte> bytes) override;
  void on_trailers(h2::HeaderList&& trailers) override { owner_.on_trailers(std::move(trailers)); }
  void on_complete(bool keep_alive) override;
  void on_room() override;

  bool is_client() const { return role_ == CodecRole::requests; }
  bool has_pipe() const;
  std::size_t place(std::span<pool::Space> spaces);
  bool read_some();
  bool feed_held();
  bool take(std::span<const std::byte> bytes, std::size_t room, bool more);
  void discard();
  void end_of_input(Transport::Status status);
  void write_soon();
  void on_stall(Eviction kind, std::string_view reason);
  void pump();
  void flush();

  const WorkerParts& worker_;
  const CodecRole role_;
  Owner& owner_;
  std::unique_ptr<Transport> transport_;
  Http1Codec codec_;
  pool::Output output_;
  SocketStall stall_;
  BodySource source_{*this};
  MessageSender sender_{output_, source_};
  pool::Pipe* incoming_ = nullptr;  // the body that comes
  std::vector<std::byte> held_;     // a client's bytes that have no place yet
  bool owes_acknowledgement_ = false;  // of a head: the peer may wait for it with what is to follow
  bool received_ = false;    // a message has become whole in the codec's call
  bool keep_alive_ = false;  // what it says of the connection
  bool is_blocked_ = false;  // the socket took less than there was
  bool write_failed_ = false;
  bool malformed_ = false;  // what comes is not understood any more
  bool sending_ends_ = false;
  bool finishing_ = false;
  bool ended_ = false;
};

}  // namespace gateway
