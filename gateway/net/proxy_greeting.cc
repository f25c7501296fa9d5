#include "gateway/net/proxy_greeting.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace gateway {
namespace {

constexpr std::size_t kPeek = 256;  // most headers at once

}  // namespace

ProxyGreeting::ProxyGreeting(EventLoop& loop, Fd fd, Address peer, Duration patience, Owner& owner)
    : fd_(std::move(fd)),
      peer_(std::move(peer)),
      owner_(owner),
      deadline_(loop, [this] { fail(true, "no whole PROXY header in time"); }) {
  watcher_.emplace(loop, fd_.get(), [this](bool, bool) { on_readable(); });
  watcher_->want(true, false);
  deadline_.set(patience);
}

Fd ProxyGreeting::take_socket() {
  watcher_.reset();
  return std::move(fd_);
}

// Looks first, then takes what belongs to the header: what follows is another's.
void ProxyGreeting::on_readable() {
  std::array<std::byte, kPeek> bytes;
  ssize_t seen = 0;
  while ((seen = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_PEEK)) > 0) {
    const std::size_t used = header_.accept(std::span(bytes).first(static_cast<std::size_t>(seen)));
    if (!header_.error().empty()) return fail(false, header_.error());
    if (::recv(fd_.get(), bytes.data(), used, 0) != static_cast<ssize_t>(used)) break;
    if (!header_.done()) continue;
    deadline_.clear();
    return owner_.on_greeted(*this);
  }
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) return;
  fail(false,
       seen == 0 ? std::string("the peer closed before its PROXY header was whole") : error_text(errno));
}

void ProxyGreeting::fail(bool late, std::string_view why) {
  deadline_.clear();
  watcher_.reset();
  owner_.on_greeting_failed(*this, late, why);
}

}  // namespace gateway
