#include "gateway/http1/codec.h"

#include <llhttp.h>

#include <utility>

#include "gateway/http1/field_syntax.h"

namespace gateway {

struct ResponseCodec::Parser {
  static constexpr int kFailed = -1;  // fail() was called; the parser turns it into HPE_USER
  static constexpr int kSkipBody = 1;

  explicit Parser(ResponseCodec& owner) : codec(owner) {
    llhttp_settings_init(&settings);
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
    llhttp_init(&state, HTTP_RESPONSE, &settings);
    state.data = &codec;
  }

  /// Returns how many bytes were read; stops early at a pause. Sets `broken` when it cannot go on.
  std::size_t execute(std::string_view bytes) {
    const llhttp_errno_t code = llhttp_execute(&state, bytes.data(), bytes.size());
    broken = code != HPE_OK && code != HPE_PAUSED;
    return code == HPE_OK ? bytes.size()
                          : static_cast<std::size_t>(llhttp_get_error_pos(&state) - bytes.data());
  }

  static ResponseCodec& of(llhttp_t* parser) { return *static_cast<ResponseCodec*>(parser->data); }
  static int code(bool good) { return good ? 0 : kFailed; }

  static int on_extra(llhttp_t* p, const char*, std::size_t size) { return code(of(p).count_extra(size)); }
  static int on_header_field(llhttp_t* p, const char* at, std::size_t size) {
    return code(of(p).add_name({at, size}));
  }
  static int on_header_value(llhttp_t* p, const char* at, std::size_t size) {
    return code(of(p).add_value({at, size}));
  }
  static int on_header_value_complete(llhttp_t* p) { return code(of(p).add_field()); }
  static int on_headers_complete(llhttp_t* p) {
    ResponseCodec& codec = of(p);
    if (!codec.judge_head()) return kFailed;
    return codec.head_.has_body ? 0 : kSkipBody;
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

  ResponseCodec& codec;
  llhttp_settings_t settings;
  llhttp_t state;
  bool broken = false;
};

ResponseCodec::ResponseCodec(CodecEvents& events, const CodecLimits& limits)
    : events_(events), limits_(limits), parser_(std::make_unique<Parser>(*this)) {}

ResponseCodec::~ResponseCodec() = default;

void ResponseCodec::begin(std::string_view method) {
  head_request_ = method == "HEAD";
  started_ = false;
  interims_ = 0;
  begin_head();
}

void ResponseCodec::begin_head() {
  parser_->reset();
  lines_.restart();
  section_.clear();
  name_.clear();
  value_.clear();
  head_ = Head();
  extra_bytes_ = 0;
  head_read_ = last_chunk_ = message_read_ = false;
  phase_ = Phase::head;
}

ResponseCodec::Result ResponseCodec::feed(std::span<const std::byte> bytes) {
  if (phase_ == Phase::failed || bytes.empty()) return {0, error_};
  if (phase_ == Phase::idle) {
    fail("bytes after the response");
    return {0, error_};
  }
  started_ = true;
  stopped_ = false;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty() && phase_ != Phase::idle && !stopped_) {
    if (!step(rest)) break;
  }
  return {bytes.size() - rest.size(), error_};
}

bool ResponseCodec::step(std::string_view& rest) {
  std::string_view part = rest;
  if (in_section()) {
    part = rest.substr(0, lines_.accept(rest));
    if (!lines_.error().empty()) return fail("malformed response: ", lines_.error());
    if (phase_ == Phase::head && section_.empty()) section_.reserve(part.size(), 16);
  }
  const std::size_t read = parser_->execute(part);
  if (phase_ == Phase::failed) return false;  // by a callback
  if (parser_->broken) return fail("malformed response: ", llhttp_get_error_reason(&parser_->state));
  rest.remove_prefix(read);
  return after_step(!rest.empty());
}

bool ResponseCodec::after_step(bool surplus) {
  // Where a section ends is found twice; who finds it elsewhere has read another message.
  if (in_section() && lines_.ended() != (phase_ == Phase::head ? head_read_ : message_read_)) {
    return fail("malformed response: no clear end of a section");
  }
  if (phase_ == Phase::head && head_read_) {
    end_head(surplus);
  } else if (message_read_) {
    if (phase_ == Phase::trailers && !section_.empty()) events_.on_trailers(std::exchange(section_, {}));
    complete(head_.keep_alive && !surplus);
  } else if (last_chunk_ && phase_ == Phase::body) {
    llhttp_resume(&parser_->state);
    lines_.restart();
    extra_bytes_ = 0;
    phase_ = Phase::trailers;
  }
  return true;
}

void ResponseCodec::end_head(bool surplus) {
  h2::HeaderList head = std::exchange(section_, {});
  if (head_.status < 200) {
    begin_head();
    events_.on_interim(std::move(head));
    return;
  }
  phase_ = Phase::body;
  extra_bytes_ = 0;
  events_.on_head(std::move(head), head_.has_body);
  if (message_read_) complete(head_.keep_alive && !surplus);
}

void ResponseCodec::complete(bool keep_alive) {
  phase_ = Phase::idle;
  events_.on_complete(keep_alive);
}

ResponseCodec::Result ResponseCodec::end_of_input() {
  if (phase_ == Phase::body && head_.ends_with_connection) {
    complete(false);
  } else if (phase_ == Phase::head) {
    fail(started_ ? "connection closed before the end of the response header"
                  : "connection closed before a response");
  } else if (phase_ == Phase::body || phase_ == Phase::trailers) {
    fail("response body truncated");
  }
  return {0, error_};
}

bool ResponseCodec::fail(std::string_view what, std::string_view detail) {
  phase_ = Phase::failed;
  error_.assign(what).append(detail);
  return false;
}

bool ResponseCodec::within_limits(std::size_t more) {
  const bool trailers = phase_ == Phase::trailers;
  const std::string_view what = trailers ? "response trailers" : "response header";
  const std::size_t fields = section_.size() + (trailers ? 1 : 0);  // a head has ":status" too
  if (section_.bytes() + extra_bytes_ + more > limits_.max_header_bytes) {
    return fail(what, " larger than " + std::to_string(limits_.max_header_bytes) + " bytes");
  }
  if (fields > limits_.max_header_fields) {
    return fail(what, " of more than " + std::to_string(limits_.max_header_fields) + " fields");
  }
  return true;
}

bool ResponseCodec::count_extra(std::size_t bytes) {
  extra_bytes_ += bytes;
  if (phase_ != Phase::body) return within_limits(0);
  return extra_bytes_ <= limits_.max_header_bytes || fail("chunk extensions too large");
}

bool ResponseCodec::add_name(std::string_view part) {
  append_lower(name_, part);
  return within_limits(name_.size() + h2::HeaderList::kFieldOverhead);
}

bool ResponseCodec::add_value(std::string_view part) {
  value_.append(part);
  return within_limits(name_.size() + value_.size() + h2::HeaderList::kFieldOverhead);
}

bool ResponseCodec::add_field() {
  const std::string_view value = trim(value_);
  if (!is_token(name_) || !is_field_value(value)) return fail("malformed response: bad byte in a field");
  if (phase_ == Phase::head) {
    if (section_.empty()) add_status();
    note_framing(value);
    section_.add(name_, value);
  } else if (!is_forbidden_in_trailers(name_)) {
    section_.add(name_, value);
  } else if (!count_extra(name_.size() + value.size() + h2::HeaderList::kFieldOverhead)) {
    return false;
  }
  name_.clear();
  value_.clear();
  return true;
}

void ResponseCodec::note_framing(std::string_view value) {
  if (name_ == "content-length") {
    ++head_.content_lengths;
    head_.content_length = parse_content_length(value);
  } else if (name_ == "transfer-encoding") {
    ++head_.transfer_encodings;
    head_.chunked = equals_ignoring_case(value, "chunked");
  } else if (name_ == "connection") {
    head_.asks_close |= list_has(value, "close");
    head_.asks_keep_alive |= list_has(value, "keep-alive");
  }
}

void ResponseCodec::add_status() {
  section_.add(":status", std::to_string(llhttp_get_status_code(&parser_->state)));
}

bool ResponseCodec::judge_head() {
  head_read_ = true;
  const llhttp_t& parser = parser_->state;
  head_.status = parser.status_code;
  if (section_.empty()) add_status();
  if (parser.http_major != 1 || parser.http_minor > 1) return fail("malformed response: HTTP version");
  if (head_.status < 100) return fail("malformed response: status below 100");
  if (head_.status == 101) return fail("status 101, but no upgrade was asked for");
  if (head_.status < 200 && ++interims_ > kMaxInterim) return fail("too many interim responses");
  return judge_framing(parser.http_minor == 1);
}

bool ResponseCodec::judge_framing(bool http_1_1) {
  const bool coded = head_.transfer_encodings != 0;
  const bool sized = head_.content_lengths != 0;
  if (coded && (head_.transfer_encodings > 1 || !head_.chunked))
    return fail("Transfer-Encoding other than chunked");
  if (coded && sized) return fail("both Transfer-Encoding and Content-Length");
  if (coded && !http_1_1) return fail("Transfer-Encoding in HTTP/1.0");
  if (sized && (head_.content_lengths > 1 || !head_.content_length))
    return fail("Content-Length not one number");

  const bool bodyless = head_request_ || head_.status < 200 || head_.status == 204 || head_.status == 304;
  head_.has_body = !bodyless && (!sized || *head_.content_length != 0);
  head_.ends_with_connection = head_.has_body && !coded && !sized;
  head_.keep_alive = !head_.asks_close && (http_1_1 || head_.asks_keep_alive) && !head_.ends_with_connection;
  return true;
}

}  // namespace gateway
