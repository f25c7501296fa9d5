#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/error.h"
#include "h2/header_list.h"

namespace gateway {

class FieldSink;
struct RequestOrigin;

/// What a proxy has to do to message heads on their way through (RFC 9110 §7.6, RFC 9113 §8.2 and §8.3). Pure
/// functions, any thread. The h2 session has refused most malformed messages before; these rules do not count
/// on it.

/// Why a client's request cannot be forwarded, with the status to answer, or nothing.
/// - 501: CONNECT, but in its extended form for a WebSocket (RFC 8441), which is a tunnel.
/// - 400: a pseudo-header field that is missing, doubled or unknown, or stands behind a regular one; a :scheme
///   other than http and https; neither :authority nor host, or both with different meaning, or several hosts;
///   a :path that does not start with "/" ("*" for OPTIONS) or has bytes that may not stand there; a method
///   that is no token; a field of the connection, or te other than "trailers"; a content-length that is no
///   number or is not there once, or is there with a tunnel; :protocol without CONNECT; a byte in a field that
///   may not stand there.
std::optional<Error> check_request(const h2::HeaderList& request);

/// Whether the request asks for a tunnel: it is CONNECT with a ":protocol" (RFC 8441).
bool asks_tunnel(const h2::HeaderList& request);

/// :authority, or host where there is none; "" without both.
std::string_view authority_of(const h2::HeaderList& request);

/// An HTTP/1.1 client's request, as its codec told it, in the form that an HTTP/2 client would have sent it in:
/// host becomes :authority, the fields of the connection and those that Connection names are gone, te says
/// "trailers" or nothing. `local`: the listener's address, for a request in HTTP/1.0 without Host.
h2::HeaderList client_request(const h2::HeaderList& head, std::string_view local);

/// Tells the request to send to a backend. REQUIRES: check_request() found nothing.
///
/// Hop-by-hop fields and those that Connection names are removed, and the rest is copied in order, with these
/// exceptions:
/// - host: gone; it has become :authority if that was missing.
/// - te: only as "trailers".
/// - cookie: crumbs joined with "; " (RFC 9113 §8.2.3).
/// - via: "2 gateway" (or what the client's version is) is added behind those that are there (RFC 9110 §7.6.3).
/// - x-forwarded-for, forwarded (RFC 7239): our client is appended to what came, which is worth what its sender
///   is; a `forwarded` with an open quote, which would swallow our part, is dropped. A client on a unix socket
///   is "unknown".
/// - x-forwarded-proto, x-forwarded-host: overwritten, since the gateway is the edge and knows them.
/// "expect" goes on: the backend's interim answers do as well.
void forward_request(const h2::HeaderList& request, const RequestOrigin& origin, FieldSink& to);
/// The same as a list.
h2::HeaderList upstream_request(const h2::HeaderList& request, const RequestOrigin& origin);

/// The response to send to a client, interim ones too. `received_protocol` is the backend's version for via:
/// "1.1" or "2".
///
/// The list is moved through. Hop-by-hop fields and those that Connection names are removed, as is a content-length on 1xx
/// and 204 (RFC 9110 §8.6). REQUIRES: ":status" is first, names are in lower case, no byte stands where it may not: so does
/// whoever reads a response, the codec and the session.
h2::HeaderList client_response(h2::HeaderList response, std::string_view received_protocol);

/// Trailers, either way, without pseudo-header fields and those that may not be trailers. REQUIRES: as client_response().
h2::HeaderList sanitize_trailers(const h2::HeaderList& trailers);

/// The content-length, if there is one that is a number.
std::optional<std::uint64_t> content_length(const h2::HeaderList& fields);
/// The number in :status; 0 if there is none.
int status_of(const h2::HeaderList& response);
/// A response with this status has no body, whatever its fields say: 1xx, 204, 304.
bool bodyless_status(int status);
/// Whether a body follows the response's head (RFC 9112 §6.3).
bool has_response_body(std::string_view method, int status, const h2::HeaderList& response);

}  // namespace gateway
