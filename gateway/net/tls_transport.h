#pragma once

#include <memory>
#include <string>

#include "gateway/net/address.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"
#include "gateway/net/tls_context.h"
#include "gateway/net/transport.h"

namespace gateway {

/// TLS over a connected, non-blocking socket, as the server. `context` outlives the transport.
std::unique_ptr<Transport> make_tls_server_transport(EventLoop& loop, Fd fd, std::string peer,
                                                     const TlsServerContext& context, std::uint16_t peer_port = 0);

/// As the client. `name` is the peer's, for SNI and to verify, unless the context has one: a host name or an
/// IP address. Where the context verifies and there is no name at all, on_open_failed says so.
std::unique_ptr<Transport> make_tls_client_transport(EventLoop& loop, Fd fd, std::string peer,
                                                     const TlsClientContext& context,
                                                     const std::string& name);

/// Connects, then shakes hands. Without a deadline of its own.
std::unique_ptr<Transport> connect_tls(EventLoop& loop, const Address& address,
                                       const TlsClientContext& context, const std::string& name);

}  // namespace gateway
