#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "h2/header_list.h"

namespace gateway {

/// The syntax of what a message head is made of (RFC 9110 §5, RFC 9112, RFC 3986): the one place that knows
/// which bytes may stand where, so that nothing in a field, method or path can split a message that is
/// written from it. Pure functions, any thread.

/// A method or field name: one or more tchar (RFC 9110 §5.6.2).
bool is_token(std::string_view text);
/// A token without upper case: a field name as HTTP/2 has it (RFC 9113 §8.2.1).
bool is_lower_token(std::string_view text);
/// No control character but HTAB (RFC 9110 §5.5). Bytes from 0x80 on are let through, as every proxy does.
bool is_field_value(std::string_view text);
/// How many bytes, from the first on, may stand in one.
std::size_t field_value_bytes(std::string_view text);
/// The :path of a request: "/…" without control characters, space, DEL or a fragment; or "*" (RFC 9110 §7.1).
bool is_path(std::string_view text);
/// host [":" port] without user information (RFC 9113 §8.3.1); not empty.
bool is_authority(std::string_view text);
/// Whether a request to either goes to the same place: case and the scheme's default port do not count (RFC
/// 3986 §6.2).
bool same_authority(std::string_view a, std::string_view b, std::string_view scheme);

/// Decimal digits only, and they fit (RFC 9110 §8.6).
std::optional<std::uint64_t> parse_content_length(std::string_view value);

char to_lower(char c);
/// Writes a name, or a part of one, in lower case to `to`, as many bytes. False: a byte of it may not stand in a token,
/// and what was written is of no meaning.
bool lower_token(std::string_view name, char* to);
bool equals_ignoring_case(std::string_view a, std::string_view b);
/// Without spaces and tabs at either end.
std::string_view trim(std::string_view text);
/// Whether a comma-separated list has that member, in any case ("keep-alive, Close" has "close").
bool list_has(std::string_view list, std::string_view member);
/// The same of all fields of that name together.
bool list_has(const h2::HeaderList& head, std::string_view name, std::string_view member);

/// A field that concerns one connection and is never forwarded (RFC 9110 §7.6.1, RFC 9113 §8.2.2), apart from
/// "te", which may say "trailers". `name` is in lower case.
bool is_connection_specific(std::string_view name);
/// A field that may not stand in trailers: framing, routing, authentication, request modifiers, response
/// controls, content format (RFC 9110 §6.5.1). `name` is in lower case.
bool is_forbidden_in_trailers(std::string_view name);

// ---- Inline, as each line of a head asks for it.

/// Of eight bytes those below 0x20 and DEL, as bits 0x80 of theirs.
inline std::uint64_t control_bytes(const char* at) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  // Seven bits each, so that no sum carries into the next byte: one more, and DEL is 0, the good ones 0x21 to 0x7f.
  const std::uint64_t next = ((bytes & kEach * 0x7f) + kEach) & kEach * 0x7f;
  const std::uint64_t good = (next + kEach * (0x80 - 0x21)) | bytes;
  return ~good & kEach * 0x80;
}

inline std::size_t field_value_bytes(std::string_view text) {
  constexpr bool kLowFirst = std::endian::native == std::endian::little;
  std::string_view rest = text;
  while (rest.size() >= sizeof(std::uint64_t)) {  // most bytes are no control characters
    const std::uint64_t controls = control_bytes(rest.data());
    if (controls == 0) {
      rest.remove_prefix(sizeof(std::uint64_t));
      continue;
    }
    const int bits_before = kLowFirst ? std::countr_zero(controls) : std::countl_zero(controls);
    rest.remove_prefix(static_cast<std::size_t>(bits_before) / 8);
    if (rest.front() != '\t') return text.size() - rest.size();
    rest.remove_prefix(1);
  }
  const auto may_stand = [](char c) { return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t'; };
  while (!rest.empty() && may_stand(rest.front())) rest.remove_prefix(1);
  return text.size() - rest.size();
}

}  // namespace gateway
