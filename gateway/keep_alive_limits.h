#pragma once

#include <chrono>
#include <cstdint>

namespace gateway {

/// How long a connection is kept, and when its peer is asked whether it is there; zero: for ever, without bound, never.
struct KeepAliveLimits {
  std::chrono::milliseconds ping_interval{};  // HTTP/2: silence with a stream open, after which PING is sent
  std::chrono::milliseconds ping_timeout{std::chrono::seconds(10)};  // silence after that
  std::chrono::milliseconds max_age{};  // from when it is open; each connection's own is up to 10 % less or more
  std::uint64_t max_requests = 0;
};

}  // namespace gateway
