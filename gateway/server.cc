#include "gateway/server.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cassert>
#include <system_error>

#include "gateway/memory_account.h"
#include "gateway/net/tls_context.h"
#include "gateway/reload.h"

namespace gateway {
namespace {

// How long a draining client may take to answer the PING behind the first GOAWAY before the second is sent anyway.
constexpr Duration kDrainNotice = std::chrono::milliseconds(500);

// As many connections as the system bears.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string at(const Place& place, std::string_view what) { return Mistake{place, std::string(what)}.to_string(); }

}  // namespace

Server::Server(Config config)
    : config_(std::move(config)),
      stats_(config_.workers),
      admission_(process_ledger()),
      router_(config_.routes, config_.clusters) {}

Server::~Server() = default;

std::optional<std::string> Server::start() {
  ignore_sigpipe();
  ::signal(SIGHUP, SIG_IGN);  // until run() hears it
  raise_descriptor_limit();
  tune_allocator(config_.workers);
  if (auto error = open_logs()) return error;
  auto limits = pool::PoolLimits::with_reserves(config_.memory.block_size, config_.memory.blocks);
  limits.shortage = config_.memory.shortage;
  pool_ = std::make_unique<pool::BufferPool>(limits);
  admin_context_ = std::make_unique<AdminContext>(
      AdminContext{stats_, *pool_, draining_, std::chrono::system_clock::now(), GATEWAY_VERSION, &clusters_, this, &admission_});
  if (auto error = plan_clusters()) return error;
  make_workers();
  if (auto error = open_listeners()) return error;
  memory_.emplace(MemoryKeeper::Parts{loop_, *log_, *pool_, stats_, admission_}, config_.memory);
  memory_->open(config_.workers);
  return std::nullopt;
}

std::optional<std::string> Server::open_logs() {
  log_ = std::make_unique<Log>(config_.log.level);
  try {
    access_log_ = std::make_unique<AccessLog>(config_.log.access, *log_);
  } catch (const std::system_error& error) {
    return at(config_.log.access_place, error.what());
  }
  return std::nullopt;
}

std::optional<std::string> Server::plan_clusters() {
  for (const ClusterConfig& cluster : config_.clusters) {
    ClusterPlan plan{cluster, nullptr, {}};
    if (cluster.tls) {
      std::string why;
      plan.tls = TlsClientContext::make({.verify = cluster.tls->verify,
                                         .ca_file = cluster.tls->ca,
                                         .server_name = cluster.tls->server_name,
                                         .alpn = {cluster.protocol == Protocol::h2 ? "h2" : "http/1.1"}},
                                        why);
      if (plan.tls == nullptr) return at(cluster.tls->ca_place, why);
      if (!cluster.tls->verify) {
        log_->warning("config", "cluster {}: the backend's certificate is not verified (verify = false)", cluster.name);
      }
    }
    for (const EndpointConfig& endpoint : cluster.endpoints) {
      Resolved resolved = resolve_now(endpoint.address);
      if (!resolved.error.empty()) log_->warning("upstream", "{}; it is looked up again on use", resolved.error);
      plan.addresses.push_back(std::move(resolved.addresses));
      const HealthConfig health = cluster.health.value_or(HealthConfig());
      plan.health.push_back(std::make_unique<EndpointHealth>(
          to_string(endpoint.address), EndpointHealth::Thresholds{health.healthy, health.unhealthy}, loop_.now()));
    }
    clusters_.push_back(std::move(plan));
  }
  return std::nullopt;
}

h2::SessionLimits Server::session_limits(std::uint32_t max_streams) const {
  h2::SessionLimits limits;
  limits.max_concurrent_streams = max_streams;
  limits.max_header_bytes = config_.limits.max_header_bytes;
  limits.max_header_fields = config_.limits.max_header_fields;
  limits.abuse = config_.limits.abuse;
  limits.ledger = &admission_.ledger();
  return limits;
}

void Server::make_workers() {
  const TimeoutsConfig& t = config_.timeouts;
  const h2::SessionLimits limits = session_limits(0);
  plan_.emplace(WorkerPlan{
      .pool = *pool_,
      .stats = stats_,
      .access_log = *access_log_,
      .log = *log_,
      .resolver = resolver_,
      .router = router_,
      .clusters = clusters_,
      .admin = *admin_context_,
      .admission = admission_,
      .bounds = {.doorbell = limits.doorbell},
      .exchange_timeouts = {t.response_header, t.stream_idle, t.stall, t.tunnel_idle},
      .client_timeouts = {t.tls_handshake, t.request_header, t.connection_idle, kDrainNotice, t.stall},
      .endpoint_limits = {.connect = t.connect,
                          .connection_idle = t.connection_idle,
                          .stall = t.stall,
                          .session = limits},
      .busy_poll = config_.busy_poll});
  for (std::size_t i = 0; i < config_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, *plan_, [this] { loop_.post([this] { on_drained(); }); }));
  }
}

