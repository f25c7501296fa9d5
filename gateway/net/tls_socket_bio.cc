#include "gateway/net/tls_socket_bio.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace gateway {
namespace {

bool writes_ticket(const TlsSocket& socket) {
  return socket.handshaking != nullptr && SSL_get_state(socket.handshaking) == TLS_ST_SW_SESSION_TICKET;
}

int write_bytes(BIO* bio, const char* bytes, int size) {
  const auto& socket = *static_cast<const TlsSocket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const int flags = MSG_NOSIGNAL | (socket.more || writes_ticket(socket) ? MSG_MORE : 0);
  const ssize_t n = ::send(socket.fd, bytes, static_cast<std::size_t>(size), flags);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int read_bytes(BIO* bio, char* bytes, int size) {
  auto& socket = *static_cast<TlsSocket*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (!socket.received.empty()) {
    const std::size_t n = std::min(socket.received.size(), static_cast<std::size_t>(size));
    std::memcpy(bytes, socket.received.data(), n);
    socket.received = socket.received.subspan(n);
    return static_cast<int>(n);
  }
  if (socket.read_ahead) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t n = ::recv(socket.fd, bytes, static_cast<std::size_t>(size), 0);
  socket.ended = n == 0;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

// OpenSSL flushes after a flight of the handshake; here nothing is held back.
long control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return static_cast<const TlsSocket*>(BIO_get_data(bio))->ended ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

struct MethodDeleter {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

const BIO_METHOD* method() {
  static const std::unique_ptr<BIO_METHOD, MethodDeleter> made = [] {
    std::unique_ptr<BIO_METHOD, MethodDeleter> method(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gateway socket"));
    if (!method) throw std::bad_alloc();
    BIO_meth_set_read(method.get(), read_bytes);
    BIO_meth_set_write(method.get(), write_bytes);
    BIO_meth_set_ctrl(method.get(), control);
    return method;
  }();
  return made.get();
}

}  // namespace

BIO* make_socket_bio(TlsSocket& socket) {
  BIO* bio = BIO_new(method());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &socket);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace gateway
