#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/access_log.h"
#include "gateway/config.h"
#include "gateway/log.h"
#include "gateway/memory_keeper.h"
#include "gateway/router.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

namespace gateway {

/// The process: what the workers share, the workers, and the signals. Confined to the main thread.
///
/// SIGTERM or SIGINT drains: listeners close, clients get GOAWAY, accepted requests are answered, for `timeouts.drain` at most.
/// The second one ends at once. SIGHUP reads the configuration again, see reload(). SIGUSR1 opens the access log's file again.
class Server final : private StreamCollector {
 public:
  /// REQUIRES: check_config() found nothing wrong.
  explicit Server(Config config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Opens everything. On failure the reason, with its place in the configuration ("FILE:LINE:COLUMN: ...").
  std::optional<std::string> start();
  /// Serves until a signal ends it. The exit code: 0 if every accepted request was answered, else 1.
  int run();

 private:
  std::optional<std::string> open_logs();
  std::optional<std::string> plan_clusters();
  std::optional<std::string> open_listeners();
  std::optional<std::string> open_listener(const HostPort& address, const Place& place, const ListenerGroup::Plan& plan);
  void make_workers();
  h2::SessionLimits session_limits(std::uint32_t max_streams) const;
  void on_end_signal();
  void on_drained();
  std::size_t collect(std::size_t limit, Answer answer) override;
  bool all_gauges_are_zero() const;
  void end_now(std::string_view reason);

  const Config config_;
  EventLoop loop_;  // signals, and what the workers report
  std::unique_ptr<Log> log_;
  std::unique_ptr<AccessLog> access_log_;
  std::unique_ptr<pool::BufferPool> pool_;
  Stats stats_;
  Admission admission_;
  std::optional<MemoryKeeper> memory_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<AdminContext> admin_context_;
  Router router_;
  Resolver resolver_;
  std::vector<std::unique_ptr<TlsServerContext>> tls_;
  std::vector<ClusterPlan> clusters_;
  std::optional<WorkerPlan> plan_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Deadline* drain_deadline_ = nullptr;  // while run() runs
  std::size_t drained_ = 0;
  int exit_code_ = 0;
};

}  // namespace gateway
