#include "gateway/net/tls_transport.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "gateway/net/socket_transport.h"
#include "gateway/net/tls_socket_bio.h"
#include "pool/pieces.h"

namespace gateway {

namespace {

constexpr std::size_t kRecord = 16 * 1024;  // bytes of plaintext in one TLS record (RFC 8446 §5.1)
constexpr std::size_t kDirect =
    4 * 1024;  // a piece of this size is a record of its own, straight from its block
constexpr std::size_t kReadAhead = 64 * 1024;  // bytes that are read at once

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

SslPtr make_ssl(SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  if (!ssl) throw std::bad_alloc();
  return ssl;
}

bool is_ip(const std::string& name) {
  in6_addr buffer;
  return inet_pton(AF_INET, name.c_str(), &buffer) == 1 || inet_pton(AF_INET6, name.c_str(), &buffer) == 1;
}

/// SNI (names only, RFC 6066 §3) and the name or address that the certificate must be for.
bool set_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_ip(name)) return X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

/// The first error in OpenSSL's queue, which is empty afterwards.
std::string take_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason > SSL_AD_REASON_OFFSET) {
      return fmt::format("peer sent the TLS alert \"{}\"",
                         SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    }
    switch (reason) {
      case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return "peer closed without close_notify";
      case SSL_R_NO_APPLICATION_PROTOCOL:
        return "no protocol in common with the peer (ALPN)";
      case SSL_R_CALLBACK_FAILED:
        return "peer offers no protocol (ALPN)";
      case SSL_R_HTTP_REQUEST:
        return "peer speaks cleartext HTTP";
      case SSL_R_WRONG_VERSION_NUMBER:
        return "peer does not speak TLS";
      default:
        break;
    }
  }
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? text : "unknown TLS error";
}

class TlsTransport final : public SocketTransport {
 public:
  TlsTransport(EventLoop& loop, Fd fd, std::string peer, const TlsServerContext& context, std::uint16_t peer_port);
  TlsTransport(EventLoop& loop, Fd fd, std::string peer, const TlsClientContext& context,
               const std::string& name);
  TlsTransport(EventLoop& loop, const Address& address, const TlsClientContext& context,
               const std::string& name);
  ~TlsTransport() override;

  Result read(std::span<std::byte> buffer) override;
  Result write(pool::Output& output) override;
  void shutdown() override;
  std::string_view alpn() const override;
  bool secure() const override { return true; }

 private:
  void attach();
  void start(const TlsClientContext& context, const std::string& name);
  void handshake() override;
  void finish_shutdown() override { shutdown(); }
  bool holds_bytes() const override {
    return late_end_ != Status::ok || (!drained_ && SSL_has_pending(ssl_.get()) == 1);
  }
  bool read_ahead(std::size_t limit);
  int decrypt(std::span<std::byte> buffer, std::size_t& total);
  void keep_received();
  std::span<const std::byte> next_record(const pool::Output& output) const;
  /// Before a call of OpenSSL: what SSL_get_error() says depends on the queue of errors, and failure() on
  /// errno. To empty the queue costs eight times the look at it, and it nearly always is empty.
  static void begin_call() {
    if (ERR_peek_error() != 0) ERR_clear_error();
    errno = 0;
  }
  /// Why the last call failed, in words. Leaves the queue of errors empty.
  std::string failure(int ssl_error);

  TlsSocket socket_;  // outlives ssl_
  std::vector<std::byte> left_;  // of what was received, see keep_received()
  SslPtr ssl_;
  std::string name_;
  bool verifies_ = false;
  Status late_end_ = Status::ok;  // for the next read(), since the last one still had bytes to tell of
  std::string late_reason_;
  bool drained_ = false;     // the last read() used up what there was; a part of a record may be left
  bool broken_ = false;      // by an error after which OpenSSL may not be asked to close in order
  bool close_sent_ = false;  // close_notify and FIN
  std::size_t pending_ = 0;  // bytes at the front of the output that OpenSSL wants to be offered again
};

TlsTransport::TlsTransport(EventLoop& loop, Fd fd, std::string peer, const TlsServerContext& context,
                           std::uint16_t peer_port)
    : SocketTransport(loop, std::move(fd), std::move(peer), peer_port), ssl_(make_ssl(context.raw())) {
  attach();
  SSL_set_accept_state(ssl_.get());
  await(true, false);
}

