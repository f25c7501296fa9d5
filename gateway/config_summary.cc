#include "gateway/config_summary.h"

#include <fmt/format.h>

#include <iterator>

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
  return fmt::format("{}{}, {}: {}", to_string(cluster.protocol), tls, to_string(cluster.policy),
                     endpoints(cluster));
}

}  // namespace

std::string config_summary(const Config& config) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "workers   {}\n", config.workers);
  const MemoryConfig& memory = config.memory;
  fmt::format_to(out, "memory    budget {}, of it up to {} in {} blocks of {}\n", format_size(memory.budget),
                 format_size(memory.blocks * memory.block_size), memory.blocks,
                 format_size(memory.block_size));
  for (const ListenerConfig& listener : config.listeners) {
    fmt::format_to(out, "listener  {}://{}, {} streams a connection\n", scheme(listener), listener.text,
                   listener.max_concurrent_streams);
  }
  for (const ClusterConfig& cluster : config.clusters) {
    fmt::format_to(out, "cluster   {}: {}\n", cluster.name, cluster_line(cluster));
  }
  for (const RouteConfig& route : config.routes) {
    fmt::format_to(out, "route     {}{} to {}\n", route.host, route.path, route.cluster);
  }
  fmt::format_to(out, "admin     {}\n", config.admin ? config.admin->text : "off");
  return text;
}

}  // namespace gateway
