#pragma once

#include <cstdint>
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
/// Appends a name, or a part of one, in lower case. Returns whether all of its bytes may stand in a token.
bool append_lower_token(std::string& to, std::string_view name);
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

}  // namespace gateway
