#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"

namespace gateway {

/// A socket that is bound and listens; connections queue in the kernel until a Listener takes them. Each
/// worker has its own.
class ListeningSocket {
 public:
  static constexpr int kBacklog = 4096;  // the kernel bounds it by net.core.somaxconn

  /// Binds. On failure `why` says why, with the address: "address 127.0.0.1:8443 is in use by another
  /// program". Port 0 takes a free one. The file of a unix socket that nobody answers on is replaced.
  static std::optional<ListeningSocket> open(const Address& address, std::string& why);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  /// Removes the file of a unix socket, if it is the one that open() made.
  ~ListeningSocket();

  /// For one more worker, at the same address: TCP has a queue for each (SO_REUSEPORT), a unix socket one for
  /// all.
  std::optional<ListeningSocket> another(std::string& why) const;
  /// With the port that was taken for port 0.
  const Address& bound_address() const { return address_; }
  int fd() const { return fd_.get(); }

 private:
  struct File {  // of a unix socket
    std::string path;
    dev_t device;
    ino_t inode;
  };
  ListeningSocket(Fd fd, Address address) : fd_(std::move(fd)), address_(std::move(address)) {}
  void remember_file(const Address& address);

  Fd fd_;
  Address address_;
  std::optional<File> file_;
};

/// Whether nobody listens at the address, not even a program of the same user that shares its ports. Ask
/// before open(): that would join such a program. If not, `why` is what open() would say.
bool probe_free(const Address& address, std::string& why);

/// Accepts connections. Confined to its loop's thread; may be destroyed in its callbacks.
class Listener {
 public:
  static constexpr int kBatch = 64;  // connections accepted before other events have their turn
  static constexpr Duration kShortage = std::chrono::milliseconds(100);

  struct Callbacks {
    /// A connection came: non-blocking, not inherited, without delay of small writes.
    std::function<void(Fd, const Address& peer)> on_accept;
    /// Accepting failed for lack of descriptors or memory, and rests for kShortage. Connections wait in the
    /// queue.
    std::function<void(std::string_view reason)> on_error;
  };

  Listener(EventLoop& loop, ListeningSocket socket, Callbacks callbacks);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Address& bound_address() const { return address_; }
  /// Accepts no more until resume(); connections wait in the queue.
  void pause();
  void resume();
  /// Accepts what is in the queue unless paused, then closes for good.
  void stop();

 private:
  enum class Step { accepted, nothing, shortage };
  Step accept_one();
  void on_readable();
  void watch();

  const Address address_;
  std::optional<ListeningSocket> socket_;  // none once stopped
  Callbacks callbacks_;
  std::optional<IoWatcher> watcher_;
  Deadline shortage_over_;
  bool paused_ = false;
  Lifeline lifeline_;
};

}  // namespace gateway
