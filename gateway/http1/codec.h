#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/http1/section_lines.h"
#include "h2/header_list.h"

namespace gateway {

/// What a codec reads, to whoever feeds it. Called from feed() and end_of_input() only. An event may call
/// begin() from on_complete and stop() from on_head, but not feed(), and must not destroy the codec.
class CodecEvents {
 public:
  /// The final head: ":status" first, then the fields in order, names in lower case, values without blanks
  /// around them. `has_body` false: the message ends with its head, on_complete is next.
  virtual void on_head(h2::HeaderList&& head, bool has_body) = 0;
  /// A 1xx head. Any number up to kMaxInterim, before on_head.
  virtual void on_interim(h2::HeaderList&& head) = 0;
  /// Body bytes, without their chunk framing. They stand in the memory that was fed, so that a caller who
  /// read into the place where they are stored has only to move them down over the framing.
  virtual void on_body(std::span<const std::byte> bytes) = 0;
  /// After the whole body, if there are trailers. Those that may not be trailers are dropped (RFC 9110
  /// §6.5.1).
  virtual void on_trailers(h2::HeaderList&& trailers) = 0;
  /// The message is whole. `keep_alive`: the connection may carry another one.
  virtual void on_complete(bool keep_alive) = 0;

 protected:
  ~CodecEvents() = default;
};

/// Bounds of each header section and of a body's chunk extensions.
struct CodecLimits {
  std::size_t max_header_bytes = 64 * 1024;  // text, and HeaderList::kFieldOverhead a field
  std::size_t max_header_fields = 200;
};

/// Reads HTTP/1.1 and 1.0 responses from a connection (RFC 9112): bytes in, events out. It owns no socket,
/// loop or clock, and keeps no body bytes. However the bytes are cut, the events are the same.
///
/// The one edge to the parser, llhttp. Why llhttp: it is the parser of Node.js, so its strictness is attacked
/// and repaired in public all the time; it takes bytes as they come, allocates nothing, hands out body bytes
/// where they stand, and is three C files that Debian ships as sources (node-llhttp). Boost.Beast's
/// basic_parser would bring a good part of Boost's headers for this one class. What remains of the parser's
/// leniency in Debian 12's version is closed here: lines are checked by SectionLines first, and framing
/// fields are judged by this class, strictly: Transfer-Encoding is "chunked" or an error, with a
/// Content-Length or in HTTP/1.0 it is an error, as are two Content-Lengths.
///
/// Clients' requests have the same shape (a head, a body, trailers; CodecEvents): their codec stands beside
/// this one. Confined to its connection's thread.
class ResponseCodec {
 public:
  /// More 1xx than this before one response are an error: a client that reads slowly would have to be sent
  /// all of them.
  static constexpr int kMaxInterim = 32;

  struct Result {
    std::size_t consumed = 0;
    std::string_view error;  // in words, for a log; "" if none; valid until begin()
  };

  ResponseCodec(CodecEvents& events, const CodecLimits& limits);
  ResponseCodec(const ResponseCodec&) = delete;
  ResponseCodec& operator=(const ResponseCodec&) = delete;
  ~ResponseCodec();

  /// A request with this method was sent: its response is expected. REQUIRES: idle().
  void begin(std::string_view method);
  /// The next bytes of the connection. All are consumed, unless
  /// - an error is returned: the connection is of no more use, and every later call returns the same error;
  /// - the response is complete before they end: on_complete says keep_alive false, as nobody asked for them;
  /// - on_head called stop(): feed the rest when there is a place for it.
  /// Bytes while idle() are the error "bytes after the response".
  [[nodiscard]] Result feed(std::span<const std::byte> bytes);
  /// The peer has ended in order. Completes a body that ends with its connection; an error if the response
  /// was cut short. No event and no error while idle().
  [[nodiscard]] Result end_of_input();
  /// From on_head: feed() returns after this event, so that a place for the body can be found first.
  void stop() { stopped_ = true; }

  /// No response is expected or under way.
  bool idle() const { return phase_ == Phase::idle; }
  /// A byte of the response has come since begin().
  bool started() const { return started_; }

 private:
  struct Parser;  // llhttp's state and callbacks
  enum class Phase : std::uint8_t { idle, head, body, trailers, failed };

  bool in_section() const { return phase_ == Phase::head || phase_ == Phase::trailers; }
  bool step(std::string_view& rest);
  bool after_step(bool surplus);
  void begin_head();
  void end_head(bool surplus);
  void complete(bool keep_alive);
  bool fail(std::string_view what, std::string_view detail = {});

  // From the parser's callbacks. False after fail().
  bool add_name(std::string_view part);
  bool add_value(std::string_view part);
  bool add_field();
  bool count_extra(std::size_t bytes);
  bool judge_head();
  bool judge_framing(bool http_1_1);
  bool within_limits(std::size_t more);
  void add_status();
  void note_framing(std::string_view value);

  CodecEvents& events_;
  const CodecLimits limits_;
  std::unique_ptr<Parser> parser_;
  SectionLines lines_;
  Phase phase_ = Phase::idle;

  h2::HeaderList section_;  // the head or the trailers that are being read
  std::string name_;        // of the field that is being read
  std::string value_;
  std::string error_;
  std::size_t extra_bytes_ = 0;  // reason phrase, chunk extensions, dropped trailers

  struct Head {  // what decides about the message's framing
    int status = 0;
    int content_lengths = 0;  // how many fields
    int transfer_encodings = 0;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool asks_close = false;
    bool asks_keep_alive = false;
    bool keep_alive = false;  // the verdict
    bool has_body = false;
    bool ends_with_connection = false;
  } head_;
  int interims_ = 0;
  bool head_request_ = false;
  bool started_ = false;
  bool stopped_ = false;
  bool head_read_ = false;     // by the parser
  bool last_chunk_ = false;    // its header was read; trailers are next
  bool message_read_ = false;  // by the parser
};

}  // namespace gateway
