#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "tests/bench/open_loop/poll.h"

namespace open_loop {

enum class Protocol { http1, h2c };

/// Listens on 127.0.0.1 and answers each request, which is to have no body, with 1 KiB at once. In the thread
/// that asks: nothing is woken between a request that goes out and its answer.
class Backend : Poll::Watched {
 public:
  Backend(Poll& poll, Protocol protocol);
  std::uint16_t port() const;

 private:
  class Connection;
  class Http1Connection;
  class H2Connection;
  using Connections = std::list<std::unique_ptr<Poll::Watched>>;

  void serve() override;

  Poll& poll_;
  const Protocol protocol_;
  Connections connections_;
};

}  // namespace open_loop
