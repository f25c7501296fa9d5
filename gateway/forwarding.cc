#include "gateway/forwarding.h"

#include <charconv>
#include <string>
#include <vector>

#include "gateway/exchange.h"
#include "gateway/field_sink.h"
#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

using h2::HeaderField;
using h2::HeaderList;

/// The fields that Connection names; costs a look at the names' lengths where there is none, or where it says
/// "keep-alive". Pseudo-header fields cannot be named.
class Nominated {
 public:
  explicit Nominated(const HeaderList& fields) {
    fields.visit("connection", [this](std::string_view list) {
      if (!is_option(list)) lists_.push_back(list);
    });
  }
  bool has(std::string_view name) const {
    if (lists_.empty() || name.starts_with(':')) return false;
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

/// Adds forwarded with what came and our client's element: for=…;host=…;proto=… (RFC 7239 §4, §6).
void add_forwarded(std::string_view before, std::string_view peer, std::string_view authority,
                   std::string_view proto, FieldSink& to) {
  const bool is_unix = peer == "unix";
  const bool is_v6 = peer.find(':') != std::string_view::npos;
  const std::string_view quote = is_token(authority) ? "" : "\"";
  to.add_joined("forwarded",
                {before, before.empty() ? "" : ", ", "for=", is_v6 ? "\"[" : "", is_unix ? "unknown" : peer,
                 is_v6 ? "]\"" : "", ";host=", quote, authority, quote, ";proto=", proto});
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

void add_gathered(const Gathered& gathered, const RequestOrigin& origin, std::string_view authority,
                  FieldSink& to) {
  if (!gathered.cookies.empty()) {
    to.add({"cookie", gathered.cookies.value(), gathered.cookies_sensitive});
  }
  if (gathered.te_trailers) to.add({"te", "trailers"});
  to.add_joined("via", {origin.protocol, " gateway"});
  const std::string_view proto = origin.secure ? "https" : "http";
  const std::string_view before = gathered.forwarded_for.value();
  const std::string_view peer = origin.peer == "unix" ? "" : origin.peer;
  if (!before.empty() || !peer.empty()) {
    to.add_joined("x-forwarded-for", {before, before.empty() || peer.empty() ? "" : ", ", peer});
  }
  to.add({"x-forwarded-proto", proto});
  to.add({"x-forwarded-host", authority});
  add_forwarded(gathered.forwarded.value(), origin.peer, authority, proto, to);
}

class ListSink final : public FieldSink {
 public:
  explicit ListSink(HeaderList& list) : list_(list) {}
  void add(const HeaderField& field) override { list_.add(field.name, field.value, field.sensitive); }
  void add_joined(std::string_view name, std::initializer_list<std::string_view> parts) override {
    list_.add_joined(name, parts);
  }

 private:
  HeaderList& list_;
};

}  // namespace

HeaderList client_request(const HeaderList& head, std::string_view local) {
  const Nominated nominated(head);
  const auto authority = head.find(":authority");
  const auto host = head.find("host");
  HeaderList out;
  out.reserve(head.text() + local.size(), head.size() + 2);
  if (!authority) out.add(":authority", host.value_or(local.starts_with("unix:") ? "localhost" : local));
  bool te_trailers = false;
  out.append_if(head, [&](const HeaderField& field) {
    if (field.name == "te") te_trailers |= list_has(field.value, "trailers");
    return field.name != "host" && field.name != "te" && !is_connection_specific(field.name) &&
           !nominated.has(field.name);
  });
  if (te_trailers) out.add("te", "trailers");
  return out;
}

void forward_request(const HeaderList& request, const RequestOrigin& origin, FieldSink& to) {
  const Nominated nominated(request);
  const auto named = request.find(":authority");
  const std::string_view authority = named ? *named : request.get("host");
  if (!named) to.add({":authority", authority});
  Gathered gathered;
  for (const HeaderField field : request) {
    const RequestField kind = kind_of(field.name);
    if (kind != RequestField::te && nominated.has(field.name)) continue;
    gather(field, kind, gathered);
    if (kind == RequestField::copied) to.add(field);
  }
  add_gathered(gathered, origin, authority, to);
}

HeaderList upstream_request(const HeaderList& request, const RequestOrigin& origin) {
  HeaderList out;
  out.reserve(request.text() + 160 + 2 * origin.peer.size() + 3 * authority_of(request).size(), request.size() + 6);
  ListSink sink(out);
  forward_request(request, origin, sink);
  return out;
}

HeaderList client_response(HeaderList response, std::string_view received_protocol) {
  const Nominated nominated(response);
  const int status = status_of(response);
  const bool sized = status >= 200 && status != 204;
  response.remove_if([&](const HeaderField& field) {
    const std::string_view name = field.name;
    return is_connection_specific(name) || name == "te" || (!sized && name == "content-length") ||
           nominated.has(name);
  });
  response.add_joined("via", {received_protocol, " gateway"});
  return response;
}

HeaderList sanitize_trailers(const HeaderList& trailers) {
  HeaderList out;
  out.append_if(trailers, [](const HeaderField& field) { return !is_forbidden_in_trailers(field.name); });
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
