#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gateway/backend.h"

namespace pool {
class BufferPool;
}

namespace gateway {

class Admission;
class EventLoop;
class Exchange;
class Stats;
class StreamCollector;
class TurnEnd;
struct ClusterPlan;

/// What the admin pages tell of. All of it outlives the pages; any thread may read it.
struct AdminContext {
  const Stats& stats;
  const pool::BufferPool& pool;
  const std::atomic<bool>& draining;
  std::chrono::system_clock::time_point started;
  std::string version;
  const std::vector<ClusterPlan>* clusters = nullptr;  // null: none
  StreamCollector* streams = nullptr;                  // null: none
  const Admission* admission = nullptr;                // null: none
};

/// The pages of the admin listener, for GET and HEAD:
///
///   /            lists the pages
///   /healthz     200 as long as the process turns
///   /readyz      200, or 503 while it drains
///   /stats.json  the counters and gauges, summed over the workers
///   /metrics     the same and the pool's, for Prometheus (text format 0.0.4)
///   /pool        the pool's blocks by what they are used for, who waits for them and for how long
///   /streams     the live streams that hold most of them, and why they do not go on
///   /endpoints   which endpoints are in use, and why others are not
std::unique_ptr<Backend> make_admin_applet(const Exchange& exchange, TurnEnd& turn_end,
                                           EventLoop& loop, const AdminContext& context);

}  // namespace gateway
