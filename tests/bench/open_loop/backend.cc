#include "tests/bench/open_loop/backend.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/bench/open_loop/h2_session.h"

namespace open_loop {
namespace {

constexpr std::string_view kServer = "nginx/1.22.1";  // as much to read as an answer of that one
constexpr std::string_view kDate = "Thu, 26 Nov 2026 12:00:00 GMT";
constexpr std::string_view kType = "application/octet-stream";
constexpr std::string_view kEtag = "\"6565e2c5-400\"";
const std::string kBody(1024, '.');

int listening_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4096) != 0) {
    throw std::runtime_error("cannot listen");
  }
  return fd;
}

}  // namespace

/// Reads, has `answer` put what is to be sent into `out_`, and sends it. Ends with its peer.
class Backend::Connection : public Poll::Watched {
 public:
  Connection(Poll& poll, int fd, Connections& owner) : Watched(poll, fd), owner_(owner) {}

 protected:
  virtual void answer(std::string_view bytes) = 0;
  std::string out_;

 private:
  void serve() override {
    static std::array<char, 1 << 16> bytes;
    const ssize_t size = recv(fd(), bytes.data(), bytes.size(), 0);
    if (size > 0) answer({bytes.data(), static_cast<std::size_t>(size)});
    if (size == 0 || (size < 0 && errno != EAGAIN) || !send_out()) end();
  }
  bool send_out() {
    if (out_.empty()) return true;
    const ssize_t sent = send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
    want_write(!out_.empty());
    return true;
  }
  void end() {
    std::erase_if(owner_,
                  [this](const auto& connection) { return connection.get() == this; });  // *this is gone
  }

  Connections& owner_;
};

class Backend::Http1Connection final : public Connection {
 public:
  using Connection::Connection;

 private:
  void answer(std::string_view bytes) override {
    static const std::string kAnswer =
        std::string("HTTP/1.1 200 OK\r\nServer: ").append(kServer) + "\r\nDate: " + std::string(kDate) +
        "\r\nContent-Type: " + std::string(kType) + "\r\nContent-Length: " + std::to_string(kBody.size()) +
        "\r\nLast-Modified: " + std::string(kDate) +
        "\r\nConnection: keep-alive\r\nETag: " + std::string(kEtag) + "\r\nAccept-Ranges: bytes\r\n\r\n" +
        kBody;
    constexpr std::string_view kEnd = "\r\n\r\n";
    in_.append(bytes);
    for (std::size_t end = 0; (end = in_.find(kEnd)) != std::string::npos; in_.erase(0, end + kEnd.size()))
      out_ += kAnswer;
  }

  std::string in_;
};

class Backend::H2Connection final : public Connection {
 public:
  H2Connection(Poll& poll, int fd, Connections& owner) : Connection(poll, fd, owner) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
          if (frame->hd.type == NGHTTP2_HEADERS && ends)
            static_cast<H2Connection*>(self)->respond(frame->hd.stream_id);
          return 0;
        });
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 256};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &streams, 1);
  }
  ~H2Connection() override { nghttp2_session_del(session_); }

 private:
  void answer(std::string_view bytes) override {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (nghttp2_session_mem_recv(session_, data, bytes.size()) < 0) throw std::runtime_error("not h2");
    produce(session_, out_);
  }

  void respond(std::int32_t stream) {
    const std::string length = std::to_string(kBody.size());
    const std::array fields{field(":status", "200"),       field("server", kServer),
                            field("date", kDate),          field("content-type", kType),
                            field("last-modified", kDate), field("content-length", length),
                            field("etag", kEtag),          field("accept-ranges", "bytes")};
    nghttp2_data_provider body{};
    body.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t size,
                            std::uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
      int& gone = source->fd;  // of the body, in bytes: what the union holds is ours
      const std::size_t part = kBody.copy(reinterpret_cast<char*>(to), size, static_cast<std::size_t>(gone));
      gone += static_cast<int>(part);
      if (static_cast<std::size_t>(gone) == kBody.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(part);
    };
    nghttp2_submit_response(session_, stream, fields.data(), fields.size(), &body);
  }

  nghttp2_session* session_ = nullptr;
};

Backend::Backend(Poll& poll, Protocol protocol)
    : Watched(poll, listening_socket()), poll_(poll), protocol_(protocol) {}

std::uint16_t Backend::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

void Backend::serve() {
  const int fd = accept4(Watched::fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (protocol_ == Protocol::http1) {
    connections_.push_back(std::make_unique<Http1Connection>(poll_, fd, connections_));
  } else {
    connections_.push_back(std::make_unique<H2Connection>(poll_, fd, connections_));
  }
}

}  // namespace open_loop
