#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gateway/upstream/endpoint_health.h"
#include "h2/session.h"

namespace gateway {

/// A figure that only grows. One thread writes; any thread reads.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A figure that grows and shrinks. One thread writes; any thread reads.
class Gauge {
 public:
  void add(std::int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::int64_t n = 1) { add(-n); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// The deadlines of the configuration's [timeouts]; also the index of a counter.
enum class Timeout : std::uint8_t {
  tls_handshake,
  request_header,
  connect,
  response_header,
  stream_idle,
  connection_idle,
  stall,
  drain,
  tunnel_idle
};
inline constexpr std::size_t kTimeouts = 9;
/// The key in [timeouts]: "tls_handshake", ...
std::string_view to_string(Timeout timeout);

/// Who lost its blocks because it made no progress while others waited (rule 8), after timeouts.stall; early: sooner, because slow
/// peers held most of the blocks together. Also the index of a counter.
enum class Eviction : std::uint8_t { request, response, connection, request_early, response_early, connection_early };
inline constexpr std::size_t kEvictions = 6;

/// Why a connection was closed that had to begin with a PROXY header; also the index of a counter.
enum class ProxyRefusal : std::uint8_t { untrusted, malformed, late };
inline constexpr std::size_t kProxyRefusals = 3;

/// Which of a connection's KeepAliveLimits ended it, or its use; also the index of a counter.
enum class Retirement : std::uint8_t { ping, max_age, max_requests };
inline constexpr std::size_t kRetirements = 3;
using Retirements = std::array<Counter, kRetirements>;

/// What one worker counts. Its thread writes, any thread reads. A new figure is a member here and a line in
/// the table of stats.cc, which every page is made from.
struct alignas(64) WorkerStats {
  using ByStatusClass = std::array<Counter, 5>;  // 1xx to 5xx

  Counter connections_accepted;
  Gauge connections_open;
  Retirements connections_retired;
  Counter handshakes_failed;
  std::array<Counter, kProxyRefusals> proxy_refusals;
  Counter requests;
  ByStatusClass responses;
  Counter resets_received;
  Counter resets_sent;
  Gauge exchanges_active;
  Counter bytes_in;
  Counter bytes_out;
  Counter retries;
  Counter streams_refused;       // for lack of memory, like the following
  Counter accept_pauses;
  Counter upstream_waits;
  Counter sections_refused;
  Counter headers_cut;
  Counter upstream_connections_opened;
  Gauge upstream_connections_open;
  Counter upstream_connections_failed;
  Retirements upstream_connections_retired;
  Gauge upstream_requests_active;
  std::array<Counter, 2> upstream_looks;  // in time, in vain
  std::array<Counter, kTimeouts> timeouts;
  std::array<Counter, kEvictions> evictions;
  std::array<Counter, h2::kAbuses> abuse_kills;
  ByStatusClass local_replies;
  Counter access_log_dropped;
  Counter endpoints_out;
  std::array<Counter, kCheckResults> health_checks;

  void count_response(int status) { count(responses, status); }
  void count_local_reply(int status) { count(local_replies, status); }
  void count_check(CheckResult result) { health_checks[static_cast<std::size_t>(result)].add(); }
  void count_look(bool in_time) { upstream_looks[in_time ? 0 : 1].add(); }
  void count_timeout(Timeout timeout) { timeouts[static_cast<std::size_t>(timeout)].add(); }
  void count_eviction(Eviction kind) { evictions[static_cast<std::size_t>(kind)].add(); }
  void count_proxy_refusal(ProxyRefusal why) { proxy_refusals[static_cast<std::size_t>(why)].add(); }
  void count_abuse(h2::Abuse abuse) { abuse_kills[static_cast<std::size_t>(abuse)].add(); }

 private:
  static void count(ByStatusClass& counters, int status) {
    if (status >= 100 && status <= 599) counters[static_cast<std::size_t>(status / 100 - 1)].add();
  }
};

enum class MetricType : std::uint8_t { counter, gauge };

/// A figure, or several under one name that a label tells apart; what the pages print. Its texts are
/// constants.
struct Metric {
  std::string_view name;  // snake_case, without prefix or "_total"
  std::string_view help;
  MetricType type;
  std::string_view label;                          // "" for a single value
  std::span<const std::string_view> label_values;  // as many as values when there is a label
  std::vector<std::int64_t> values;
};

/// The sums over all workers at about one moment.
struct StatsSnapshot {
  std::vector<Metric> metrics;
  /// REQUIRES: there is such a metric, with such a label value if any is given.
  std::int64_t value(std::string_view name, std::string_view label_value = {}) const;
};

/// The counters of all workers. Any thread may take a snapshot.
class Stats {
 public:
  explicit Stats(std::size_t workers) : workers_(std::make_unique<WorkerStats[]>(workers)), size_(workers) {}

  std::size_t workers() const { return size_; }
  /// REQUIRES: index < workers(); only that worker's thread writes to it.
  WorkerStats& worker(std::size_t index) { return workers_[index]; }
  const WorkerStats& worker(std::size_t index) const { return workers_[index]; }
  StatsSnapshot snapshot() const;

 private:
  std::unique_ptr<WorkerStats[]> workers_;
  std::size_t size_;
};

}  // namespace gateway
