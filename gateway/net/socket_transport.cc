#include "gateway/net/socket_transport.h"

#include <cassert>
#include <utility>

namespace gateway {

SocketTransport::SocketTransport(EventLoop& loop, Fd fd, std::string peer, std::uint16_t peer_port)
    : fd_(std::move(fd)), state_(State::handshaking), peer_(std::move(peer)), peer_port_(peer_port) {
  watcher_.emplace(loop, fd_.get(), event_callback());
}

SocketTransport::SocketTransport(EventLoop& loop, const Address& address)
    : state_(State::connecting), peer_(ip_text(address)), peer_port_(port_of(address)) {
  std::string why;
  fd_ = start_connect(address, why);
  if (fd_) {
    watcher_.emplace(loop, fd_.get(), event_callback());
    watcher_->want(false, true);
  } else {
    cannot_begin_.emplace(loop, [this, why] { fail_open(why); });
    cannot_begin_->set(Duration(-1));
  }
}

IoWatcher::Callback SocketTransport::event_callback() {
  return [this](bool readable, bool writable) { on_event(readable, writable); };
}

void SocketTransport::want_read(bool wanted) {
  if (wanted == want_read_) return;
  want_read_ = wanted;
  if (open()) watch();
}

void SocketTransport::acknowledge() {
  acknowledge_now(fd_.get());
}

void SocketTransport::limit_unsent() {
  constexpr int kUnsent = 128 * 1024;  // bytes: what a turn of the loop writes while the network takes it away
  set_unsent_limit(fd_.get(), kUnsent);
}

Transport::Result SocketTransport::read_scattered(std::span<const pool::Space> spaces) {
  Result all{0, Status::again};
  for (const pool::Space& space : spaces) {
    const Result result = read(space.bytes);
    all.bytes += result.bytes;
    all.status = all.bytes > 0 ? Status::ok : result.status;
    if (result.bytes < space.bytes.size()) break;
  }
  return all;
}

void SocketTransport::break_off() {
  write_failed_ = true;
  if (fd_) set_reset_on_close(fd_.get());
}

void SocketTransport::watch() {
  const bool reading = want_read_ && read_end_ == Status::ok;
  watcher_->want(reading || write_wants_read_, write_blocked_ || read_wants_write_ || shutdown_blocked_);
  if (reading && !opening_ && holds_bytes()) watcher_->feed(true, false);
}

void SocketTransport::on_event(bool readable, bool writable) {
  switch (state_) {
    case State::connecting: {
      std::string why = connect_error(fd_.get());
      if (!why.empty()) return fail_open(std::move(why));
      state_ = State::handshaking;
      return handshake();
    }
    case State::handshaking:
      return handshake();
    case State::open:
      return on_ready(readable, writable);
    case State::failed:
      return;
  }
}

void SocketTransport::on_ready(bool readable, bool writable) {
  const bool write_on = (writable && write_blocked_) || (readable && write_wants_read_);
  const bool read_on = readable || (writable && read_wants_write_);
  if (shutdown_blocked_) {
    shutdown_blocked_ = false;
    finish_shutdown();
  }
  Lifeline::Watch watch_me(lifeline_);
  if (write_on) {
    write_blocked_ = write_wants_read_ = false;
    events_->on_writable();
    if (watch_me.gone()) return;
  }
  if (read_on && want_read_ && read_end_ == Status::ok) {
    read_wants_write_ = false;
    events_->on_readable();
    if (watch_me.gone()) return;
  }
  watch();
}

void SocketTransport::opened() {
  assert(events_ != nullptr);
  state_ = State::open;
  Lifeline::Watch watch_me(lifeline_);
  opening_ = true;
  events_->on_open();
  if (watch_me.gone()) return;
  opening_ = false;
  on_ready(holds_bytes(), false);
}

void SocketTransport::fail_open(std::string reason) {
  assert(events_ != nullptr);
  state_ = State::failed;
  error_ = reason;
  if (watcher_) watcher_->want(false, false);
  events_->on_open_failed(reason);
}

Transport::Result SocketTransport::end_reading(Status status, std::string reason) {
  read_end_ = status;
  read_wants_write_ = false;
  if (status == Status::failed) error_ = std::move(reason);
  watch();
  return {0, status};
}

Transport::Result SocketTransport::fail_writing(std::size_t written, std::string reason) {
  write_failed_ = true;
  write_blocked_ = write_wants_read_ = shutdown_blocked_ = false;
  error_ = std::move(reason);
  watch();
  return {written, Status::failed};
}

}  // namespace gateway
