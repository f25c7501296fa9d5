#include "gateway/stats.h"

#include <algorithm>
#include <cassert>

namespace gateway {
namespace {

constexpr std::array<std::string_view, kTimeouts> kTimeoutNames = {
    "tls_handshake", "request_header",  "connect", "response_header",
    "stream_idle",   "connection_idle", "stall",   "drain",
    "tunnel_idle"};
constexpr std::array<std::string_view, 2> kLookNames = {"in_time", "in_vain"};
constexpr std::array<std::string_view, kCheckResults> kCheckNames = {"ok", "failed", "inconclusive"};
constexpr std::array<std::string_view, kEvictions> kEvictionNames = {
    "request", "response", "connection", "request_early", "response_early", "connection_early"};
constexpr std::array<std::string_view, kProxyRefusals> kProxyRefusalNames = {"untrusted", "malformed", "late"};
constexpr std::array<std::string_view, kRetirements> kRetirementNames = {"ping", "max_age", "max_requests"};
constexpr std::array<std::string_view, 5> kStatusClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};

/// Names of h2::Abuse, without `none`.
std::span<const std::string_view> abuse_names() {
  static const auto names = [] {
    std::array<std::string_view, h2::kAbuses - 1> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = h2::to_string(static_cast<h2::Abuse>(i + 1));
    return all;
  }();
  return names;
}

using Read = std::int64_t (*)(const WorkerStats& worker, std::size_t i);

template <auto kMember, std::size_t kFirst = 0>
std::int64_t read(const WorkerStats& worker, [[maybe_unused]] std::size_t i) {
  const auto& member = worker.*kMember;
  if constexpr (requires { member[i]; }) {
    return static_cast<std::int64_t>(member[i + kFirst].value());
  } else {
    return static_cast<std::int64_t>(member.value());
  }
}

struct Row {
  std::string_view name;
  std::string_view help;
  MetricType type;
  Read read;
  std::string_view label = {};
  std::span<const std::string_view> label_values = {};
};

std::span<const Row> table() {
  using enum MetricType;
  using W = WorkerStats;
  static const Row rows[] = {
      {"connections_accepted", "Client connections accepted.", counter, read<&W::connections_accepted>},
      {"connections_open", "Client connections open now.", gauge, read<&W::connections_open>},
      {"connections_retired", "Client connections that keep_alive ended, by what of it.", counter,
       read<&W::connections_retired>, "reason", kRetirementNames},
      {"handshakes_failed", "TLS handshakes with clients that failed.", counter, read<&W::handshakes_failed>},
      {"proxy_refusals", "Connections closed for want of a PROXY header from a trusted sender, by reason.", counter,
       read<&W::proxy_refusals>, "reason", kProxyRefusalNames},
      {"requests", "Requests received.", counter, read<&W::requests>},
      {"responses", "Response heads sent to clients, by class of status.", counter, read<&W::responses>,
       "class", kStatusClasses},
      {"resets_received", "RST_STREAM received from clients.", counter, read<&W::resets_received>},
      {"resets_sent", "RST_STREAM sent to clients.", counter, read<&W::resets_sent>},
      {"exchanges_active", "Exchanges under way.", gauge, read<&W::exchanges_active>},
      {"bytes_in", "Body bytes received from clients.", counter, read<&W::bytes_in>},
      {"bytes_out", "Body bytes sent to clients.", counter, read<&W::bytes_out>},
      {"streams_refused", "Streams refused for lack of memory (REFUSED_STREAM).", counter, read<&W::streams_refused>},
      {"accept_pauses", "Times that a listener of a worker ceased to accept for lack of memory.", counter,
       read<&W::accept_pauses>},
      {"upstream_waits", "Connections to endpoints that were put off for lack of memory.", counter,
       read<&W::upstream_waits>},
      {"sections_refused", "Trailers, and header sections of responses, not taken for lack of memory.", counter,
       read<&W::sections_refused>},
      {"headers_cut", "Connections ended within a header section for lack of memory.", counter, read<&W::headers_cut>},
      {"retries", "Exchanges that went to a second backend.", counter, read<&W::retries>},
      {"upstream_connections_opened", "Connections to endpoints opened.", counter,
       read<&W::upstream_connections_opened>},
      {"upstream_connections_open", "Connections to endpoints open now.", gauge,
       read<&W::upstream_connections_open>},
      {"upstream_connections_failed", "Connections to endpoints that could not be opened.", counter,
       read<&W::upstream_connections_failed>},
      {"upstream_connections_retired", "Connections to endpoints that keep_alive ended, by what of it.", counter,
       read<&W::upstream_connections_retired>, "reason", kRetirementNames},
      {"upstream_requests_active", "Requests at endpoints that are not answered yet.", gauge,
       read<&W::upstream_requests_active>},
      {"upstream_looks", "Answers of endpoints that were looked for instead of sleeping, by how that ended.", counter,
       read<&W::upstream_looks>, "result", kLookNames},
      {"timeouts", "Deadlines that passed, by kind.", counter, read<&W::timeouts>, "kind", kTimeoutNames},
      {"evictions", "Who lost its blocks because it made no progress while others waited, by what it was.", counter,
       read<&W::evictions>, "kind", kEvictionNames},
      {"abuse_kills", "Connections ended because of what their peer did, by reason.", counter,
       read<&W::abuse_kills, 1>, "reason", abuse_names()},
      {"local_replies", "Errors that the gateway answered itself, by class of status.", counter,
       read<&W::local_replies>, "class", kStatusClasses},
      {"access_log_dropped", "Lines that the access log had no place for.", counter,
       read<&W::access_log_dropped>},
      {"endpoints_out", "Times that an endpoint was left out because connects to it failed.", counter,
       read<&W::endpoints_out>},
      {"health_checks", "Health checks of endpoints, by result.", counter, read<&W::health_checks>, "result",
       kCheckNames},
  };
  return rows;
}

}  // namespace

std::string_view to_string(Timeout timeout) {
  return kTimeoutNames[static_cast<std::size_t>(timeout)];
}

std::int64_t StatsSnapshot::value(std::string_view name, std::string_view label_value) const {
  const auto metric = std::ranges::find(metrics, name, &Metric::name);
  assert(metric != metrics.end());
  if (label_value.empty()) return metric->values.front();
  const auto label = std::ranges::find(metric->label_values, label_value);
  assert(label != metric->label_values.end());
  return metric->values[static_cast<std::size_t>(label - metric->label_values.begin())];
}

StatsSnapshot Stats::snapshot() const {
  StatsSnapshot snapshot;
  for (const Row& row : table()) {
    Metric metric{row.name, row.help, row.type, row.label, row.label_values, {}};
    metric.values.resize(row.label.empty() ? 1 : row.label_values.size());
    for (std::size_t i = 0; i < metric.values.size(); ++i) {
      for (std::size_t w = 0; w < size_; ++w) metric.values[i] += row.read(workers_[w], i);
    }
    snapshot.metrics.push_back(std::move(metric));
  }
  return snapshot;
}

}  // namespace gateway
