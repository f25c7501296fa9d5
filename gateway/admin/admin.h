#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "gateway/backend.h"

namespace pool {
class BufferPool;
}

namespace gateway {

class Exchange;
class Stats;
class TurnEnd;

/// What the admin pages tell of. All of it outlives the pages; any thread may read it.
struct AdminContext {
  const Stats& stats;
  const pool::BufferPool& pool;
  const std::atomic<bool>& draining;
  std::chrono::system_clock::time_point started;
  std::string version;
};

/// The pages of the admin listener, for GET and HEAD:
///
///   /            lists the pages
///   /healthz     200 as long as the process turns
///   /readyz      200, or 503 while it drains
///   /stats.json  the counters and gauges, summed over the workers
///   /metrics     the same and the pool's, for Prometheus (text format 0.0.4)
///   /pool        the pool's blocks, and who waits for them
std::unique_ptr<Backend> make_admin_applet(const Exchange& exchange, TurnEnd& turn_end,
                                           const AdminContext& context);

}  // namespace gateway
