#include "gateway/net/listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace gateway {

namespace {

std::string path_of(const Address& address) {
  return address.family() == AF_UNIX ? address.text.substr(std::string_view("unix:").size()) : "";
}

std::string bind_error(const Address& address, int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return fmt::format("address {} is in use by another program", address.text);
    case EADDRNOTAVAIL:
      return fmt::format("address {} does not belong to this machine", address.text);
    case EACCES:
      return fmt::format("address {}: permission denied{}", address.text,
                         address.family() == AF_UNIX ? "" : " (ports below 1024 need a privilege)");
    default:
      return fmt::format("address {}: {}", address.text, error_text(error_number));
  }
}

bool switch_on(int fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

bool bind_to(int fd, const Address& address, bool share_port) {
  if (address.family() != AF_UNIX) {
    if (!switch_on(fd, SOL_SOCKET, SO_REUSEADDR))
      return false;  // connections of an earlier run may still be winding down
    if (share_port && !switch_on(fd, SOL_SOCKET, SO_REUSEPORT)) return false;
    if (address.family() == AF_INET6 && !switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) return false;
  }
  return ::bind(fd, address.raw(), address.length) == 0;
}

bool somebody_answers(const Address& address) {
  const Fd fd = make_stream_socket(AF_UNIX);
  if (!fd) return true;
  if (::connect(fd.get(), address.raw(), address.length) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;
}

/// Whether the socket file may be bound to: it is not there, or nobody answers on it and so it was removed.
bool make_way(const Address& address, std::string& why) {
  const std::string path = path_of(address);
  struct stat file;
  if (::lstat(path.c_str(), &file) != 0) return true;
  if (!S_ISSOCK(file.st_mode)) {
    why = fmt::format("address {}: there is a file of that name that is no socket", address.text);
    return false;
  }
  if (somebody_answers(address)) {
    why = bind_error(address, EADDRINUSE);
    return false;
  }
  ::unlink(path.c_str());
  return true;
}

}  // namespace

bool probe_free(const Address& address, std::string& why) {
  if (address.family() == AF_UNIX) {
    if (!somebody_answers(address)) return true;
    why = bind_error(address, EADDRINUSE);
    return false;
  }
  const Fd fd = make_stream_socket(address.family());
  if (fd && bind_to(fd.get(), address, false)) return true;
  why = bind_error(address, errno);
  return false;
}

std::optional<ListeningSocket> ListeningSocket::open(const Address& address, std::string& why) {
  if (address.family() == AF_UNIX && !make_way(address, why)) return std::nullopt;
  Fd fd = make_stream_socket(address.family());
  if (!fd || !bind_to(fd.get(), address, true) || ::listen(fd.get(), kBacklog) != 0) {
    why = bind_error(address, errno);
    return std::nullopt;
  }
  Address bound = local_address(fd.get());
  ListeningSocket socket(std::move(fd), std::move(bound));
  if (address.family() == AF_UNIX) socket.remember_file(address);
  return socket;
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      address_(std::move(other.address_)),
      file_(std::exchange(other.file_, std::nullopt)) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(file_, other.file_);
  return *this;
}

ListeningSocket::~ListeningSocket() {
  struct stat file;
  if (!file_ || ::lstat(file_->path.c_str(), &file) != 0) return;
  if (file.st_dev == file_->device && file.st_ino == file_->inode) ::unlink(file_->path.c_str());
}

std::optional<ListeningSocket> ListeningSocket::another(std::string& why) const {
  if (address_.family() != AF_UNIX) return open(address_, why);
  Fd fd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (fd) return ListeningSocket(std::move(fd), address_);
  why = bind_error(address_, errno);
  return std::nullopt;
}

void ListeningSocket::remember_file(const Address& address) {
  struct stat file;
  std::string path = path_of(address);
  if (::lstat(path.c_str(), &file) == 0) file_ = File{std::move(path), file.st_dev, file.st_ino};
}

Listener::Listener(EventLoop& loop, ListeningSocket socket, Callbacks callbacks)
    : address_(socket.bound_address()),
      socket_(std::move(socket)),
      callbacks_(std::move(callbacks)),
      shortage_over_(loop, [this] { watch(); }) {
  watcher_.emplace(loop, socket_->fd(), [this](bool, bool) { on_readable(); });
  watch();
}

void Listener::pause() {
  paused_ = true;
  watch();
}

void Listener::resume() {
  paused_ = false;
  watch();
}

void Listener::watch() {
  if (watcher_) watcher_->want(!paused_ && !shortage_over_.armed(), false);
}

void Listener::stop() {
  Lifeline::Watch watch_me(lifeline_);
  for (int i = 0; i < ListeningSocket::kBacklog && !paused_; ++i) {
    if (!socket_ || accept_one() != Step::accepted || watch_me.gone()) break;
  }
  if (watch_me.gone()) return;
  shortage_over_.clear();
  watcher_.reset();
  socket_.reset();
}

void Listener::on_readable() {
  Lifeline::Watch watch_me(lifeline_);
  for (int i = 0; i < kBatch; ++i) {
    const Step step = accept_one();
    if (watch_me.gone() || step != Step::accepted || paused_ || !socket_) return;
  }
}

Listener::Step Listener::accept_one() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* raw = reinterpret_cast<sockaddr*>(&storage);
  Fd fd(::accept4(socket_->fd(), raw, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) {
    if (storage.ss_family != AF_UNIX) set_no_delay(fd.get());
    const auto on_accept = callbacks_.on_accept;  // it must outlive *this
    on_accept(std::move(fd), make_address(raw, length));
    return Step::accepted;
  }
  switch (errno) {
    case EAGAIN:
      return Step::nothing;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      break;
    default:
      return Step::accepted;  // that one connection broke before it was accepted (accept(2)); the next may be
                              // whole
  }
  const std::string reason = fmt::format("accept at {}: {}", address_.text, error_text(errno));
  shortage_over_.set(kShortage);
  watch();
  const auto on_error = callbacks_.on_error;
  if (on_error) on_error(reason);
  return Step::shortage;
}

}  // namespace gateway
