#include "gateway/http1/codec.h"

#include <llhttp.h>

#include <cassert>
#include <utility>

#include "gateway/http1/field_syntax.h"
#include "gateway/http1/request_target.h"

namespace gateway {
namespace {

// A header section that grows is asked about again after so many bytes.
constexpr std::size_t kAskAgain = 4096;

}  // namespace

struct Http1Codec::Parser {
  static constexpr int kFailed = -1;  // fail() was called; the parser turns it into HPE_USER
  static constexpr int kSkipBody = 1;

  explicit Parser(Http1Codec& owner) : codec(owner) {
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_url_complete = on_url_complete;
    settings.on_status = on_extra;
    settings.on_header_field = on_header_field;
    settings.on_header_value = on_header_value;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_chunk_header = on_chunk_header;
    settings.on_chunk_extension_name = on_extra;
    settings.on_chunk_extension_value = on_extra;
    settings.on_message_complete = on_message_complete;
  }

  void reset() {
    llhttp_init(&state, codec.requests() ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    state.data = &codec;
  }

  /// Returns how many bytes were read; stops early at a pause. Sets `broken` when it cannot go on.
  std::size_t execute(std::string_view bytes) {
    const llhttp_errno_t code = llhttp_execute(&state, bytes.data(), bytes.size());
    broken = code != HPE_OK && code != HPE_PAUSED;
    return code == HPE_OK ? bytes.size()
                          : static_cast<std::size_t>(llhttp_get_error_pos(&state) - bytes.data());
  }

  static Http1Codec& of(llhttp_t* parser) { return *static_cast<Http1Codec*>(parser->data); }
  static int code(bool good) { return good ? 0 : kFailed; }

  static int on_extra(llhttp_t* p, const char*, std::size_t size) { return code(of(p).count_extra(size)); }
  static int on_url(llhttp_t* p, const char* at, std::size_t size) {
    return code(of(p).add_target({at, size}));
  }
  static int on_url_complete(llhttp_t* p) { return code(of(p).end_target()); }
  static int on_header_field(llhttp_t* p, const char* at, std::size_t size) {
    return code(of(p).add_name({at, size}));
  }
  static int on_header_value(llhttp_t* p, const char* at, std::size_t size) {
    of(p).value_.add({at, size});
    return 0;
  }
  static int on_header_value_complete(llhttp_t* p) { return code(of(p).add_field()); }
  static int on_headers_complete(llhttp_t* p) {
    Http1Codec& codec = of(p);
    if (!codec.judge_head()) return kFailed;
    p->upgrade = 0;  // whether another protocol follows is not the parser's to say
    return codec.head_.has_body && codec.head_.status != kSwitchingProtocols ? 0 : kSkipBody;
  }
  static int on_body(llhttp_t* p, const char* at, std::size_t size) {
    of(p).events_.on_body(std::as_bytes(std::span(at, size)));
    return 0;
  }
  static int on_chunk_header(llhttp_t* p) {
    of(p).last_chunk_ = p->content_length == 0;
    return of(p).last_chunk_ ? HPE_PAUSED : 0;
  }
  static int on_message_complete(llhttp_t* p) {
    of(p).message_read_ = true;
    return HPE_PAUSED;
  }

  Http1Codec& codec;
  llhttp_settings_t settings;
  llhttp_t state;
  bool broken = false;
};

Http1Codec::Http1Codec(CodecRole role, CodecEvents& events, const CodecLimits& limits,
                       std::string_view scheme)
    : role_(role),
      events_(events),
      limits_(limits),
      scheme_(scheme),
      parser_(std::make_unique<Parser>(*this)) {}

Http1Codec::~Http1Codec() = default;

void Http1Codec::begin(std::string_view method) {
  head_request_ = method == "HEAD";
  upgrade_request_ = method == "CONNECT";
  started_ = skipped_line_ = false;
  interims_ = 0;
  begin_head();
}

void Http1Codec::begin_head() {
  parser_->reset();
  lines_.begin_head();
  section_.clear();
  name_.clear();
  value_.clear();
  target_.clear();
  head_ = Head();
  extra_bytes_ = ask_at_ = 0;
  head_read_ = last_chunk_ = message_read_ = false;
  phase_ = Phase::head;
}

Http1Codec::Result Http1Codec::feed(std::span<const std::byte> bytes) {
  if (phase_ == Phase::failed || bytes.empty()) return result(0);
  if (phase_ == Phase::idle) {
    fail("bytes after the response");
    return result(0);
  }
  started_ = true;
  stopped_ = false;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty() && phase_ != Phase::idle && !stopped_) {
    if (!step(rest)) break;
  }
  return result(bytes.size() - rest.size());
}

bool Http1Codec::step(std::string_view& rest) {
  if (phase_ == Phase::tunnel) {
    events_.on_body(std::as_bytes(std::span(std::exchange(rest, {}))));
    return true;
  }
  std::string_view part = rest;
  if (in_section()) {
    part = rest.substr(0, lines_.accept(rest));
    if (!lines_.error().empty()) return fail_malformed(lines_.error());
    if (phase_ == Phase::head && section_.empty()) section_.reserve(part.size(), 16);
  }
  const std::size_t read = parser_->execute(part);
  if (phase_ == Phase::failed) return false;  // by a callback
  if (parser_->broken) return fail_malformed(llhttp_get_error_reason(&parser_->state));
  if (in_section() && !keep_cut_field()) return false;
  rest.remove_prefix(read);
  return after_step(!rest.empty());
}

bool Http1Codec::after_step(bool surplus) {
  // An empty line before a request is of no meaning, as some clients send one behind a body (RFC 9112 §2.2).
  if (requests() && phase_ == Phase::head && lines_.ended() && lines_.first_line() == 0 && !skipped_line_) {
    skipped_line_ = true;
    lines_.begin_head();
    return true;
  }
  // Where a section ends is found twice; who finds it elsewhere has read another message.
  if (in_section() && lines_.ended() != (phase_ == Phase::head ? head_read_ : message_read_)) {
    return fail_malformed("no clear end of a section");
  }
  if (phase_ == Phase::head && head_read_) {
    end_head(surplus);
  } else if (message_read_) {
    if (phase_ == Phase::trailers && !section_.empty()) events_.on_trailers(std::exchange(section_, {}));
    complete(surplus);
  } else if (last_chunk_ && phase_ == Phase::body) {
    llhttp_resume(&parser_->state);
    lines_.begin_trailers();
    extra_bytes_ = ask_at_ = 0;
    phase_ = Phase::trailers;
  }
  return true;
}

void Http1Codec::end_head(bool surplus) {
  h2::HeaderList head = std::exchange(section_, {});
  if (!requests() && head_.status < 200 && head_.status != kSwitchingProtocols) {
    begin_head();
    events_.on_interim(std::move(head));
    return;
  }
  phase_ = head_.status == kSwitchingProtocols ? Phase::tunnel : Phase::body;
  extra_bytes_ = 0;
  events_.on_head(std::move(head), head_.has_body);
  if (message_read_ && phase_ == Phase::body) complete(surplus);
}

void Http1Codec::complete(bool surplus) {
  phase_ = Phase::idle;
  events_.on_complete(head_.keep_alive && (requests() || !surplus));
}

Http1Codec::Result Http1Codec::end_of_input() {
  const std::string what = requests() ? "request" : "response";
  if (phase_ == Phase::tunnel || (phase_ == Phase::body && head_.ends_with_connection)) {
    complete(true);
  } else if (phase_ == Phase::head && started_) {
    fail("connection closed before the end of the " + what + " header");
  } else if (phase_ == Phase::head && !requests()) {
    fail("connection closed before a response");
  } else if (phase_ == Phase::body || phase_ == Phase::trailers) {
    fail(what + " body truncated");
  }
  return result(0);
}

bool Http1Codec::fail(std::string_view what, std::string_view detail, int status) {
  phase_ = Phase::failed;
  error_.assign(what).append(detail);
  status_ = status;
  return false;
}

bool Http1Codec::fail_malformed(std::string_view detail) {
  return fail(requests() ? "malformed request: " : "malformed response: ", detail);
}

bool Http1Codec::within_limits(std::size_t more) {
  const std::size_t bytes = section_.bytes() + extra_bytes_ + more;
  // A response's head has ":status" too, a request's up to four such fields.
  const std::size_t pseudo = phase_ == Phase::trailers ? 0 : requests() ? 3 : 1;
  if (bytes > limits_.max_header_bytes) {
    return fail_limit(" larger than ", limits_.max_header_bytes, " bytes");
  }
  if (section_.size() + 1 > limits_.max_header_fields + pseudo) {
    return fail_limit(" of more than ", limits_.max_header_fields, " fields");
  }
  return bytes < ask_at_ || admit(bytes);
}

bool Http1Codec::fail_limit(std::string_view exceeds, std::size_t limit, std::string_view unit) {
  constexpr int kTooLarge = 431;
  return fail(section_name(), std::string(exceeds).append(std::to_string(limit)).append(unit), kTooLarge);
}

bool Http1Codec::admit(std::size_t bytes) {
  constexpr int kNoMemory = 503;
  ask_at_ = bytes + kAskAgain;
  return events_.admits_section(bytes) || fail("no memory for the ", section_name(), kNoMemory);
}

std::string_view Http1Codec::section_name() const {
  const bool trailers = phase_ == Phase::trailers;
  return requests() ? (trailers ? "request trailers" : "request header")
                    : (trailers ? "response trailers" : "response header");
}

bool Http1Codec::count_extra(std::size_t bytes) {
  extra_bytes_ += bytes;
  if (phase_ != Phase::body) return within_limits(0);
  return extra_bytes_ <= limits_.max_header_bytes || fail("chunk extensions too large");
}

bool Http1Codec::add_name(std::string_view part) {
  return name_.add(part) || fail_malformed("bad byte in a field");
}

// What came of a field whose end has not come.
bool Http1Codec::keep_cut_field() {
  value_.keep();
  return name_.view().empty() || field_fits();
}

bool Http1Codec::field_fits() {
  return within_limits(name_.view().size() + value_.view().size() + h2::HeaderList::kFieldOverhead);
}

bool Http1Codec::add_field() {
  const std::string_view name = name_.view();
  const std::string_view value = trim(value_.view());
  assert(is_field_value(value));  // lines_ has seen each of its bytes
  if (!field_fits()) return false;
  if (name.empty()) return fail_malformed("bad byte in a field");
  if (phase_ == Phase::head) {
    if (section_.empty()) add_status();
    head_.framing.note(name, value);
    const bool is_host = requests() && name == "host";
    if (is_host) ++head_.hosts;
    // A target that is a URI says the host; then the field is of no meaning (RFC 9112 §3.2.2).
    if (!is_host || !section_.find(":authority")) section_.add(name, value);
  } else if (!is_forbidden_in_trailers(name)) {
    section_.add(name, value);
  } else if (!count_extra(name.size() + value.size() + h2::HeaderList::kFieldOverhead)) {
    return false;
  }
  name_.clear();
  value_.clear();
  return true;
}

bool Http1Codec::add_target(std::string_view part) {
  target_.append(part);
  return within_limits(target_.size());
}

bool Http1Codec::end_target() {
  const std::string_view method =
      llhttp_method_name(static_cast<llhttp_method_t>(llhttp_get_method(&parser_->state)));
  // Its target is no path; and with it the head could not be told in this form.
  if (method == "CONNECT") return fail("CONNECT is not offered", {}, 501);
  const RequestTarget target = read_target(method, target_);
  if (!target.error.empty()) return fail_malformed(target.error);
  section_.add(":method", method);
  section_.add(":scheme", target.scheme.empty() ? scheme_ : target.scheme);
  if (!target.authority.empty()) section_.add(":authority", target.authority);
  section_.add(":path", target.path);
  return true;
}

void Http1Codec::add_status() {
  section_.add(":status", std::to_string(llhttp_get_status_code(&parser_->state)));
}

bool Http1Codec::judge_head() {
  head_read_ = true;
  const llhttp_t& parser = parser_->state;
  if (parser.http_major != 1 || parser.http_minor > 1) {
    return fail(requests() ? "HTTP version" : "malformed response: HTTP version", {}, 505);
  }
  head_.http_1_1 = parser.http_minor == 1;
  return (requests() ? judge_request() : judge_response()) && judge_framing();
}

bool Http1Codec::judge_request() {
  // The parser takes more spaces than two, and other protocols' names.
  const std::size_t method = section_.get(":method").size();
  const bool is_http = lines_.first_line_end() == (head_.http_1_1 ? "HTTP/1.1" : "HTTP/1.0");
  if (!is_http || lines_.first_line() != method + target_.size() + 10) return fail_malformed("request line");
  if (head_.hosts > 1) return fail_malformed("more than one Host");
  if (head_.hosts == 0 && head_.http_1_1) return fail_malformed("no Host");
  return true;
}

bool Http1Codec::judge_response() {
  head_.status = parser_->state.status_code;
  if (section_.empty()) add_status();
  if (head_.status < 100) return fail_malformed("status below 100");
  if (head_.status == kSwitchingProtocols) {
    return upgrade_request_ || fail("status 101, but no upgrade was asked for");
  }
  if (head_.status < 200 && ++interims_ > kMaxInterim) return fail("too many interim responses");
  return true;
}

bool Http1Codec::judge_framing() {
  const MessageFraming& framing = head_.framing;
  if (const std::string_view wrong = framing.judge(head_.http_1_1); !wrong.empty()) return fail(wrong);
  const bool has_length = framing.coded() || framing.sized();
  const bool bodyless =
      requests() ? !has_length
                 : head_request_ || head_.status < 200 || head_.status == 204 || head_.status == 304;
  head_.has_body = head_.status == kSwitchingProtocols ||
                   (!bodyless && (!framing.sized() || framing.content_length() != 0));
  head_.ends_with_connection = head_.has_body && !has_length;
  head_.keep_alive = framing.keep_alive(head_.http_1_1) && !head_.ends_with_connection;
  return true;
}

}  // namespace gateway