TlsTransport::TlsTransport(EventLoop& loop, Fd fd, std::string peer, const TlsClientContext& context,
                           const std::string& name)
    : SocketTransport(loop, std::move(fd), std::move(peer), 0), ssl_(make_ssl(context.raw())) {
  start(context, name);
  feed(false, true);
}

TlsTransport::TlsTransport(EventLoop& loop, const Address& address, const TlsClientContext& context,
                           const std::string& name)
    : SocketTransport(loop, address), ssl_(make_ssl(context.raw())) {
  start(context, name);
}

TlsTransport::~TlsTransport() {
  if (open() && !broken_ && !close_sent_ && !write_failed_ && pending_ == 0) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void TlsTransport::attach() {
  if (fd() < 0) return;  // no descriptor was to be had, as the loop will tell
  socket_.fd = fd();
  BIO* bio = make_socket_bio(socket_);
  SSL_set_bio(ssl_.get(), bio, bio);
}

void TlsTransport::start(const TlsClientContext& context, const std::string& name) {
  attach();
  SSL_set_connect_state(ssl_.get());
  verifies_ = context.verifies();
  name_ = context.server_name().empty() ? name : context.server_name();
  if (!name_.empty() && !set_name(ssl_.get(), name_)) name_.clear();
}

void TlsTransport::handshake() {
  if (verifies_ && name_.empty()) return fail_open("there is no name to verify the peer's certificate by");
  begin_call();
  socket_.handshaking = ssl_.get();
  const int result = SSL_do_handshake(ssl_.get());
  socket_.handshaking = nullptr;
  if (result == 1) return opened();
  switch (const int error = SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return await(true, false);
    case SSL_ERROR_WANT_WRITE:
      return await(false, true);
    default:
      return fail_open(failure(error));
  }
}

std::string TlsTransport::failure(int ssl_error) {
  broken_ = true;
  if (ssl_error == SSL_ERROR_SYSCALL)
    return errno != 0 ? error_text(errno) : "peer closed without close_notify";
  if (ssl_error == SSL_ERROR_ZERO_RETURN) return "peer closed the connection";
  const bool eof = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  const std::string reason = take_error();
  if (eof && !open()) return "peer closed the connection during the handshake";
  const long verified = SSL_get_verify_result(ssl_.get());
  if (open() || verified == X509_V_OK || !verifies_) return reason;
  std::string text = fmt::format("certificate verify failed: {}", X509_verify_cert_error_string(verified));
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    text += fmt::format(" (it is not for {})", name_);
  }
  return text;
}

std::string_view TlsTransport::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// Reads at most `limit` bytes for OpenSSL to take; false when the socket has no more. The caller has place for what they hold
// and for a record that OpenSSL had begun: so OpenSSL takes all of them, and nothing is kept here.
bool TlsTransport::read_ahead(std::size_t limit) {
  static thread_local const pool::MappedPiece piece(kReadAhead);  // a thread that never reads has no memory in it
  const std::span<std::byte> bytes = piece.bytes();
  const std::size_t size = std::min(limit, bytes.size());
  const ssize_t n = ::recv(fd(), bytes.data(), size, 0);
  if (n > 0) {
    socket_.received = bytes.first(static_cast<std::size_t>(n));
  } else if (n == 0 || errno != EAGAIN) {
    socket_.read_ahead = false;  // OpenSSL shall see by itself how it ends
  }
  return n == static_cast<ssize_t>(size);
}

// But where OpenSSL had to write first, and could not (a KeyUpdate), it takes the rest later.
void TlsTransport::keep_received() {
  if (socket_.received.empty() && left_.empty()) return;
  left_ = std::vector(socket_.received.begin(), socket_.received.end());
  socket_.received = left_;
}

// Fills `buffer` behind its first `total` bytes; returns what OpenSSL wants if it could not.
int TlsTransport::decrypt(std::span<std::byte> buffer, std::size_t& total) {
  while (total < buffer.size()) {
    // OpenSSL could say only that it wants more, which takes it as many steps as a record.
    const bool used_up = socket_.read_ahead && socket_.received.empty() && SSL_has_pending(ssl_.get()) == 0;
    if (used_up && !read_wants_write_) return SSL_ERROR_WANT_READ;
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data() + total, buffer.size() - total, &n);
    if (result != 1) return SSL_get_error(ssl_.get(), result);
    total += n;
  }
  return SSL_ERROR_NONE;
}

