#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "h2/abuse_guard.h"
#include "h2/error_code.h"
#include "h2/header_list.h"
#include "h2/last_date.h"
#include "h2/nghttp2_priorities.h"
#include "h2/nghttp2_ptr.h"
#include "h2/settings.h"
#include "h2/stream.h"
#include "pool/output.h"
#include "pool/owned_set.h"

namespace h2 {

enum class Role : std::uint8_t { server, client };

struct GoAway {
  std::int32_t last_stream_id;
  ErrorCode code;
  std::string_view debug_data;  // valid during the call
};

/// What happens on a session as a whole, to the connection that owns it. Called from Session::feed() and
/// produce().
class SessionEvents {
 public:
  /// Server: whether a request that begins, or whose head has grown to `header_bytes`, is to be taken. If
  /// not, nothing is kept of it and the peer is told REFUSED_STREAM: it may send it again (RFC 9113 §8.7).
  virtual bool admits_request(std::size_t header_bytes) {
    (void)header_bytes;
    return true;
  }
  /// Server: a new stream with its request. Call stream.set_events() (and set_inbound() unless end_stream)
  /// before returning, or reset() it. `oversized`: as in StreamEvents::on_headers.
  virtual void on_request(Stream& stream, HeaderList&& headers, bool end_stream, bool oversized) = 0;
  /// The peer's GOAWAY. Streams above last_stream_id were not processed (RFC 9113 §6.8):
  /// on_closed(refused_stream) has been or will be called for each.
  virtual void on_goaway(const GoAway& goaway) = 0;
  /// The peer's SETTINGS arrived; peer_max_streams() may have changed.
  virtual void on_settings() = 0;
  /// There is something to send, where there was nothing: call produce() at the end of the loop turn.
  virtual void on_wants_write() = 0;

 protected:
  ~SessionEvents() = default;
};

/// What nghttp2 has allocated for a session.
struct Nghttp2Memory {
  pool::Ledger* ledger;  // charged too, if there is one
  std::size_t bytes = 0;
  std::span<std::byte> frame_buffer{};  // these two have pages of their own
  std::span<std::byte> stream_table{};
};

/// The protocol state of one HTTP/2 connection, for either role: bytes in, bytes out. It owns no socket,
/// loop, clock or log.
///
///   socket ─▶ feed() ─▶ nghttp2 ─▶ Stream ─▶ inbound Pipe        outbound Pipe ─▶ Stream ─▶ produce() ─▶
///   Output ─▶ socket
///
/// The connection's own window stays at 65,535 until the peer has acknowledged our SETTINGS, then is opened
/// wide and given back on receipt: the streams' windows are the bound. Flow control, header bounds and abuse
/// limits are enforced here. Confined to one thread. Do not call feed() or produce() from a callback;
/// everything else may be.
class Session {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Session(Role role, const SessionLimits& limits, SessionEvents& events);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Streams that are still open are closed with `cancel` first: on_closed is called for each.
  ~Session();

  /// What the peer sent. False when the connection has to end: produce() then yields the last frames (GOAWAY
  /// with the reason in its debug data), and end_reason() says why. A protocol error that nghttp2 answers by
  /// itself shows first when produce() yields that GOAWAY: done() then. Uses `now` for the rates of
  /// SessionLimits::abuse only.
  [[nodiscard]] bool feed(std::span<const std::byte> bytes, Time now);
  /// Appends frames to `output` until there are no more or `output` holds at least `limit` bytes. The first
  /// call yields our preface and SETTINGS. Returns true if there is more to send than `limit` let through.
  bool produce(pool::Output& output, std::size_t limit);
  bool wants_write() const;
  /// Gives back the memory that is there for work, if there is none; it comes back with the next. For a session that
  /// has been idle for a while.
  void cool();
  /// Neither side wants to go on: GOAWAY was exchanged and no stream is open, or the session failed. After
  /// the output is written the connection is to be closed.
  bool done() const;

  /// Server: a request without a body came in HTTP/1.1 and asked to go on in HTTP/2; it becomes stream 1 (RFC
  /// 7540 §3.2). `settings`: the payload of its HTTP2-Settings. False if that is malformed. Called before feed().
  bool upgrade(std::span<const std::byte> settings, HeaderList&& request);
  /// Client: opens a stream with a request. `body` null ends the stream with these headers; `response_body`
  /// is where the response's body goes. Null when no stream can be opened (see can_open()). The stream has
  /// events set.
  Stream* request(HeaderList headers, pool::Pipe* body, pool::Pipe* response_body,
                  StreamEvents& events);
  /// Client: another stream may be opened now: no GOAWAY either way, ids left, below peer_max_streams().
  bool can_open() const;
  /// Server: whether the client has spoken of priorities.
  bool prioritized() const { return priorities_.client_speaks(); }
  /// The peer's SETTINGS_MAX_CONCURRENT_STREAMS; 100 until its SETTINGS came.
  std::uint32_t peer_max_streams() const;
  /// The peer announced that a request may have a ":protocol" (RFC 8441 §3). A server session always does.
  bool peer_takes_tunnels() const;
  std::size_t open_streams() const { return streams_.size(); }
  /// Bytes of the connection's window that the peer left us; 0: it takes no body on any stream.
  std::int32_t send_window() const;

