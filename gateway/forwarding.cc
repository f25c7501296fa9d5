#include "gateway/forwarding.h"

#include <charconv>
#include <string>
#include <vector>

#include "gateway/exchange.h"
#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

using h2::HeaderField;
using h2::HeaderList;

/// The fields that Connection names; costs a look at the names' lengths where there is none, or where it says
/// "keep-alive".
class Nominated {
 public:
  explicit Nominated(const HeaderList& fields) {
    for (const HeaderField field : fields) {
      if (equals_ignoring_case(field.name, "connection") && !is_option(field.value))
        lists_.push_back(field.value);
    }
  }
  bool has(std::string_view name) const {
    if (name == "content-length") return false;  // framing is not up to the sender's lists
    for (std::string_view list : lists_) {
      if (list_has(list, name)) return true;
    }
    return false;
  }

 private:
  // What most say; no field of that name is forwarded anyway.
  static bool is_option(std::string_view list) { return equals_ignoring_case(list, "keep-alive"); }

  std::vector<std::string_view> lists_;
};

/// Values that become one; copies nothing while there is only one.
class Joined {
 public:
  Joined() = default;
  Joined(const Joined&) = delete;  // value_ may point into text_
  Joined& operator=(const Joined&) = delete;
  void add(std::string_view value, std::string_view separator) {
    if (value.empty()) return;
    if (value_.empty()) {
      value_ = value;
      return;
    }
    if (text_.empty()) text_ = value_;
    text_.append(separator).append(value);
    value_ = text_;
  }
  bool empty() const { return value_.empty(); }
  std::string_view value() const { return value_; }

 private:
  std::string_view value_;
  std::string text_;
};

enum class RequestField : std::uint8_t {
  copied,
  dropped,
  te,
  cookie,
  forwarded,
  x_forwarded_for,
};

RequestField kind_of(std::string_view name) {
  switch (name.size()) {
    case 2:
      return name == "te" ? RequestField::te : RequestField::copied;
    case 4:
      return name == "host" ? RequestField::dropped : RequestField::copied;
    case 6:
      return name == "cookie" ? RequestField::cookie : RequestField::copied;
    case 9:
      return name == "forwarded" ? RequestField::forwarded : RequestField::copied;
    case 15:
      return name == "x-forwarded-for" ? RequestField::x_forwarded_for : RequestField::copied;
    case 16:
      if (name == "x-forwarded-host") return RequestField::dropped;
      break;
    case 17:
      if (name == "x-forwarded-proto") return RequestField::dropped;
      break;
    default:
      break;
  }
  return is_connection_specific(name) ? RequestField::dropped : RequestField::copied;
}

bool quotes_closed(std::string_view value) {
  bool open = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '"') open = !open;
    if (value[i] == '\\' && open) ++i;
  }
  return !open;
}

/// for=…;host=…;proto=… (RFC 7239 §4, §6).
std::string forwarded_element(const RequestOrigin& origin, std::string_view authority,
                              std::string_view proto) {
  std::string element;
  element.reserve(40 + origin.peer.size() + authority.size());
  element.append("for=");
  if (origin.peer == "unix") {
    element.append("unknown");
  } else if (origin.peer.find(':') != std::string::npos) {
    element.append("\"[").append(origin.peer).append("]\"");
  } else {
    element.append(origin.peer);
  }
  const bool quoted = !is_token(authority);
  element.append(quoted ? ";host=\"" : ";host=").append(authority).append(quoted ? "\"" : "");
  element.append(";proto=").append(proto);
  return element;
}

/// What is not copied as it stands, gathered on the way through a request.
struct Gathered {
  Joined cookies;
  bool cookies_sensitive = false;
  bool te_trailers = false;
  Joined forwarded;
  Joined forwarded_for;
};

void gather(const HeaderField& field, RequestField kind, Gathered& gathered) {
  switch (kind) {
    case RequestField::te:
      gathered.te_trailers |= list_has(field.value, "trailers");
      break;
    case RequestField::cookie:
      gathered.cookies.add(field.value, "; ");
      gathered.cookies_sensitive |= field.sensitive;
      break;
    case RequestField::forwarded:
      if (quotes_closed(field.value)) gathered.forwarded.add(field.value, ", ");
      break;
    case RequestField::x_forwarded_for:
      gathered.forwarded_for.add(field.value, ", ");
      break;
    case RequestField::copied:
    case RequestField::dropped:
      break;
  }
}

void add_gathered(Gathered& gathered, const RequestOrigin& origin, std::string_view authority,
                  HeaderList& out) {
  if (!gathered.cookies.empty()) {
    out.add("cookie", gathered.cookies.value(), gathered.cookies_sensitive);
  }
  if (gathered.te_trailers) out.add("te", "trailers");
  out.add("via", std::string(origin.protocol).append(" gateway"));
  const std::string_view proto = origin.secure ? "https" : "http";
  if (origin.peer != "unix") gathered.forwarded_for.add(origin.peer, ", ");
  if (!gathered.forwarded_for.empty()) out.add("x-forwarded-for", gathered.forwarded_for.value());
  out.add("x-forwarded-proto", proto);
  out.add("x-forwarded-host", authority);
  const std::string element = forwarded_element(origin, authority, proto);
  gathered.forwarded.add(element, ", ");
  out.add("forwarded", gathered.forwarded.value());
}

