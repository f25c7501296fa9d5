#include "gateway/http1/field_syntax.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace gateway {
namespace {

/// A set of bytes that is looked up in one step.
class ByteSet {
 public:
  constexpr ByteSet& with(std::string_view bytes) {
    for (char c : bytes) in_[static_cast<unsigned char>(c)] = true;
    return *this;
  }
  constexpr ByteSet& with_range(unsigned first, unsigned last) {
    for (unsigned c = first; c <= last; ++c) in_[c] = true;
    return *this;
  }
  constexpr ByteSet& without(std::string_view bytes) {
    for (char c : bytes) in_[static_cast<unsigned char>(c)] = false;
    return *this;
  }
  constexpr bool has(std::size_t byte) const { return in_[byte]; }
  bool has_all(std::string_view text) const {
    bool all = true;  // names are short and mostly good: no branch a byte
    for (const char c : text) all &= in_[static_cast<unsigned char>(c)];
    return all;
  }

 private:
  std::array<bool, 256> in_{};
};

constexpr ByteSet kAlphanumeric = ByteSet().with_range('0', '9').with_range('a', 'z').with_range('A', 'Z');
constexpr ByteSet kToken = ByteSet(kAlphanumeric).with("!#$%&'*+-.^_`|~");
constexpr ByteSet kLowerToken = ByteSet(kToken).without("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
constexpr ByteSet kPath = ByteSet().with_range(0x21, 0xff).without("\x7f#");
constexpr ByteSet kAuthority = ByteSet(kAlphanumeric).with("-._~!$&'()*+,;=:[]%");

constexpr std::array<char, 256> kLower = [] {
  std::array<char, 256> lower{};
  for (std::size_t c = 0; c < lower.size(); ++c) {
    lower[c] = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  return lower;
}();

// The lower case of each byte that may stand in a token, which is ASCII; of others this, which is not.
constexpr unsigned char kNoToken = 0x80;
constexpr std::array<unsigned char, 256> kLowerOfToken = [] {
  std::array<unsigned char, 256> lower{};
  for (std::size_t c = 0; c < lower.size(); ++c) lower[c] = kToken.has(c) ? static_cast<unsigned char>(kLower[c]) : kNoToken;
  return lower;
}();

// Sorted.
constexpr std::string_view kForbiddenTrailers[] = {
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
};
static_assert(std::ranges::is_sorted(kForbiddenTrailers));

std::string_view without_default_port(std::string_view authority, std::string_view scheme) {
  const std::string_view port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  if (authority.ends_with(':')) authority.remove_suffix(1);
  return authority;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && kToken.has_all(text);
}

bool is_lower_token(std::string_view text) {
  return !text.empty() && kLowerToken.has_all(text);
}

bool is_field_value(std::string_view text) {
  return field_value_bytes(text) == text.size();
}

bool is_path(std::string_view text) {
  return text == "*" || (text.starts_with('/') && kPath.has_all(text));
}

bool is_authority(std::string_view text) {
  return !text.empty() && !text.starts_with(':') && kAuthority.has_all(text);
}

bool same_authority(std::string_view a, std::string_view b, std::string_view scheme) {
  return equals_ignoring_case(without_default_port(a, scheme), without_default_port(b, scheme));
}

char to_lower(char c) {
  return kLower[static_cast<unsigned char>(c)];
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return length;
}

bool lower_token(std::string_view name, char* to) {
  unsigned char any = 0;  // each byte's bits
  for (std::size_t i = 0; i < name.size(); ++i) {
    const unsigned char lower = kLowerOfToken[static_cast<unsigned char>(name[i])];
    to[i] = static_cast<char>(lower);
    any |= lower;
  }
  return (any & kNoToken) == 0;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) { return to_lower(x) == to_lower(y); };
  return std::ranges::equal(a, b, same);
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool list_has(std::string_view list, std::string_view member) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), member)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool list_has(const h2::HeaderList& head, std::string_view name, std::string_view member) {
  bool has = false;
  head.visit(name, [&](std::string_view list) { has = has || list_has(list, member); });
  return has;
}

bool is_connection_specific(std::string_view name) {
  switch (name.size()) {
    case 7:
      return name == "upgrade";
    case 10:
      return name == "connection" || name == "keep-alive";
    case 14:
      return name == "http2-settings";
    case 16:
      return name == "proxy-connection";
    case 17:
      return name == "transfer-encoding";
    default:
      return false;
  }
}

bool is_forbidden_in_trailers(std::string_view name) {
  return name.starts_with(':') || std::ranges::binary_search(kForbiddenTrailers, name);
}

}  // namespace gateway
