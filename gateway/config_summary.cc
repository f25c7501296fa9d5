#include "gateway/config_summary.h"

#include <fmt/format.h>

#include <iterator>

#include "gateway/admission.h"
#include "gateway/config_values.h"

namespace gateway {

namespace {

std::string_view scheme(const ListenerConfig& listener) {
  return listener.tls ? "https" : "h2c";
}

std::string endpoints(const ClusterConfig& cluster) {
  std::string text;
  for (const EndpointConfig& endpoint : cluster.endpoints) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", endpoint.text);
  }
  return text;
}

std::string cluster_line(const ClusterConfig& cluster) {
  if (cluster.protocol == Protocol::demo) return "demo, built in";
  const std::string_view tls = !cluster.tls          ? ""
                               : cluster.tls->verify ? " over TLS"
                                                     : " over TLS, not verified";
  std::string health;
  if (cluster.health) {
    health = fmt::format(", checked at {} every {}", cluster.health->path, format_duration(cluster.health->interval));
  }
  return fmt::format("{}{}, {}: {}{}", to_string(cluster.protocol), tls, to_string(cluster.policy),
                     endpoints(cluster), health);
}

// What the memory beside the blocks carries. Connections are not limited by number, so this is where the limit is.
std::string memory_line(const MemoryConfig& memory) {
  const std::uint64_t blocks = memory.blocks * memory.block_size;
  const std::uint64_t limit = spendable(memory.budget, blocks);
  constexpr std::uint64_t kStreams = 10;
  return fmt::format("          the other {} carry {} idle connections, or {} with {} streams each; then accepting pauses\n",
                     format_size(memory.budget - blocks), limit / 4 * 3 / kConnectionCost,
                     limit / 16 * 15 / (kConnectionCost + kStreams * kStreamCost), kStreams);
}

}  // namespace

std::string config_summary(const Config& config) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "workers   {}", config.workers);
  if (config.busy_poll.count() != 0) {
    fmt::format_to(out, ", which look for more for {} before they sleep", format_duration(config.busy_poll));
  }
  text += '\n';
  const MemoryConfig& memory = config.memory;
  fmt::format_to(out, "memory    budget {}, of it up to {} in {} blocks of {}\n", format_size(memory.budget),
                 format_size(memory.blocks * memory.block_size), memory.blocks,
                 format_size(memory.block_size));
  text += memory_line(memory);
  for (const ListenerConfig& listener : config.listeners) {
    fmt::format_to(out, "listener  {}://{}, {} streams a connection\n", scheme(listener), listener.text,
                   listener.max_concurrent_streams);
  }
  for (const ClusterConfig& cluster : config.clusters) {
    fmt::format_to(out, "cluster   {}: {}\n", cluster.name, cluster_line(cluster));
  }
  for (const RouteConfig& route : config.routes) {
    fmt::format_to(out, "route     {}{} to {}{}\n", route.host, route.path, route.cluster,
                   route.websocket ? ", with WebSocket" : "");
  }
  fmt::format_to(out, "admin     {}\n", config.admin ? config.admin->text : "off");
  return text;
}

}  // namespace gateway
