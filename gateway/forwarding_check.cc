#include <string>

#include "gateway/forwarding.h"
#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

using h2::HeaderField;
using h2::HeaderList;

/// What one pass over a request has seen. A view without data: there was none.
struct Seen {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
  std::string_view protocol;
  std::string_view host;
  bool content_length = false;
  bool regular = false;
};

/// What is wrong, in words; "" if nothing.
using Fault = std::string_view;

Fault see_once(std::string_view& seen, std::string_view value, Fault fault) {
  if (seen.data() != nullptr) return fault;
  seen = value;
  return {};
}

Fault see_pseudo(const HeaderField& field, Seen& seen) {
  constexpr Fault kTwice = "a pseudo-header field is there twice";
  if (seen.regular) return "a pseudo-header field behind a regular one";
  if (field.name == ":method") return see_once(seen.method, field.value, kTwice);
  if (field.name == ":scheme") return see_once(seen.scheme, field.value, kTwice);
  if (field.name == ":authority") return see_once(seen.authority, field.value, kTwice);
  if (field.name == ":path") return see_once(seen.path, field.value, kTwice);
  if (field.name == ":protocol") return see_once(seen.protocol, field.value, kTwice);
  return "unknown pseudo-header field";
}

Fault see_regular(const HeaderField& field, Seen& seen) {
  seen.regular = true;
  if (!is_lower_token(field.name)) return "bad byte in a field name";
  if (!is_field_value(field.value)) return "bad byte in a field value";
  switch (field.name.size()) {
    case 2:
      if (field.name == "te" && !equals_ignoring_case(field.value, "trailers"))
        return "te other than trailers";
      break;
    case 4:
      if (field.name == "host") return see_once(seen.host, field.value, "more than one host");
      break;
    case 14:
      if (field.name != "content-length") break;
      if (seen.content_length) return "more than one content-length";
      seen.content_length = true;
      if (!parse_content_length(field.value)) return "content-length is not a number";
      break;
    default:
      break;
  }
  // HTTP2-Settings is not forbidden in HTTP/2, only of no use behind its connection.
  if (is_connection_specific(field.name) && field.name != "http2-settings")
    return "a field of the connection";
  return {};
}

Fault judge_target(const Seen& seen) {
  if (!is_token(seen.method)) return "method is not a token";
  if (seen.scheme != "http" && seen.scheme != "https") return "scheme is neither http nor https";
  if (!is_path(seen.path)) return "path does not start with / or has a bad byte";
  if (seen.path == "*" && seen.method != "OPTIONS") return "path * is for OPTIONS only";
  const std::string_view authority = seen.authority.data() != nullptr ? seen.authority : seen.host;
  if (!is_authority(authority)) return "no authority or host, or a bad byte in it";
  if (seen.host.data() != nullptr && !same_authority(authority, seen.host, seen.scheme)) {
    return "authority and host differ";
  }
  return {};
}

Error client_error(int status, std::string_view reason) {
  return {.source = ErrorSource::client,
          .status = status,
          .reason = std::string(reason),
          .retry_safe = false,
          .code = h2::ErrorCode::protocol_error};
}

}  // namespace

std::optional<Error> check_request(const HeaderList& request) {
  Seen seen;
  for (const HeaderField field : request) {
    const Fault fault = field.name.starts_with(':') ? see_pseudo(field, seen) : see_regular(field, seen);
    if (!fault.empty()) return client_error(400, fault);
  }
  const bool is_tunnel = seen.method == "CONNECT" && equals_ignoring_case(seen.protocol, "websocket");
  if (seen.method == "CONNECT" && !is_tunnel) return client_error(501, "CONNECT is offered for WebSocket only");
  if (!is_tunnel && seen.protocol.data() != nullptr) return client_error(400, "a :protocol without CONNECT");
  if (is_tunnel && seen.content_length) return client_error(400, "a content-length with a tunnel");
  if (const Fault fault = judge_target(seen); !fault.empty()) return client_error(400, fault);
  return std::nullopt;
}

bool asks_tunnel(const HeaderList& request) {
  return request.find(":protocol").has_value();
}

std::string_view authority_of(const HeaderList& request) {
  const auto authority = request.find(":authority");
  return authority ? *authority : request.get("host");
}

}  // namespace gateway
