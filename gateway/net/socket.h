#pragma once

#include <string>
#include <utility>

#include "gateway/net/address.h"

namespace gateway {

/// Owns a file descriptor; closes it in its destructor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() { Fd().swap(*this); }
  void swap(Fd& other) noexcept { std::swap(fd_, other.fd_); }

 private:
  int fd_ = -1;
};

/// "connection refused", "no such file or directory".
std::string error_text(int error_number);

/// A stream socket that neither blocks nor is inherited. Without one `errno` says why.
Fd make_stream_socket(int family);
/// Begins to connect. On failure no descriptor, and `why` says why in words. Whether it worked out is seen
/// when the socket is writable: connect_error().
Fd start_connect(const Address& address, std::string& why);
/// Why a connect that start_connect() began failed; "" if it did not.
std::string connect_error(int fd);

/// Small writes leave at once; no effect on a unix socket.
void set_no_delay(int fd);
/// What was received is acknowledged now instead of with what is sent next, or 40 ms later; no effect on a unix socket.
void acknowledge_now(int fd);
/// The kernel takes no more than that in advance of what is on its way to the peer; no effect on a unix socket.
void set_unsent_limit(int fd, int bytes);
/// close() is to drop what was not sent and to reset the connection; no effect on a unix socket.
void set_reset_on_close(int fd);
Address local_address(int fd);
/// Writing to a connection that the peer has reset must not kill the process: OpenSSL writes with write(2).
void ignore_sigpipe();

}  // namespace gateway
