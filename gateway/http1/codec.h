#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/http1/fed_text.h"
#include "gateway/http1/message_framing.h"
#include "gateway/http1/section_lines.h"
#include "h2/header_list.h"

namespace gateway {

/// What a codec reads, to whoever feeds it. Called from feed() and end_of_input() only. An event may call
/// begin() from on_complete and stop() from on_head, but not feed(), and must not destroy the codec.
class CodecEvents {
 public:
  /// Whether a header section that begins, or has grown to `bytes`, is to be kept. If not, feed() returns an
  /// error with status 503.
  virtual bool admits_section(std::size_t bytes) {
    (void)bytes;
    return true;
  }
  /// The final head, then the fields in order, names in lower case, values without blanks around them. A
  /// response's begins with ":status"; a request's with ":method", ":scheme", ":authority" if the target is a
  /// URI (then Host is left out, RFC 9112 §3.2.2), and ":path". `has_body` false: the message ends with its
  /// head, on_complete is next.
  virtual void on_head(h2::HeaderList&& head, bool has_body) = 0;
  /// A 1xx head of a response. Any number up to kMaxInterim, before on_head.
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

inline constexpr int kSwitchingProtocols = 101;

/// Bounds of each header section and of a body's chunk extensions.
struct CodecLimits {
  std::size_t max_header_bytes = 64 * 1024;  // text, and HeaderList::kFieldOverhead a field
  std::size_t max_header_fields = 200;
};

/// Which messages come: a backend's connection brings responses, a client's requests.
enum class CodecRole : std::uint8_t { requests, responses };

/// Reads HTTP/1.1 and 1.0 messages of one kind from a connection (RFC 9112): bytes in, events out. It owns no
/// socket, loop or clock, and keeps no body bytes. However the bytes are cut, the events are the same, and so is
/// whether there is an error; of several mistakes in one section, which is told may depend on the cut.
///
/// The one edge to the parser, llhttp. Why llhttp: it is the parser of Node.js, so its strictness is attacked
/// and repaired in public all the time; it takes bytes as they come, allocates nothing, hands out body bytes
/// where they stand, and is three C files that Debian ships as sources (node-llhttp). Boost.Beast's
/// basic_parser would bring a good part of Boost's headers for this one class. What remains of the parser's
/// leniency in Debian 12's version is closed here: lines are checked by SectionLines first, and framing
/// fields are judged by MessageFraming, strictly. Of requests it knows the methods that llhttp knows.
///
/// Confined to its connection's thread.
class Http1Codec {
 public:
  /// More 1xx than this before one response are an error: a client that reads slowly would have to be sent
  /// all of them.
  static constexpr int kMaxInterim = 32;

  struct Result {
    std::size_t consumed = 0;
    std::string_view error;  // in words, for a log; "" if none; valid until begin()
    int status = 0;          // that a request with an error is answered with: 400, 431, 501, 505
  };

  /// `scheme`: of requests whose target does not say it; a constant.
  Http1Codec(CodecRole role, CodecEvents& events, const CodecLimits& limits,
             std::string_view scheme = "http");
  Http1Codec(const Http1Codec&) = delete;
  Http1Codec& operator=(const Http1Codec&) = delete;
  ~Http1Codec();

  /// The next message is expected: a request, or the response to a request with `method`. "CONNECT" stands for
  /// one that asked for an upgrade: only it may be answered with 101, which is a final head, and what follows is
  /// a tunnel. REQUIRES: idle().
  void begin(std::string_view method = {});
  /// The next bytes of the connection. All are consumed, unless
  /// - an error is returned: the connection is of no more use, and every later call returns the same error;
  /// - the message is complete before they end. The rest of them is the next request; or, behind a response,
  ///   what nobody asked for: then on_complete says keep_alive false;
  /// - on_head called stop(): feed the rest when there is a place for it.
  /// Bytes while idle() are the error "bytes after the response".
  [[nodiscard]] Result feed(std::span<const std::byte> bytes);
  /// The peer has ended in order. Completes a response's body that ends with its connection; an error if the
  /// message was cut short. No event and no error while idle(), or where a request has not begun.
  [[nodiscard]] Result end_of_input();
  /// What a 101 is for responses, for requests: from now on every byte is body, told by on_body, until the peer
  /// ends. Not idle before that.
  void begin_tunnel() { phase_ = Phase::tunnel; }
  /// From on_head: feed() returns after this event, so that a place for the body can be found first.
  void stop() { stopped_ = true; }

  /// No message is expected or under way.
  bool idle() const { return phase_ == Phase::idle; }
  /// A byte of the message has come since begin().
  bool started() const { return started_; }
  /// Its head has begun, and its end has not come.
  bool in_head() const { return started_ && phase_ == Phase::head; }
  /// Of the head as far as it came, as HeaderList counts.
  std::size_t head_bytes() const { return section_.bytes(); }
  /// The last head's version is 1.1, not 1.0. Valid from on_head on.
  bool http_1_1() const { return head_.http_1_1; }
  /// By the last head the connection may carry another message. Valid from on_head on.
  bool keep_alive() const { return head_.keep_alive; }

 private:
  struct Parser;  // llhttp's state and callbacks
  enum class Phase : std::uint8_t { idle, head, body, trailers, tunnel, failed };

  bool in_section() const { return phase_ == Phase::head || phase_ == Phase::trailers; }
  bool requests() const { return role_ == CodecRole::requests; }
  Result result(std::size_t consumed) const { return {consumed, error_, status_}; }
  bool step(std::string_view& rest);
  bool after_step(bool surplus);
  void begin_head();
  void end_head(bool surplus);
  void complete(bool surplus);
  bool fail(std::string_view what, std::string_view detail = {}, int status = 400);
  bool fail_malformed(std::string_view detail);

  // From the parser's callbacks. False after fail().
  bool add_name(std::string_view part);
  bool add_field();
  bool keep_cut_field();
  bool field_fits();
  bool count_extra(std::size_t bytes);
  bool add_target(std::string_view part);
  bool end_target();
  void add_status();
  bool judge_head();
  bool judge_request();
  bool judge_response();
  bool judge_framing();
  bool within_limits(std::size_t more);
  bool fail_limit(std::string_view exceeds, std::size_t limit, std::string_view unit);
  bool admit(std::size_t bytes);
  std::string_view section_name() const;

  const CodecRole role_;
  CodecEvents& events_;
  const CodecLimits limits_;
  const std::string_view scheme_;
  std::unique_ptr<Parser> parser_;
  SectionLines lines_;
  Phase phase_ = Phase::idle;

  h2::HeaderList section_;  // the head or the trailers that are being read
  FedName name_;            // of the field that is being read
  FedText value_;
  std::string target_;  // of the request that is being read
  std::string error_;
  int status_ = 0;               // of the error
  std::size_t ask_at_ = 0;       // bytes of the section at which to ask whether it is to be kept
  std::size_t extra_bytes_ = 0;  // reason phrase, chunk extensions, dropped trailers

  struct Head {
    MessageFraming framing;
    int status = 0;  // of a response
    int hosts = 0;   // how many Host fields
    bool http_1_1 = false;
    bool keep_alive = false;
    bool has_body = false;
    bool ends_with_connection = false;
  } head_;
  int interims_ = 0;
  bool head_request_ = false;
  bool upgrade_request_ = false;
  bool started_ = false;
  bool stopped_ = false;
  bool skipped_line_ = false;  // the empty line that may stand before a request
  bool head_read_ = false;     // by the parser
  bool last_chunk_ = false;    // its header was read; trailers are next
  bool message_read_ = false;  // by the parser
};

}  // namespace gateway