void reserve_like(const HeaderList& fields, std::size_t more_text, std::size_t more_fields, HeaderList& out) {
  out.reserve(fields.bytes() - fields.size() * HeaderList::kFieldOverhead + more_text,
              fields.size() + more_fields);
}

/// Whether it can go on as it stands.
bool is_clean(const HeaderField& field) {
  const std::string_view value = field.value;
  return is_lower_token(field.name) && is_field_value(value) && trim(value).size() == value.size();
}

/// Whether ":status" is first and what follows is clean, which it is wherever a session or codec of ours has
/// read it.
bool is_clean_response(const HeaderList& response) {
  if (response.empty() || response[0].name != ":status") return false;
  for (std::size_t i = 1; i < response.size(); ++i) {
    if (!is_clean(response[i])) return false;
  }
  return true;
}

/// Adds a field from a peer if no byte of it may do harm.
void add_clean(const HeaderField& field, HeaderList& out) {
  const std::string_view value = trim(field.value);
  if (is_token(field.name) && is_field_value(value)) out.add(field.name, value, field.sensitive);
}

HeaderList cleaned_response(const HeaderList& response) {
  HeaderList out;
  reserve_like(response, 16, 1, out);
  out.add(":status", response.get(":status"));
  std::string name;
  for (const HeaderField field : response) {
    name.clear();
    append_lower(name, field.name);
    add_clean({name, field.value, field.sensitive}, out);  // a pseudo-header field's name is no token
  }
  return out;
}

}  // namespace

HeaderList client_request(const HeaderList& head, std::string_view local) {
  const Nominated nominated(head);
  const auto authority = head.find(":authority");
  const auto host = head.find("host");
  HeaderList out;
  reserve_like(head, local.size(), 2, out);
  out.add(":method", head.get(":method"));
  out.add(":scheme", head.get(":scheme"));
  out.add(":authority",
          authority ? *authority : host.value_or(local.starts_with("unix:") ? "localhost" : local));
  out.add(":path", head.get(":path"));
  bool te_trailers = false;
  for (const HeaderField field : head) {
    if (field.name.starts_with(':') || field.name == "host" || is_connection_specific(field.name)) continue;
    if (field.name == "te") {
      te_trailers |= list_has(field.value, "trailers");
    } else if (!nominated.has(field.name)) {
      out.add(field.name, field.value, field.sensitive);
    }
  }
  if (te_trailers) out.add("te", "trailers");
  return out;
}

HeaderList upstream_request(const HeaderList& request, const RequestOrigin& origin) {
  const Nominated nominated(request);
  const std::string_view authority = authority_of(request);
  HeaderList out;
  reserve_like(request, 160 + 2 * origin.peer.size() + 3 * authority.size(), 6, out);
  out.add(":method", request.get(":method"));
  out.add(":scheme", request.get(":scheme"));
  out.add(":authority", authority);
  out.add(":path", request.get(":path"));
  Gathered gathered;
  for (const HeaderField field : request) {
    if (field.name.starts_with(':')) continue;
    const RequestField kind = kind_of(field.name);
    if (kind == RequestField::dropped || (kind != RequestField::te && nominated.has(field.name))) continue;
    if (kind == RequestField::copied) {
      out.add(field.name, field.value, field.sensitive);
    } else {
      gather(field, kind, gathered);
    }
  }
  add_gathered(gathered, origin, authority, out);
  return out;
}

HeaderList client_response(HeaderList response, std::string_view received_protocol) {
  if (!is_clean_response(response)) response = cleaned_response(response);
  const Nominated nominated(response);
  const int status = status_of(response);
  const bool sized = status >= 200 && status != 204;
  response.remove_if([&](const HeaderField& field) {
    const std::string_view name = field.name;
    return is_connection_specific(name) || name == "te" || (!sized && name == "content-length") ||
           nominated.has(name);
  });
  std::string via(received_protocol);
  response.add("via", via.append(" gateway"));
  return response;
}

HeaderList sanitize_trailers(const HeaderList& trailers) {
  HeaderList out;
  reserve_like(trailers, 0, 0, out);
  std::string name;
  for (const HeaderField field : trailers) {
    name.clear();
    append_lower(name, field.name);
    if (!is_forbidden_in_trailers(name)) add_clean({name, field.value, field.sensitive}, out);
  }
  return out;
}

std::optional<std::uint64_t> content_length(const HeaderList& fields) {
  const auto value = fields.find("content-length");
  return value ? parse_content_length(*value) : std::nullopt;
}

int status_of(const HeaderList& response) {
  const std::string_view text = response.get(":status");
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

bool bodyless_status(int status) {
  return status < 200 || status == 204 || status == 304;
}

bool has_response_body(std::string_view method, int status, const HeaderList& response) {
  // Without a length there may be bytes.
  return method != "HEAD" && !bodyless_status(status) && content_length(response).value_or(1) != 0;
}

}  // namespace gateway
