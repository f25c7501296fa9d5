#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "h2/header_list.h"

namespace gateway {

// WebSocket's handshake in HTTP/1.1 (RFC 6455 §4), and its way to and from the one form in which the house knows
// a tunnel, HTTP/2's (RFC 8441 §5): CONNECT with ":protocol" websocket, answered with a 2xx. Sec-WebSocket-Key and
// -Accept belong to one connection and are not passed on; the other fields are. Pure functions but for the
// random key; any thread.

/// What a client's request, as its codec told it, says of a WebSocket.
struct WebSocketUpgrade {
  enum class Kind : std::uint8_t {
    none,    // nothing, or not in the form that has to be answered
    asked,   // `key` is its Sec-WebSocket-Key
    broken,  // it is to be answered with `status`: 400, or 426 for another version (RFC 6455 §4.4)
  };
  Kind kind = Kind::none;
  std::string_view key{};  // borrowed from the request
  int status = 0;
  std::string_view reason{};
};

/// Asked is with HTTP/1.1, Upgrade: websocket and a Connection that names it (RFC 9110 §7.8).
WebSocketUpgrade read_websocket_upgrade(const h2::HeaderList& head, bool http_1_1, bool has_body);

/// The tunnel that is asked for by `request`, which client_request() has made.
h2::HeaderList websocket_connect(const h2::HeaderList& request);
/// The 101 to a client whose key was `key`, for a tunnel's `response`.
h2::HeaderList websocket_accepted(const h2::HeaderList& response, std::string_view key);

/// A random key for a request to a backend.
std::string make_websocket_key();
/// Adds `key` to the tunnel's request to a backend, and the version if there is none.
void add_websocket_key(std::string_view key, h2::HeaderList& request);
/// Why `head`, of a 101, does not answer a request with `key`; "" if it does.
std::string_view judge_websocket_answer(const h2::HeaderList& head, std::string_view key);
/// The tunnel's response that a 101 stands for; `head` without the fields of the connection.
h2::HeaderList websocket_response(const h2::HeaderList& head);

/// Sec-WebSocket-Accept: base64(SHA-1(key, GUID)) (RFC 6455 §4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace gateway
