#include "gateway/config.h"

#include <algorithm>
#include <thread>

namespace gateway {

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::http1:
      return "http/1.1";
    case Protocol::h2:
      return "h2";
    case Protocol::demo:
      return "demo";
  }
  return "?";
}

std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::round_robin:
      return "round_robin";
    case Policy::least_requests:
      return "least_requests";
  }
  return "?";
}

std::size_t default_max_connections(Protocol protocol) {
  switch (protocol) {
    case Protocol::http1:
      return 256;  // one exchange each at a time
    case Protocol::h2:
      return 8;  // as many exchanges each as the backend allows streams
    case Protocol::demo:
      return 0;
  }
  return 0;
}

// A backend that says nothing is asked before stream_idle ends its streams, and seldom enough for servers of gRPC,
// which bear four PINGs between two answers. The same program's clients are asked only if that is wanted.
KeepAliveLimits default_keep_alive(Protocol protocol) {
  KeepAliveLimits limits;
  if (protocol == Protocol::h2) limits.ping_interval = std::chrono::seconds(30);
  return limits;
}

std::size_t default_workers() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 256);
}

std::size_t default_blocks(std::uint64_t budget, std::size_t block_size) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(budget / 2 / block_size));
}

}  // namespace gateway
