#include "gateway/config_keep_alive.h"

#include <string_view>

namespace gateway {
namespace {

constexpr std::int64_t kMostRequests = 1'000'000'000;

/// `no_ping`: why PING is of no use here, and what to do; "" if it is.
void read_keep_alive(TableReader& owner, std::string_view no_ping, KeepAliveLimits& limits) {
  using Zero = TableReader::Zero;
  const ConfigNode* node = owner.table("keep_alive");
  if (node == nullptr) return;
  TableReader table(owner.reading(), *node, owner.full("keep_alive"));
  const bool is_known =
      table.duration("ping_interval", Zero::means_off, limits.ping_interval) || table.ask("ping_interval") == nullptr;
  const bool has_timeout = table.duration("ping_timeout", Zero::no, limits.ping_timeout);
  const bool pings = limits.ping_interval.count() != 0;
  if (!no_ping.empty() && pings) {
    table.wrong("ping_interval", no_ping);
  } else if (is_known && has_timeout && !pings) {
    table.wrong("ping_timeout", "is of no effect without ping_interval; set that, like \"30s\", or leave this out");
  }
  table.duration("max_age", Zero::means_off, limits.max_age);
  table.integer("max_requests", 0, kMostRequests, limits.max_requests);
  table.finish();
}

}  // namespace

void read_keep_alive_listener(TableReader& table, ListenerConfig& listener) {
  const std::string_view no_ping =
      listener.protocols.h2 ? "" : "is set, but this listener does not speak \"h2\", and HTTP/1.1 has no PING; leave it out";
  read_keep_alive(table, no_ping, listener.keep_alive);
}

void read_keep_alive_cluster(TableReader& table, ClusterConfig& cluster) {
  const std::string_view no_ping =
      cluster.protocol == Protocol::http1 ? "is set, but this cluster speaks \"http/1.1\", which has no PING; leave it out" : "";
  cluster.keep_alive = default_keep_alive(cluster.protocol);
  read_keep_alive(table, no_ping, cluster.keep_alive);
}

}  // namespace gateway
