#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pool/output.h"

namespace gateway {

/// What a transport tells its connection. Called from the loop only, never from within a call of the
/// transport.
class TransportEvents {
 public:
  /// Connected and, with TLS, shaken hands: may be read and written from now on. Called once.
  virtual void on_open() = 0;
  /// There may be bytes to read. Comes again while bytes remain, those held inside of TLS too.
  virtual void on_readable() = 0;
  /// write() may go on after it could not.
  virtual void on_writable() = 0;
  /// Connecting or the handshake failed; `reason` says why in words ("connection refused", "certificate
  /// verify failed: self-signed certificate"). Nothing else is called after it.
  virtual void on_open_failed(std::string_view reason) = 0;

 protected:
  ~TransportEvents() = default;
};

/// A byte stream to one peer: TCP or unix socket, plain or under TLS. Owns its descriptor and closes it at
/// once in its destructor (with close_notify where TLS still can). Confined to its loop's thread.
class Transport {
 public:
  enum class Status : std::uint8_t { ok, again, closed, failed };
  struct Result {
    std::size_t bytes = 0;
    Status status =
        Status::ok;  // closed: the peer ended in order (EOF, or close_notify under TLS); failed: error()
  };

  virtual ~Transport() = default;

  /// Events go here from now on. REQUIRES: set before the loop's next turn.
  virtual void set_events(TransportEvents* events) = 0;
  /// Up to buffer.size() bytes; `ok` with at least one. `again` when there are none now. After `closed` or
  /// `failed`, read no more.
  virtual Result read(std::span<std::byte> buffer) = 0;
  /// The same into several spaces, one after the other, at once.
  virtual Result read_scattered(std::span<const pool::Space> spaces) = 0;
  /// Writes what it can of `output` and consumes it there. `ok`: all of it; `again`: on_writable will come
  /// (or on_open); `failed`: write no more, but what the peer sent before may still be read. REQUIRES: bytes
  /// that were offered and not consumed stay at the front of `output`.
  virtual Result write(pool::Output& output) = 0;
  /// Tells the peer now that its bytes have come, not some 40 ms later: its kernel may keep what follows until then (RFC 9293
  /// §3.7.4, Nagle's algorithm). A system call. No effect on a unix socket.
  virtual void acknowledge() = 0;
  /// Whether on_readable is wanted (initially yes, once open).
  virtual void want_read(bool wanted) = 0;
  /// From now on the kernel takes only little in advance of what is on its way to the peer: what is urgent would wait behind it.
  virtual void limit_unsent() = 0;
  /// Ends our direction (FIN, close_notify first under TLS). Reading goes on.
  virtual void shutdown() = 0;
  /// The destructor is to close with RST (over TCP) and without close_notify: what was sent must not look whole.
  virtual void break_off() = 0;

  virtual bool open() const = 0;
  /// What ALPN agreed on ("h2", "http/1.1"), "" if nothing or no TLS.
  virtual std::string_view alpn() const = 0;
  virtual bool secure() const = 0;
  /// The peer's address without its port ("127.0.0.1", "::1", "unix").
  virtual const std::string& peer() const = 0;
  /// The peer's port; 0 if it has none.
  virtual std::uint16_t peer_port() const = 0;
  /// The last failure in words, "" if none.
  virtual const std::string& error() const = 0;
};

}  // namespace gateway
