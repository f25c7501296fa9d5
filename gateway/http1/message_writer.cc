#include "gateway/http1/message_writer.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <utility>

#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

using h2::HeaderField;
using h2::HeaderList;

// Sorted. A status that is not here has no reason phrase, which nobody may look at (RFC 9112 §4).
constexpr std::pair<std::string_view, std::string_view> kPhrases[] = {
    {"100", "Continue"},
    {"101", "Switching Protocols"},
    {"102", "Processing"},
    {"103", "Early Hints"},
    {"200", "OK"},
    {"201", "Created"},
    {"202", "Accepted"},
    {"204", "No Content"},
    {"206", "Partial Content"},
    {"301", "Moved Permanently"},
    {"302", "Found"},
    {"303", "See Other"},
    {"304", "Not Modified"},
    {"307", "Temporary Redirect"},
    {"308", "Permanent Redirect"},
    {"400", "Bad Request"},
    {"401", "Unauthorized"},
    {"403", "Forbidden"},
    {"404", "Not Found"},
    {"405", "Method Not Allowed"},
    {"408", "Request Timeout"},
    {"409", "Conflict"},
    {"410", "Gone"},
    {"412", "Precondition Failed"},
    {"413", "Content Too Large"},
    {"415", "Unsupported Media Type"},
    {"416", "Range Not Satisfiable"},
    {"417", "Expectation Failed"},
    {"422", "Unprocessable Content"},
    {"426", "Upgrade Required"},
    {"429", "Too Many Requests"},
    {"431", "Request Header Fields Too Large"},
    {"500", "Internal Server Error"},
    {"501", "Not Implemented"},
    {"502", "Bad Gateway"},
    {"503", "Service Unavailable"},
    {"504", "Gateway Timeout"},
    {"505", "HTTP Version Not Supported"},
};
static_assert(std::ranges::is_sorted(kPhrases));

std::string_view phrase_of(std::string_view status) {
  const auto found =
      std::ranges::lower_bound(kPhrases, status, {}, [](const auto& row) { return row.first; });
  return found != std::end(kPhrases) && found->first == status ? found->second : std::string_view();
}

constexpr std::string_view kWebSocket = "websocket";

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Upgrade, if `upgrade` names a protocol, and Connection with that and `option`, unless both are "".
void append_connection(std::string& out, std::string_view option, std::string_view upgrade) {
  if (!upgrade.empty()) append_field(out, "upgrade", upgrade);
  if (option.empty() && upgrade.empty()) return;
  const std::string_view comma = option.empty() || upgrade.empty() ? "" : ", ";
  out.append("connection: ").append(option).append(comma).append(upgrade.empty() ? "" : "upgrade").append("\r\n");
}

void read_content_length(std::string_view value, WrittenFields& fields) {
  if (fields.content_length) {
    fields.error = "more than one Content-Length";
  } else if (fields.content_length = parse_content_length(value); !fields.content_length) {
    fields.error = "Content-Length is not a number";
  }
}

constexpr std::string_view kBadField = "bad byte in a field";

bool may_stand(std::string_view name, std::string_view value) {
  return is_token(name) && is_field_value(value);
}

/// Copies a field that goes on; content-length is left to the framing.
void append_checked(const HeaderField& field, WrittenFields& fields, std::string& out) {
  if (field.name == "host" || is_connection_specific(field.name)) return;
  if (field.name == "content-length") return read_content_length(field.value, fields);
  if (!may_stand(field.name, field.value)) {
    fields.error = kBadField;
    return;
  }
  fields.te |= field.name == "te";
  append_field(out, field.name, field.value);
}

WrittenFields append_fields(const HeaderList& response, std::string& out) {
  WrittenFields fields;
  for (const HeaderField field : response) {
    if (field.name.starts_with(':')) continue;
    append_checked(field, fields, out);
    if (!fields.error.empty()) break;
  }
  return fields;
}

bool expects_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

/// `bodyless`: a Content-Length tells of a body that is not sent.
WrittenHead decide_framing(const WrittenFields& fields, bool has_body, bool bodyless) {
  if (!fields.error.empty()) return {.error = fields.error};
  if (has_body && !fields.content_length) return {.framing = Framing::chunked};
  if (has_body) return {.framing = Framing::sized, .content_length = *fields.content_length};
  if (fields.content_length.value_or(0) != 0 && !bodyless) return {.error = "Content-Length without a body"};
  return {};
}

// The head of the tunnel that a client in HTTP/1.1 asked for.
WrittenHead switch_protocols(const HeaderList& response, std::string& out) {
  const std::size_t begin = out.size();
  out.append("HTTP/1.1 101 Switching Protocols\r\n");
  const WrittenFields fields = append_fields(response, out);
  if (!fields.error.empty()) {
    out.resize(begin);
    return {.error = fields.error};
  }
  append_connection(out, "", kWebSocket);
  out.append("\r\n");
  return {.framing = Framing::until_close, .keep_alive = false};
}

}  // namespace

RequestHeadWriter::RequestHeadWriter(std::string& out, std::size_t expected) : out_(out), begin_(out.size()) {
  out_.reserve(begin_ + expected);
}

