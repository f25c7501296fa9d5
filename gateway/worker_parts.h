#pragma once

#include <cstddef>
#include <span>

#include "gateway/h2_connection.h"
#include "gateway/net/event_loop.h"
#include "gateway/turn_end.h"
#include "pool/local_pool.h"

namespace gateway {

class AccessLog;
class Admission;
class Jitter;
class Log;
struct WorkerStats;

/// What a worker lends to everything that lives on it. All of it outlives its users.
struct WorkerParts {
  EventLoop& loop;
  pool::LocalPool& pool;
  TurnEnd& turn_end;
  std::span<std::byte> scratch;  // filled and used up within one call
  WorkerStats& stats;
  AccessLog& access_log;
  Log& log;
  const Admission& admission;
  Jitter& jitter;

  H2Connection::Parts connection_parts() const { return {loop, turn_end, pool.pool(), admission, scratch, stats}; }
};

}  // namespace gateway
