#include "gateway/worker.h"

#include "gateway/stats.h"

namespace gateway {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;

}  // namespace

Worker::Worker(std::size_t index, const WorkerPlan& plan, std::function<void()> on_drained)
    : plan_(plan),
      on_drained_(std::move(on_drained)),
      local_(plan.pool, loop_),
      scratch_(kScratchBytes),
      parts_{loop_, local_, turn_end_, scratch_, plan.stats.worker(index), plan.access_log, plan.log},
      routed_(parts_, plan.router, clusters_),
      admin_(parts_, plan.admin),
      routed_parts_{loop_, local_, turn_end_, routed_, parts_.stats, plan.exchange_timeouts, plan.bounds},
      admin_parts_{loop_, local_, turn_end_, admin_, parts_.stats, plan.exchange_timeouts, plan.bounds} {
  for (const ClusterPlan& cluster : plan.clusters) {
    clusters_.push_back(std::make_unique<Cluster>(parts_, plan.endpoint_limits, cluster, plan.resolver));
  }
  loop_.set_turn_end([this] { return turn_end(); });
}

Worker::~Worker() {
  // The clients' exchanges give up their backends, then nobody uses the endpoints.
  groups_.clear();
  turn_end_.run();
  clusters_.clear();
  turn_end_.run();
}

void Worker::listen(const ListenerGroup::Plan& plan, ListeningSocket socket) {
  const Exchange::Parts& exchange = plan.is_admin ? admin_parts_ : routed_parts_;
  groups_.push_back(std::make_unique<ListenerGroup>(parts_, exchange, plan_.client_timeouts, plan, std::move(socket),
                                                    [this] { look_whether_drained(); }));
}

void Worker::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

// Blocks that were granted come first: what their owners do with them is written in the same turn.
bool Worker::turn_end() {
  local_.deliver();
  const bool has_tasks = turn_end_.run();
  return has_tasks || local_.has_granted();
}

// ---- The end ----

void Worker::drain() {
  loop_.post([this] {
    draining_ = true;
    for (const auto& group : groups_) {
      if (!group->is_admin()) group->drain();
    }
    look_whether_drained();
  });
}

void Worker::finish() {
  loop_.post([this] {
    finishing_ = true;
    for (const auto& group : groups_) {
      if (group->is_admin()) group->drain();
    }
    look_whether_drained();
  });
}

void Worker::terminate(std::string reason) {
  loop_.post([this, reason = std::move(reason)] {
    for (const auto& group : groups_) group->terminate(reason);
    loop_.stop();
  });
}

void Worker::look_whether_drained() {
  if (!draining_) return;
  bool has_clients = false;
  bool has_admins = false;
  for (const auto& group : groups_) (group->is_admin() ? has_admins : has_clients) |= !group->empty();
  if (!has_clients && !drained_) {
    drained_ = true;
    on_drained_();
  }
  if (finishing_ && !has_clients && !has_admins) loop_.stop();
}

}  // namespace gateway
