#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "gateway/net/event_loop.h"
#include "gateway/net/proxy_header.h"
#include "gateway/net/socket.h"

namespace gateway {

/// An accepted connection until its PROXY header is read: exactly the header's bytes are taken from the
/// socket, so that TLS or HTTP/2 begins with the next one. Confined to its loop's thread.
class ProxyGreeting {
 public:
  class Owner {
   public:
    /// The header is whole: take_socket() and bury this.
    virtual void on_greeted(ProxyGreeting& greeting) = 0;
    /// It is wrong (`late`: not there in time); `why` in words. Bury this.
    virtual void on_greeting_failed(ProxyGreeting& greeting, bool late, std::string_view why) = 0;

   protected:
    ~Owner() = default;
  };

  /// `peer`: who connected, the proxy. `patience`: for the whole header; zero: for ever.
  ProxyGreeting(EventLoop& loop, Fd fd, Address peer, Duration patience, Owner& owner);

  const Address& peer() const { return peer_; }
  /// For whom the proxy speaks, itself if it does not say. REQUIRES: on_greeted was called.
  const Address& client() const { return header_.client() ? *header_.client() : peer_; }
  Fd take_socket();

  std::size_t slot = 0;  // in its owner's set

 private:
  void on_readable();
  void fail(bool late, std::string_view why);

  Fd fd_;
  const Address peer_;
  Owner& owner_;
  ProxyHeader header_;
  Deadline deadline_;
  std::optional<IoWatcher> watcher_;  // none once it is over
};

}  // namespace gateway
