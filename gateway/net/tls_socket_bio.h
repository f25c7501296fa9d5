#pragma once

#include <openssl/bio.h>

namespace gateway {

/// Where OpenSSL's records go: the socket `fd`. While `more` is set, another record follows at once, and the
/// kernel is told so (MSG_MORE): it sends the records of a turn together instead of each by itself, which
/// costs more than to encrypt it. Confined to its transport's thread.
struct TlsSocket {
  int fd = -1;
  bool more = false;
};

/// A BIO that writes to `socket`, which outlives it and has its descriptor by the first write. Does not raise
/// SIGPIPE. Throws std::bad_alloc. The caller (an SSL) frees it.
BIO* make_socket_bio(TlsSocket& socket);

}  // namespace gateway
