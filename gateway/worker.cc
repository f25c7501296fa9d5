#include "gateway/worker.h"

#include <cassert>
#include <random>

#include "gateway/stats.h"
#include "gateway/stream_sampler.h"

namespace gateway {
namespace {

constexpr std::size_t kScratchBytes = 80 * 1024;  // what TLS reads at once, and a record that had begun
// Memory of its own through which an admin page of any size leaves when no block is free: an operator must see who holds them.
constexpr std::size_t kAdminPageBytes = 64 * 1024;

pool::Ticks steady_ticks() noexcept {
  return static_cast<pool::Ticks>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace

Worker::Worker(std::size_t index, const WorkerPlan& plan, std::function<void()> on_drained)
    : index_(index),
      plan_(plan),
      on_drained_(std::move(on_drained)),
      local_(plan.pool, loop_, steady_ticks),
      scratch_(kScratchBytes),
      jitter_(std::random_device()()),
      parts_{loop_, local_, turn_end_, scratch_.bytes(), plan.stats.worker(index), plan.access_log, plan.log, plan.admission, jitter_},
      routed_(parts_, plan.router, clusters_),
      admin_(parts_, plan.admin),
      routed_parts_{loop_, local_, turn_end_, routed_, parts_.stats, plan.exchange_timeouts, plan.bounds, &plan.admission},
      admin_parts_{loop_, local_, turn_end_, admin_, parts_.stats, plan.exchange_timeouts, {.doorbell = kAdminPageBytes, .doorbell_returns = true}} {
  for (const ClusterPlan& cluster : plan.clusters) {
    clusters_.push_back(std::make_unique<Cluster>(parts_, plan.endpoint_limits, cluster, plan.resolver));
  }
  make_health_checks(index);
  loop_.set_turn_end([this] { return turn_end(); });
  loop_.set_busy_poll(plan.busy_poll);
}

// Each endpoint is looked after by one worker, the endpoints by the workers in turn.
void Worker::make_health_checks(std::size_t index) {
  std::size_t ordinal = 0;
  EndpointLimits limits = plan_.endpoint_limits;
  limits.max_connections = 1;
  for (const ClusterPlan& cluster : plan_.clusters) {
    if (!cluster.config.health) continue;
    const HealthConfig& health = *cluster.config.health;
    for (std::size_t i = 0; i < cluster.config.endpoints.size(); ++i) {
      if (ordinal++ % plan_.stats.workers() != index) continue;
      const HostPort& address = cluster.config.endpoints[i].address;
      const std::string own_host = address.is_unix ? "localhost" : to_string(address);
      checks_.push_back(std::make_unique<HealthCheck>(
          HealthCheck::Parts{.worker = parts_,
                             .cluster = cluster.config.name,
                             .config = health,
                             .authority = health.host.empty() ? own_host : health.host,
                             .secure = cluster.tls != nullptr,
                             .doorbell = plan_.bounds.doorbell},
          make_endpoint(parts_, limits, cluster, i, plan_.resolver)));
    }
  }
}

Worker::~Worker() {
  // The clients' exchanges give up their backends, then nobody uses the endpoints.
  groups_.clear();
  for (const auto& check : checks_) check->stop();
  turn_end_.run();
  checks_.clear();
  clusters_.clear();
  turn_end_.run();
}

void Worker::listen(const ListenerGroup::Plan& plan, ListeningSocket socket) {
  const Exchange::Parts& exchange = plan.is_admin ? admin_parts_ : routed_parts_;
  groups_.push_back(std::make_unique<ListenerGroup>(parts_, exchange, plan_.client_timeouts, plan, std::move(socket),
                                                    [this] { look_whether_drained(); }));
}

void Worker::start() {
  loop_.post([this] {
    for (const auto& check : checks_) check->start();
  });
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::sample(std::size_t limit, StreamCollector::Answer answer) {
  loop_.post([this, limit, answer = std::move(answer)] { answer(sample_streams(groups_, index_, limit, loop_.now())); });
}

// Blocks that were granted come first: what their owners do with them is written in the same turn.
bool Worker::turn_end() {
  local_.deliver();
  const bool has_tasks = turn_end_.run();
  assert(local_.holdings().consistent() && plan_.pool.consistent());  // rule 10
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