std::optional<std::string> Server::open_listeners() {
  for (const ListenerConfig& listener : config_.listeners) {
    ListenerGroup::Plan plan{"h2c", nullptr, session_limits(listener.max_concurrent_streams), false,
                             listener.protocols};
    plan.proxy_protocol = listener.proxy_protocol;
    plan.trusted = listener.trusted;
    plan.keep_alive = listener.keep_alive;
    if (listener.tls) {
      TlsServerContext::Options options{.key_pairs = {}, .alpn = {}, .require_alpn = !plan.protocols.http1};
      if (plan.protocols.h2) options.alpn.emplace_back("h2");
      if (plan.protocols.http1) options.alpn.insert(options.alpn.end(), {"http/1.1", "http/1.0"});
      for (const KeyPairConfig& pair : listener.tls->pairs) options.key_pairs.push_back({pair.certificate, pair.key});
      std::string why;
      tls_.push_back(TlsServerContext::make(options, why));
      if (tls_.back() == nullptr) return at(listener.tls->pairs.front().certificate_place, why);
      plan.name = "https";
      plan.tls = tls_.back().get();
    }
    if (auto error = open_listener(listener.address, listener.place, plan)) return error;
  }
  if (!config_.admin) return std::nullopt;
  return open_listener(config_.admin->address, config_.admin->place,
                       {"admin", nullptr, session_limits(h2::SessionLimits().max_concurrent_streams), true});
}

// Each worker has a socket of its own at the address; the admin pages need but one.
std::optional<std::string> Server::open_listener(const HostPort& address, const Place& place,
                                                 const ListenerGroup::Plan& plan) {
  const Resolved resolved = resolve_now(address);
  if (resolved.addresses.empty()) return at(place, resolved.error);
  std::string why;
  if (!probe_free(resolved.addresses.front(), why)) return at(place, why);
  auto first = ListeningSocket::open(resolved.addresses.front(), why);
  if (!first) return at(place, why);
  log_->info("listener", "listening on {} ({})", first->bound_address().text, plan.name);
  if (!plan.is_admin) {
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      auto another = first->another(why);
      if (!another) return at(place, why);
      workers_[i]->listen(plan, std::move(*another));
    }
  }
  workers_.front()->listen(plan, std::move(*first));
  return std::nullopt;
}

// From a worker's thread: the workers are there as long as one of them runs.
std::size_t Server::collect(std::size_t limit, Answer answer) {
  for (const auto& worker : workers_) worker->sample(limit, answer);
  return workers_.size();
}

// ---- The way to the end ----

int Server::run() {
  const SignalWatcher on_term(loop_, SIGTERM, [this] { on_end_signal(); });
  const SignalWatcher on_int(loop_, SIGINT, [this] { on_end_signal(); });
  const SignalWatcher on_hup(loop_, SIGHUP, [this] { reload(config_, *memory_, *log_); });
  const SignalWatcher on_usr1(loop_, SIGUSR1, [this] { access_log_->reopen(); });
  Deadline drain_deadline(loop_, [this] {
    end_now("drain took too long");
  });
  drain_deadline_ = &drain_deadline;
  for (const auto& worker : workers_) worker->start();
  loop_.run();
  for (const auto& worker : workers_) worker->join();
  workers_.clear();
  assert(all_gauges_are_zero());  // rule 10
  log_->info("server", "ended");
  return exit_code_;
}

bool Server::all_gauges_are_zero() const {
  const auto gauges = stats_.snapshot().metrics;
  return std::ranges::all_of(gauges, [](const Metric& metric) {
    return metric.type != MetricType::gauge || std::ranges::all_of(metric.values, [](auto value) { return value == 0; });
  });
}

void Server::on_end_signal() {
  if (draining_) return end_now("ended by a second signal");
  draining_ = true;
  log_->info("server", "draining");
  drain_deadline_->set(config_.timeouts.drain);
  for (const auto& worker : workers_) worker->drain();
}

// The admin's pages answer until every worker is drained.
void Server::on_drained() {
  if (++drained_ < workers_.size()) return;
  for (const auto& worker : workers_) worker->finish();
  loop_.stop();
}

void Server::end_now(std::string_view reason) {
  exit_code_ = 1;
  log_->warning("server", "{}: {} exchanges are cut short", reason, stats_.snapshot().value("exchanges_active"));
  for (const auto& worker : workers_) worker->terminate(std::string(reason));
  loop_.stop();
}

}  // namespace gateway
