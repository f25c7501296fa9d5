#pragma once

#include <memory>
#include <string>

#include "gateway/net/address.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"
#include "gateway/net/transport.h"

namespace gateway {

/// Over a connected, non-blocking socket, TCP or unix. on_open comes in the next turn.
std::unique_ptr<Transport> make_tcp_transport(EventLoop& loop, Fd fd, std::string peer, std::uint16_t peer_port = 0);

/// Connects: on_open or on_open_failed comes in a coming turn. Without a deadline of its own.
std::unique_ptr<Transport> connect_tcp(EventLoop& loop, const Address& address);

}  // namespace gateway
