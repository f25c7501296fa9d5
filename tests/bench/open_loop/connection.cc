#include "tests/bench/open_loop/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "tests/bench/open_loop/h2_session.h"

namespace open_loop {
namespace {

constexpr std::int32_t kWindow = 1 << 30;
// What may wait to be decoded. Fewer answers than a connection has streams, as theirs are not free until
// then.
constexpr std::size_t kMostArrivals = 64;
constexpr std::size_t kMostBytes = 1 << 16;

int connected_socket(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// Reads `bytes`, which are to stay, and wants more at their end.
BIO* reader_of(std::string_view bytes) {
  BIO* bio = BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()));
  BIO_set_mem_eof_return(bio, -1);
  return bio;
}

}  // namespace

void Arrivals::defer(bool deferred) {
  deferred_ = deferred;
  while (is_much()) decode_next();
}

void Arrivals::add(Connection& connection, Time time, std::string_view bytes) {
  arrivals_.push_back({&connection, time, std::string(bytes)});
  size_ += bytes.size();
  while (is_much()) decode_next();
}

void Arrivals::decode_next() {
  if (arrivals_.empty()) return;
  const Arrival next = std::move(arrivals_.front());
  arrivals_.pop_front();
  size_ -= next.bytes.size();
  next.connection->decode(next.time, next.bytes);
}

bool Arrivals::is_much() const {
  return deferred_ ? arrivals_.size() > kMostArrivals || size_ > kMostBytes : !arrivals_.empty();
}

nghttp2_session_callbacks* Connection::callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*) {
        Request* request = request_of(session, frame->hd.stream_id);
        if (request && std::string_view(reinterpret_cast<const char*>(name), name_size) == ":status") {
          request->status = std::stoi(std::string(reinterpret_cast<const char*>(value), value_size));
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t*,
                    std::size_t size, void*) {
        if (Request* request = request_of(session, stream)) request->bytes += size;
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session* session, std::int32_t stream, std::uint32_t error, void* connection) {
        if (Request* request = request_of(session, stream)) {
          if (error != NGHTTP2_NO_ERROR) request->status = -1;
          request->end = self(connection).arrived_;
          request->over = true;
          --self(connection).streams_;
        }
        return 0;
      });
  return callbacks;
}

Connection::Connection(Poll& poll, SSL_CTX* context, std::uint16_t port, Arrivals& arrivals,
                       std::string& failure)
    : Watched(poll, connected_socket(port)), tls_(SSL_new(context)), arrivals_(arrivals), failure_(failure) {
  SSL_set_fd(tls_, fd());
  SSL_set_tlsext_host_name(tls_, "localhost");
  if (SSL_connect(tls_) != 1) throw std::runtime_error("no TLS handshake");
  fcntl(fd(), F_SETFL, O_NONBLOCK);
  SSL_set0_wbio(tls_, BIO_new(BIO_s_mem()));

  nghttp2_session_callbacks* const all = callbacks();
  nghttp2_session_client_new(&session_, all, this);
  nghttp2_session_callbacks_del(all);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  encrypt();
  write();
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  SSL_free(tls_);
}

void Connection::prepare(const std::string& path, Request& request) {
  // Without a free stream it waits in the session behind others, which would be held when they come out.
  if (streams_ >= nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    return;
  prepared_ = &request;
  submit(path, request);
}

void Connection::ask(const std::string& path, Request& request) {
  if (prepared_ != &request) submit(path, request);
  prepared_ = nullptr;
  out_ += held_;
  held_.clear();
  write();
}

void Connection::submit(const std::string& path, Request& request) {
  const std::array fields{field(":method", "GET"), field(":scheme", "https"),
                          field(":authority", "localhost"), field(":path", path),
                          field("user-agent", "open_loop")};
  if (nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, &request) < 0)
    throw std::runtime_error("no more streams");
  ++streams_;
  encrypt();
}

void Connection::serve() {
  static std::array<char, 1 << 16> bytes;
  const ssize_t size = recv(fd(), bytes.data(), bytes.size(), 0);
  if (size > 0) {
    arrivals_.add(*this, Clock::now(), {bytes.data(), static_cast<std::size_t>(size)});
  } else if (size == 0 || errno != EAGAIN) {
    return end("a connection was ended");
  }
  write();
}

void Connection::decode(Time arrived, std::string_view bytes) {
  static std::array<std::uint8_t, 1 << 14> plain;
  arrived_ = arrived;
  SSL_set0_rbio(tls_, reader_of(bytes));
  int size = 0;
  while ((size = SSL_read(tls_, plain.data(), static_cast<int>(plain.size()))) > 0) {
    if (nghttp2_session_mem_recv(session_, plain.data(), static_cast<std::size_t>(size)) < 0)
      return end("not h2");
  }
  // What is left of a record is with the TLS now, not in `bytes`.
  if (SSL_get_error(tls_, size) != SSL_ERROR_WANT_READ) return end("a connection was ended");
  encrypt();
  write();
}

/// Makes records of what the session has to send; takes with them what the TLS has to send itself.
void Connection::encrypt() {
  std::string plain;
  produce(session_, plain);
  if (!plain.empty() && SSL_write(tls_, plain.data(), static_cast<int>(plain.size())) <= 0)
    return end("no TLS any more");
  BIO* const made = SSL_get_wbio(tls_);
  const char* records = nullptr;
  const long size = BIO_get_mem_data(made, &records);
  (prepared_ ? held_ : out_).append(records, static_cast<std::size_t>(size));
  BIO_reset(made);
}

/// Sends what is to go, as far as the socket takes it.
void Connection::write() {
  if (ended_ || out_.empty()) return;
  const ssize_t sent = send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return end("a connection takes no more");
  if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  want_write(!out_.empty());
}

void Connection::end(const char* why) {
  if (!ended_) leave();
  ended_ = true;
  failure_ = why;
}

}  // namespace open_loop
