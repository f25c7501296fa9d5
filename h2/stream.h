#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "h2/error_code.h"
#include "h2/header_list.h"
#include "pool/output.h"
#include "pool/pipe.h"

namespace h2 {

class Session;
class Stream;

/// What a header section is, seen from who receives it (RFC 9113 §8.1).
enum class HeadersKind : std::uint8_t { request, interim, response, trailers };

/// What happens on a stream, to whoever uses it (a client's exchange, an exchange's h2 backend).
/// Called from Session::feed(), produce() and Stream::reset(), on the session's thread.
class StreamEvents {
 public:
  /// A whole header section came. `oversized`: it was beyond SessionLimits and `headers` holds only its
  /// beginning, and its content-type. With `end_stream` the peer's side is over; an inbound pipe, if set by then or in this call,
  /// is finished by the stream.
  virtual void on_headers(Stream& stream, HeadersKind kind, HeaderList&& headers, bool end_stream,
                          bool oversized) = 0;
  /// Server: the client has another priority for the response than its request said, the value of a priority field. One that
  /// comes before its request is not told.
  virtual void on_priority(Stream& stream, std::string_view value) { (void)stream, (void)value; }
  /// Whether a header section that begins, or has grown to `bytes`, is to be kept; not asked for a request's
  /// head (SessionEvents::admits_request). If not, the stream is reset with ENHANCE_YOUR_CALM, unless the
  /// call has reset it.
  virtual bool admits_headers(Stream& stream, std::size_t bytes) {
    (void)stream, (void)bytes;
    return true;
  }
  /// The outbound pipe has finished and its last bytes are leaving: the trailers that end the stream, or
  /// null. Asked once.
  virtual const HeaderList* trailers(Stream& stream) = 0;
  /// The stream is over and dies after this call. `code` is no_error when both sides ended in order;
  /// `by_peer` tells who reset it. Called exactly once for every stream. The inbound pipe has ended by then
  /// (failed, if the peer's body was cut short; also where our response was over before the request was,
  /// which ends with no_error). The outbound pipe has no consumer any more and keeps what was not sent.
  virtual void on_closed(Stream& stream, ErrorCode code, bool by_peer) = 0;

 protected:
  ~StreamEvents() = default;
};

/// One HTTP/2 stream of either role, which couples two pipes with its session.
///
/// Inbound: the stream is the producer. It grants the peer only bytes that the pipe has room for: the
/// doorbell window at first, then grants backed by blocks, batched (rule 1: credit = room). Until a pipe is
/// set, at most the doorbell window can arrive, and it must be set before the on_headers/on_request call that
/// announced the body returns. Outbound: the stream is the consumer; DATA leaves as slices, straight from
/// their blocks.
///
/// A *tunnel* is a stream whose request has a ":protocol" (RFC 8441): both directions last until each side has
/// ended its own, and either may be silent for long. Credit cannot be taken back, so its peer is invited beyond
/// the doorbell only when it has used that up. Answered with another status than 2xx it is a stream like others.
///
/// Owned by the session, and confined to its thread.
class Stream final : private pool::PipeProducer, private pool::PipeConsumer {
 public:
  Stream(Session& session, std::int32_t id);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  std::int32_t id() const { return id_; }
  Session& session() { return session_; }
  void set_events(StreamEvents* events) { events_ = events; }

  /// Where the peer's body goes. Promises the doorbell in it. Null: detach; what still comes is discarded, no
  /// credit is given.
  void set_inbound(pool::Pipe* pipe);
  /// Server: sends a response head, with an interim status any number of times before the final one. `body`:
  /// where the rest comes from; null ends the stream with these headers.
  void respond(HeaderList headers, pool::Pipe* body);
  /// Ends the stream with RST_STREAM and lets go of the outbound pipe; what still comes is discarded.
  /// on_closed follows when the frame has left (or at once for a request that has not).
  void reset(ErrorCode code);
  /// Lets go of both pipes and of the events: for who dies before the stream does. Does not end the stream.
  void detach();

  /// Peer's end of stream was received; our end of stream was sent.
  bool remote_ended() const { return remote_ended_; }
  bool local_ended() const { return local_ended_; }

  /// Account of the inbound window, in bytes. window() is what the peer may still send (negative when it sent
  /// more before it knew our SETTINGS), received() the body's bytes so far, granted() all that it ever was
  /// allowed.
  std::int64_t window() const;
  std::int64_t received() const { return received_; }
  std::int64_t granted() const { return received_ + window(); }
  /// Bytes of window that the peer left us for our body; 0: it does not take any.
  std::int32_t send_window() const;

  std::size_t slot = 0;  // in its session's set

 private:
  friend class Session;
  friend struct Callbacks;
  void on_room() override;      // inbound pipe
  void on_readable() override;  // outbound pipe
  void set_outbound(pool::Pipe* pipe);
  void grant();
  void submit_reset(ErrorCode code);
  // From the session.
  void pass_bounds(const HeaderField& field);
  void receive_data(std::span<const std::byte> bytes);
  void receive_end();
  void request_sent();
  void end_sent();
  std::ptrdiff_t offer_data(std::size_t max, std::uint32_t* data_flags);
  void send_data(pool::Output& output, std::span<const std::byte> frame_header, std::size_t size);
  void close(ErrorCode code);

  Session& session_;
  const std::int32_t id_;
  HeaderList head_;  // a request until it has left, or a final response: nghttp2 reads it when its turn comes
  StreamEvents* events_ = nullptr;
  pool::Pipe* inbound_ = nullptr;
  pool::Pipe* outbound_ = nullptr;
  HeaderList incoming_;             // the header section being received
  std::size_t incoming_bytes_ = 0;  // all of the section, stored or not
  bool incoming_oversized_ = false;
  bool opened_;            // known to nghttp2, so that its window can be granted
  bool deferred_ = false;  // nghttp2 asks for no more data until it is resumed
  bool remote_ended_ = false;
  bool local_ended_ = false;
  bool reset_by_us_ = false;
  bool reset_by_peer_ = false;
  bool provoked_ = false;  // its reset was counted against the peer
  bool seen_final_headers_ = false;
  bool tunnel_ = false;
  std::int64_t received_ = 0;
  std::size_t promised_last_ = 0;  // after the last invitation
};

}  // namespace h2
