#pragma once

#include <openssl/bio.h>
#include <openssl/types.h>

#include <cstddef>
#include <span>

namespace gateway {

/// Where OpenSSL's records go to and come from: the socket `fd`. Confined to its transport's thread.
struct TlsSocket {
  int fd = -1;
  /// Another record follows at once, and the kernel is told so (MSG_MORE): it sends the records of a turn
  /// together instead of each by itself, which costs more than to encrypt it. After 200 ms it sends what it has.
  bool more = false;
  /// Who shakes hands at the moment, else null. What a server sends once it has the client's Finished is a
  /// ticket (RFC 8446 §4.6.1). More follows it: it leaves with what comes first on the open connection, as a
  /// rule the SETTINGS at the end of the turn.
  const SSL* handshaking = nullptr;
  /// Read from the socket before OpenSSL asked, which asks twice for each record; it takes this first.
  std::span<const std::byte> received;
  /// Behind `received` the socket is not asked: what there was is there.
  bool read_ahead = false;
  bool ended = false;  // the peer has closed
};

/// A BIO that reads from and writes to `socket`, which outlives it and has its descriptor by then. Does not
/// raise SIGPIPE. Throws std::bad_alloc. The caller (an SSL) frees it.
BIO* make_socket_bio(TlsSocket& socket);

}  // namespace gateway
