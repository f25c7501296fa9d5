#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"
#include "gateway/net/transport.h"

namespace gateway {

/// What every transport over a socket has in common: connecting, what is watched for, and who is told.
///
///   connecting ──▶ handshaking ──▶ open        (without TLS the handshake is nothing)
///        └──────────────┴────────▶ failed
class SocketTransport : public Transport {
 public:
  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;

  void set_events(TransportEvents* events) override { events_ = events; }
  void acknowledge() override;
  void want_read(bool wanted) override;
  void limit_unsent() override;
  /// By read().
  Result read_scattered(std::span<const pool::Space> spaces) override;
  void break_off() override;
  bool open() const override { return state_ == State::open; }
  const std::string& peer() const override { return peer_; }
  std::uint16_t peer_port() const override { return peer_port_; }
  const std::string& error() const override { return error_; }

 protected:
  /// Over a socket that is connected.
  SocketTransport(EventLoop& loop, Fd fd, std::string peer, std::uint16_t peer_port);
  /// Begins to connect. If that fails at once, on_open_failed comes in the next turn all the same.
  SocketTransport(EventLoop& loop, const Address& address);

  /// Connected: begin, or go on with, the handshake. Ends with await(), opened() or fail_open(), as the last
  /// thing: the transport may be gone after it.
  virtual void handshake() = 0;
  /// Our direction could not be ended at once and the socket is ready: try again.
  virtual void finish_shutdown() {}
  /// Whether bytes to read are held in here, so that the socket will not report them.
  virtual bool holds_bytes() const { return false; }

  void opened();
  void fail_open(std::string reason);
  /// What read() returns from now on: `closed` or `failed`.
  Result end_reading(Status status, std::string reason = "");
  /// Writing failed after `written` bytes. Bytes that came from the peer before that may still be read: a
  /// backend may have answered and then closed.
  Result fail_writing(std::size_t written, std::string reason);
  void await(bool read, bool write) { watcher_->want(read, write); }
  /// Watches for what the fields below say.
  void watch();
  /// Calls back in the next turn, as if the socket were ready.
  void feed(bool readable, bool writable) { watcher_->feed(readable, writable); }
  int fd() const { return fd_.get(); }

  bool want_read_ = true;
  Status read_end_ = Status::ok;  // closed or failed: no more on_readable
  bool write_failed_ = false;
  bool write_blocked_ = false;     // write() waits for the socket to be writable
  bool write_wants_read_ = false;  // write() waits for bytes from the peer (TLS only)
  bool read_wants_write_ = false;  // read() waits for the socket to be writable (TLS only)
  bool shutdown_blocked_ = false;  // finish_shutdown() waits for the socket to be writable

 private:
  enum class State : std::uint8_t { connecting, handshaking, open, failed };
  void on_event(bool readable, bool writable);
  void on_ready(bool readable, bool writable);
  IoWatcher::Callback event_callback();

  Fd fd_;
  std::optional<IoWatcher> watcher_;      // none if there was no descriptor to be had
  std::optional<Deadline> cannot_begin_;  // tells of that from the loop
  TransportEvents* events_ = nullptr;
  State state_;
  bool opening_ = false;  // what came with the end of the handshake is read behind on_open()
  const std::string peer_;
  const std::uint16_t peer_port_;
  std::string error_;
  Lifeline lifeline_;
};

}  // namespace gateway
