#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway/backend.h"

namespace gateway {

class EventLoop;
class Exchange;
class TurnEnd;

/// The built-in `demo` cluster, for first steps and tests, with any method:
///
///   /           tells the request back as JSON
///   /bytes/N    N bytes of demo_byte(), N up to 2^40
///   /echo       the request's body and trailers, as they come
///   /delay/MS   answers after MS milliseconds, up to 60000
///   /status/N   answers with status N, 200 to 599
std::unique_ptr<Backend> make_demo_applet(const Exchange& exchange, EventLoop& loop, TurnEnd& turn_end);

/// The byte at `offset` of every body of /bytes/N; pieces that were lost, doubled or exchanged show.
constexpr std::byte demo_byte(std::uint64_t offset) {
  const std::uint64_t high = (offset >> 8) ^ (offset >> 16) ^ (offset >> 24) ^ (offset >> 32);
  return static_cast<std::byte>((offset ^ high) & 0xff);
}

}  // namespace gateway
