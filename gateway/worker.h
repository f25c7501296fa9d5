#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gateway/admin/streams.h"
#include "gateway/backend_finders.h"
#include "gateway/lifespan.h"
#include "gateway/listener_group.h"
#include "gateway/upstream/health_check.h"
#include "gateway/worker_parts.h"
#include "pool/pieces.h"

namespace gateway {

/// What a worker gets from the server; all of it outlives the worker.
struct WorkerPlan {
  pool::BufferPool& pool;
  Stats& stats;
  AccessLog& access_log;
  Log& log;
  Resolver& resolver;
  const Router& router;
  const std::vector<ClusterPlan>& clusters;
  const AdminContext& admin;
  const Admission& admission;
  Exchange::Bounds bounds;
  ExchangeTimeouts exchange_timeouts;
  ClientTimeouts client_timeouts;
  EndpointLimits endpoint_limits;
  Duration busy_poll;
};

/// One thread with one loop, and everything of the connections that it accepted.
///
///   start() ─▶ serving ─▶ drain() ─▶ on_drained ─▶ finish() or terminate() ─▶ join()
///
/// Made and destroyed on the server's thread while its own does not run; drain(), finish() and terminate() may be called from any.
class Worker {
 public:
  /// `on_drained` is called on the worker's thread, once, when drain() was called and no client is left but the admin's.
  Worker(std::size_t index, const WorkerPlan& plan, std::function<void()> on_drained);
  ~Worker();

  void listen(const ListenerGroup::Plan& plan, ListeningSocket socket);
  void start();
  void drain();
  /// Drains the admin listener too, then ends.
  void finish();
  /// Ends now, whatever is under way.
  void terminate(std::string reason);
  void join();
  /// `answer` is called with its largest streams, on its thread. From any thread between start() and join().
  void sample(std::size_t limit, StreamCollector::Answer answer);

 private:
  bool turn_end();
  void look_whether_drained();
  void make_health_checks(std::size_t index);

  const std::size_t index_;
  const WorkerPlan& plan_;
  const std::function<void()> on_drained_;
  EventLoop loop_;
  pool::LocalPool local_;
  TurnEnd turn_end_;
  pool::MappedPiece scratch_;
  Jitter jitter_;
  const WorkerParts parts_;
  std::vector<std::unique_ptr<Cluster>> clusters_;
  RoutedBackends routed_;
  AdminBackends admin_;
  const Exchange::Parts routed_parts_;
  const Exchange::Parts admin_parts_;
  std::vector<std::unique_ptr<HealthCheck>> checks_;
  std::vector<std::unique_ptr<ListenerGroup>> groups_;
  bool draining_ = false;
  bool drained_ = false;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace gateway