void RequestHeadWriter::add(const HeaderField& field) {
  if (!fields_.error.empty()) return;
  if (field.name.starts_with(':')) return add_pseudo(field);
  begin_fields();
  append_checked(field, fields_, out_);
}

void RequestHeadWriter::add_joined(std::string_view name, std::initializer_list<std::string_view> parts) {
  assert(is_token(name));
  begin_fields();
  if (!fields_.error.empty()) return;
  out_.append(name).append(": ");
  const std::size_t value = out_.size();
  for (const std::string_view part : parts) out_.append(part);
  if (!is_field_value(std::string_view(out_).substr(value))) fields_.error = kBadField;
  out_.append("\r\n");
}

void RequestHeadWriter::add_pseudo(const HeaderField& field) {
  if (in_fields_) {
    fields_.error = "a pseudo-header field behind others";
  } else if (field.name == ":method") {
    method_ = field.value;
  } else if (field.name == ":path") {
    path_ = field.value;
  } else if (field.name == ":authority") {
    authority_ = field.value;
  } else if (field.name == ":protocol") {
    upgrade_ = field.value;
  }
}

// The pseudo-header fields are complete: they are the line, and Host.
void RequestHeadWriter::begin_fields() {
  if (std::exchange(in_fields_, true)) return;
  const bool is_connect = method_ == "CONNECT";
  if (!is_token(method_)) {
    fields_.error = "method is not a token";
  } else if (is_connect && !is_token(upgrade_)) {
    fields_.error = "CONNECT cannot be written";
  } else if (!is_path(path_)) {
    fields_.error = "bad byte in the path";
  } else if (!is_authority(authority_)) {
    fields_.error = "bad byte in the authority";
  }
  if (!fields_.error.empty()) return;
  if (is_connect) {
    method_ = "GET";
  } else {
    upgrade_ = {};
  }
  out_.append(method_).append(" ").append(path_).append(" HTTP/1.1\r\n");
  append_field(out_, "host", authority_);
}

WrittenHead RequestHeadWriter::finish(bool has_body) {
  begin_fields();
  const WrittenHead head = decide_framing(fields_, has_body, false);
  if (!head.error.empty()) {
    out_.resize(begin_);
    return head;
  }
  append_connection(out_, fields_.te ? "te" : "", upgrade_);
  if (head.framing == Framing::chunked) {
    append_field(out_, "transfer-encoding", "chunked");
  } else if (head.framing == Framing::sized || fields_.content_length || expects_body(method_)) {
    append_field(out_, "content-length", std::to_string(head.content_length));
  }
  out_.append("\r\n");
  return head;
}

WrittenHead write_request_head(const HeaderList& request, bool has_body, std::string& out) {
  RequestHeadWriter writer(out, request.bytes() + 64);  // bytes() counts more a field than its separators take
  for (const HeaderField field : request) writer.add(field);
  return writer.finish(has_body);
}

WrittenHead write_response_head(const HeaderList& response, bool has_body, const ResponseTo& to,
                                std::string& out) {
  const std::size_t begin = out.size();
  const std::string_view status = response.get(":status");
  if (status == "101") return switch_protocols(response, out);
  out.reserve(begin + response.bytes() + 64);
  out.append("HTTP/1.1 ").append(status).append(" ").append(phrase_of(status)).append("\r\n");
  const WrittenFields fields = append_fields(response, out);
  const bool interim = status.starts_with('1');
  const bool bodyless = interim || to.method == "HEAD" || status == "204" || status == "304";
  WrittenHead head = decide_framing(fields, has_body && !bodyless, bodyless);
  if (!head.error.empty()) {
    out.resize(begin);
    return head;
  }
  if (head.framing == Framing::chunked && !to.http_1_1) head.framing = Framing::until_close;
  head.keep_alive = to.keep_alive && head.framing != Framing::until_close;
  if (head.framing == Framing::chunked) {
    append_field(out, "transfer-encoding", "chunked");
  } else if (fields.content_length && !interim && status != "204") {
    append_field(out, "content-length", std::to_string(*fields.content_length));
  } else if (head.framing == Framing::none && !bodyless) {
    append_field(out, "content-length", "0");
  }
  const bool asks_for_websocket = status == "426" && response.find("sec-websocket-version");
  const std::string_view option = interim ? "" : !head.keep_alive ? "close" : !to.http_1_1 ? "keep-alive" : "";
  append_connection(out, option, asks_for_websocket ? kWebSocket : "");
  out.append("\r\n");
  return head;
}

ChunkHeader::ChunkHeader(std::uint32_t size) {
  char* end = std::to_chars(text_.data(), text_.data() + text_.size() - 2, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  size_ = static_cast<std::size_t>(end - text_.data());
}

void write_last_chunk(const HeaderList* trailers, std::string& out) {
  out.append("0\r\n");
  if (trailers != nullptr) {
    for (const HeaderField field : *trailers) {
      if (is_forbidden_in_trailers(field.name) || !may_stand(field.name, field.value)) continue;
      append_field(out, field.name, field.value);
    }
  }
  out.append("\r\n");
}

}  // namespace gateway
