#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/error.h"
#include "h2/header_list.h"

namespace gateway {

/// Who asked: a client's stream, or a health check.
class ExchangeClient {
 public:
  /// A 1xx head came (RFC 9110 §15.2). Any number of times, before on_response.
  virtual void on_interim(const h2::HeaderList& head) = 0;
  /// exchange.response() has the head. Unless response_has_body() is false, its body comes through response_body().
  virtual void on_response() = 0;
  /// The response cannot be completed after on_response: what was sent must not look whole. Called at most once.
  virtual void on_failed(const Error& error) = 0;
  /// The backend has all that came through a tunnel, or wants no more of it, and will send no more: once the client
  /// has ended too, the exchange may. Called at most once.
  virtual void on_tunnel_over() {}
  /// Whether there is memory for a header section of the response that begins, or has grown to `bytes`.
  virtual bool admits_section(std::size_t bytes) {
    (void)bytes;
    return true;
  }

 protected:
  ~ExchangeClient() = default;
};

/// What the client's side knows of a request besides its fields.
struct RequestOrigin {
  std::string_view peer;    // the client's address, without port; "unix" for a unix socket. Its connection's
  std::string_view local;   // the listener's address; the listener's
  bool secure = false;      // TLS in front
  std::int32_t stream_id = 0;     // of HTTP/2; the requests of an HTTP/1.1 connection are counted from 1
  std::string_view protocol = "2";  // as Via has it; a constant
  std::uint16_t peer_port = 0;      // the client's; 0 on a unix socket
};

}  // namespace gateway
