#include "gateway/net/tcp_transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "gateway/net/socket_transport.h"

namespace gateway {

namespace {

constexpr std::size_t kPieces = 64;  // in one system call

class TcpTransport final : public SocketTransport {
 public:
  TcpTransport(EventLoop& loop, Fd fd, std::string peer, std::uint16_t peer_port)
      : SocketTransport(loop, std::move(fd), std::move(peer), peer_port) {
    await(true, false);
    feed(false, true);
  }
  TcpTransport(EventLoop& loop, const Address& address) : SocketTransport(loop, address) {}

  Result read(std::span<std::byte> buffer) override;
  Result read_scattered(std::span<const pool::Space> spaces) override;
  Result write(pool::Output& output) override;
  void shutdown() override { ::shutdown(fd(), SHUT_WR); }
  std::string_view alpn() const override { return ""; }
  bool secure() const override { return false; }

 private:
  void handshake() override { opened(); }
  Result received(ssize_t n);
  ssize_t send(const pool::Output& output, std::size_t& offered);
};

Transport::Result TcpTransport::read(std::span<std::byte> buffer) {
  if (read_end_ != Status::ok) return {0, read_end_};
  if (!open() || buffer.empty()) return {0, Status::again};
  ssize_t n = 0;
  do {
    n = ::recv(fd(), buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  return received(n);
}

Transport::Result TcpTransport::read_scattered(std::span<const pool::Space> spaces) {
  if (read_end_ != Status::ok) return {0, read_end_};
  if (!open()) return {0, Status::again};
  std::array<iovec, kPieces> vectors;
  const std::size_t count = std::min(spaces.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {spaces[i].bytes.data(), spaces[i].bytes.size()};
  ssize_t n = 0;
  do {
    n = ::readv(fd(), vectors.data(), static_cast<int>(count));
  } while (n < 0 && errno == EINTR);
  return received(n);
}

// What a call of the kernel has said.
Transport::Result TcpTransport::received(ssize_t n) {
  if (n > 0) return {static_cast<std::size_t>(n), Status::ok};
  if (n < 0 && errno == EAGAIN) return {0, Status::again};
  if (n < 0) return end_reading(Status::failed, error_text(errno));
  return end_reading(Status::closed);
}

// Offers the socket the next pieces, `offered` bytes; returns what the kernel says.
ssize_t TcpTransport::send(const pool::Output& output, std::size_t& offered) {
  const std::span<const std::byte> first = output.front();
  offered = first.size();
  if (offered == output.bytes()) return ::send(fd(), first.data(), offered, MSG_NOSIGNAL);
  std::array<std::span<const std::byte>, kPieces> pieces;
  std::array<iovec, kPieces> vectors;
  const std::size_t count = output.gather(pieces);
  offered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    offered += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return ::sendmsg(fd(), &message, MSG_NOSIGNAL);
}

Transport::Result TcpTransport::write(pool::Output& output) {
  if (write_failed_) return {0, Status::failed};
  if (!open()) return {0, Status::again};
  Result result;
  while (!output.empty()) {
    std::size_t offered = 0;
    const ssize_t n = send(output, offered);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return fail_writing(result.bytes, error_text(errno));
    const std::size_t sent = n > 0 ? static_cast<std::size_t>(n) : 0;
    output.consume(sent);
    result.bytes += sent;
    if (sent == offered) continue;
    result.status = Status::again;
    break;
  }
  write_blocked_ = result.status == Status::again;
  watch();
  return result;
}

}  // namespace

std::unique_ptr<Transport> make_tcp_transport(EventLoop& loop, Fd fd, std::string peer, std::uint16_t peer_port) {
  return std::make_unique<TcpTransport>(loop, std::move(fd), std::move(peer), peer_port);
}

std::unique_ptr<Transport> connect_tcp(EventLoop& loop, const Address& address) {
  return std::make_unique<TcpTransport>(loop, address);
}

}  // namespace gateway
