#include "gateway/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace gateway {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::string error_text(int error_number) {
  std::string text = std::generic_category().message(error_number);
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
    text[0] = static_cast<char>(text[0] | 0x20);
  return text;
}

Fd make_stream_socket(int family) {
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Fd start_connect(const Address& address, std::string& why) {
  Fd fd = make_stream_socket(address.family());
  if (fd) {
    set_no_delay(fd.get());
    if (::connect(fd.get(), address.raw(), address.length) == 0) return fd;
    if (errno == EINPROGRESS || errno == EINTR) return fd;
  }
  // A unix socket whose queue is full answers "try again", but never says when.
  why = errno == EAGAIN ? "the peer's queue of connections is full" : error_text(errno);
  return Fd();
}

std::string connect_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  return error == 0 ? "" : error_text(error);
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void acknowledge_now(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void set_unsent_limit(int fd, int bytes) {
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void set_reset_on_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* raw = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd, raw, &length) != 0) length = 0;
  return make_address(raw, length);
}

void ignore_sigpipe() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace gateway