Transport::Result TlsTransport::read(std::span<std::byte> buffer) {
  if (read_end_ != Status::ok) return {0, read_end_};
  if (!open() || buffer.empty()) return {0, Status::again};
  if (late_end_ != Status::ok) return end_reading(late_end_, std::exchange(late_reason_, ""));
  std::size_t total = 0;
  int error = SSL_ERROR_NONE;
  begin_call();
  socket_.read_ahead = buffer.size() >= 2 * kRecord;
  bool has_more = socket_.read_ahead;  // the socket may have, beyond what it gave
  do {
    if (has_more && socket_.received.empty()) has_more = read_ahead(buffer.size() - total - kRecord);
    error = decrypt(buffer, total);
    // The socket is not asked for less than a record, of which it would take many calls to have one whole.
  } while (error == SSL_ERROR_WANT_READ && has_more && buffer.size() - total >= 2 * kRecord);
  socket_.read_ahead = false;
  keep_received();
  drained_ = error != SSL_ERROR_NONE;
  read_wants_write_ = error == SSL_ERROR_WANT_WRITE;
  if (drained_ && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
    const bool closed = error == SSL_ERROR_ZERO_RETURN;
    late_end_ = closed ? Status::closed : Status::failed;
    if (!closed) late_reason_ = failure(error);
    if (total == 0) return end_reading(late_end_, std::exchange(late_reason_, ""));
  }
  watch();
  return {total, total > 0 ? Status::ok : Status::again};
}

std::span<const std::byte> TlsTransport::next_record(const pool::Output& output) const {
  // What OpenSSL wants to be offered again is as many bytes, however large their pieces have become since.
  const std::size_t limit = pending_ != 0 ? pending_ : kRecord;
  const std::size_t large = pending_ != 0 ? std::numeric_limits<std::size_t>::max() : kDirect;
  const std::span<const std::byte> first = output.front();
  if (first.size() >= std::min(limit, large) || first.size() == output.bytes()) {
    return first.first(std::min(first.size(), limit));
  }
  // One for the thread: what is copied here goes to OpenSSL at once.
  static thread_local const pool::MappedPiece scratch(kRecord);
  const std::size_t size = output.copy(scratch.bytes().first(limit), large);
  assert(size >= pending_);
  return scratch.bytes().first(size);
}

Transport::Result TlsTransport::write(pool::Output& output) {
  if (write_failed_) return {0, Status::failed};
  if (!open()) return {0, Status::again};
  Result result;
  int error = SSL_ERROR_NONE;
  while (!output.empty() && error == SSL_ERROR_NONE) {
    const auto record = next_record(output);
    socket_.more = output.bytes() > record.size();
    std::size_t n = 0;
    begin_call();
    if (SSL_write_ex(ssl_.get(), record.data(), record.size(), &n) == 1) {
      pending_ = 0;
      output.consume(n);
      result.bytes += n;
    } else {
      pending_ = record.size();
      error = SSL_get_error(ssl_.get(), 0);
    }
  }
  socket_.more = false;
  write_blocked_ = error == SSL_ERROR_WANT_WRITE;
  write_wants_read_ = error == SSL_ERROR_WANT_READ;
  if (write_blocked_ || write_wants_read_) {
    result.status = Status::again;
  } else if (error != SSL_ERROR_NONE) {
    return fail_writing(result.bytes, failure(error));
  }
  watch();
  return result;
}

void TlsTransport::shutdown() {
  if (!open() || close_sent_ || write_failed_) return;
  if (!broken_ && pending_ == 0) {
    begin_call();
    const int result = SSL_shutdown(ssl_.get());
    shutdown_blocked_ = result < 0 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    if (shutdown_blocked_) return watch();
  }
  close_sent_ = true;
  ::shutdown(fd(), SHUT_WR);
}

}  // namespace

std::unique_ptr<Transport> make_tls_server_transport(EventLoop& loop, Fd fd, std::string peer,
                                                     const TlsServerContext& context, std::uint16_t peer_port) {
  return std::make_unique<TlsTransport>(loop, std::move(fd), std::move(peer), context, peer_port);
}

std::unique_ptr<Transport> make_tls_client_transport(EventLoop& loop, Fd fd, std::string peer,
                                                     const TlsClientContext& context,
                                                     const std::string& name) {
  return std::make_unique<TlsTransport>(loop, std::move(fd), std::move(peer), context, name);
}

std::unique_ptr<Transport> connect_tls(EventLoop& loop, const Address& address,
                                       const TlsClientContext& context, const std::string& name) {
  return std::make_unique<TlsTransport>(loop, address, context, name);
}

}  // namespace gateway
