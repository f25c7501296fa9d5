#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "gateway/net/event_loop.h"
#include "gateway/pace.h"
#include "gateway/stats.h"
#include "pool/output.h"
#include "pool/slow_share.h"

namespace gateway {

class Admission;

/// Rule 8 for what is queued for a socket, of which no pipe knows any more: a peer that takes next to nothing
/// of it for `stall` while others wait for memory loses it, and sooner where slow peers hold most of the
/// blocks. Owned by the connection, whose thread it is confined to.
class SocketStall {
 public:
  /// Ends the connection; the reason in words. Called from the loop, once.
  using OnStall = std::function<void(Eviction, std::string_view)>;

  /// `output` is what is queued. `stall`: zero: for ever. All references outlive it.
  SocketStall(EventLoop& loop, pool::BufferPool& pool, const Admission& admission, const pool::Output& output,
              Duration stall, OnStall on_stall);

  /// The socket took `bytes`, and less than there were.
  void blocked(std::size_t bytes);
  /// The socket took all, or the connection is over.
  void clear();

 private:
  void look_again();
  void on_look();

  EventLoop& loop_;
  pool::BufferPool& pool_;
  const Admission& admission_;
  const pool::Output& output_;
  const Duration stall_;
  const OnStall on_stall_;
  Pace pace_;
  pool::SlowShare slow_;
  Deadline deadline_;  // armed while the socket takes less than there is
};

}  // namespace gateway