  /// Ends the session in order (RFC 9113 §6.8), server: GOAWAY with the highest id and a PING; once that is
  /// answered, or on the second call, GOAWAY with the last id that was accepted. Streams go on. Client:
  /// GOAWAY.
  void drain();
  bool draining() const { return draining_; }
  /// Ends it with GOAWAY(code, debug) now.
  void terminate(ErrorCode code, std::string_view debug);
  /// Sends a PING with an opaque payload of its own.
  void ping();

  const SessionLimits& limits() const { return limits_; }
  Role role() const { return role_; }
  bool settings_acknowledged() const { return settings_acknowledged_; }
  bool peer_settings_received() const { return peer_settings_received_; }
  /// A header section has begun and its end has not come: nothing else may come before (RFC 9113 §6.10).
  bool receiving_headers() const { return receiving_headers_; }
  /// One that was refused goes on in CONTINUATION. Its end is not seen, only that of the frame which comes next.
  bool dropping_headers() const { return dropping_headers_; }
  Abuse abuse() const { return abuse_; }
  /// Why the session ended on its own, as its GOAWAY's debug data says; "" before.
  const std::string& end_reason() const { return end_reason_; }
  /// Bytes that nghttp2 has allocated for this session.
  std::size_t nghttp2_bytes() const { return nghttp2_memory_.bytes; }
  /// For each open stream, in no order. Do not open or reset streams from `visit`.
  template <typename Visit>
  void for_each_stream(Visit visit) {
    for (std::size_t i = 0; i < streams_.size(); ++i) visit(streams_[i]);
  }

 private:
  friend class Stream;
  friend struct Callbacks;  // nghttp2's callbacks; they call what follows

  void frame_begins() { dropping_headers_ = false; }
  void frame_begins(Abuse rate) { check(guard_.count(rate), rate); }
  void headers_begin(std::int32_t id, bool is_request, bool goes_on);
  bool header_came(std::int32_t id, const HeaderField& field);  // false: the section is not worth decoding on
  bool admits_section(Stream& stream);
  void headers_came(std::int32_t id, bool is_request, bool end_stream);
  void data_came(std::int32_t id, std::span<const std::byte> bytes);
  void data_frame_came(std::int32_t id, bool is_empty, bool end_stream);
  void reset_came(std::int32_t id);
  void settings_came(bool is_ack);
  void ping_answered(std::span<const std::uint8_t> payload);
  void goaway_came(const GoAway& goaway);
  void window_update_came(std::uint32_t increment);
  void priority_update_came(std::int32_t id, std::string_view value) {
    priorities_.update_came();
    Stream* const stream = find(id);
    if (stream != nullptr && stream->events_ != nullptr) stream->events_->on_priority(*stream, value);
  }
  void frame_was_invalid(std::int32_t id, bool is_request, int nghttp2_error);

  bool send_data(Stream& stream, std::span<const std::byte> frame_header,
                 std::size_t size);  // false: output is full
  void stream_frame_sent(std::int32_t id, bool opens, bool end_stream);
  void reset_sent(std::int32_t id);
  void goaway_sent(const GoAway& goaway);
  void headers_not_sent(std::int32_t id);
  void stream_closed(Stream* stream, ErrorCode code);

  void response_over(bool is_large) { large_responses_ = (15 * large_responses_ + (is_large ? kWhole : 0)) / 16; }
  bool expects_large_response() const { return large_responses_ >= kWhole / 16; }
  Stream* find(std::int32_t id) const;
  Stream& add_stream(std::int32_t id);
  // Refused: nghttp2 decodes it on, and tells nobody of its end.
  void drop_section() {
    receiving_headers_ = false;
    dropping_headers_ = section_goes_on_;
  }
  void check(bool within_limits, Abuse abuse);
  void provoked(Stream* stream);
  void fail_by_nghttp2(int nghttp2_error);
  void abandon(Stream& stream, ErrorCode code);
  void announce();
  void submit_final_goaway();
  void wants_write_now() { events_.on_wants_write(); }

  const Role role_;
  const SessionLimits limits_;
  SessionEvents& events_;
  AbuseGuard guard_;
  Abuse abuse_ = Abuse::none;
  std::string end_reason_;
  std::string last_error_;  // of the last invalid frame, in nghttp2's words
  bool failed_ = false;     // no more is read; the GOAWAY that says why is on its way, or has left
  bool last_goaway_sent_ = false;
  bool draining_ = false;
  bool final_goaway_due_ = false;  // submitted when next produced, so that its last id is exact
  bool final_goaway_submitted_ = false;
  bool settings_acknowledged_ = false;
  bool peer_settings_received_ = false;
  bool receiving_headers_ = false;
  bool section_goes_on_ = false;  // in CONTINUATION
  bool dropping_headers_ = false;
  bool goaway_received_ = false;
  std::int32_t peer_last_id_ = 0;  // of its GOAWAY
  std::uint64_t pings_ = 0;
  pool::Output* output_ = nullptr;  // during produce()
  std::size_t output_limit_ = 0;
  // Of a client's latest responses those that went beyond the doorbell, the later the heavier; kWhole: all.
  static constexpr std::uint32_t kWhole = 256;
  std::uint32_t large_responses_ = kWhole;
  LastDate last_date_;
  Priorities priorities_;
  Nghttp2Memory nghttp2_memory_;
  Nghttp2Ptr nghttp2_;
  pool::OwnedSet<Stream> streams_;
};

}  // namespace h2
