#include "gateway/config_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gateway/config_health.h"
#include "gateway/config_keep_alive.h"
#include "gateway/config_proxy.h"
#include "gateway/config_values.h"

namespace gateway {

namespace {

using Single = TableReader::Single;
using Text = TableReader::Text;

constexpr std::string_view kListenExample = "address = \"127.0.0.1:8443\"";

bool read_host_port(TableReader& table, std::string_view key, const Text& text, HostPort& out) {
  std::string why;
  auto parsed = parse_host_port(text.value, why);
  if (!parsed) {
    table.reading().mistakes.error(text.place, fmt::format("{}: {}", table.full(key), why));
    return false;
  }
  out = std::move(*parsed);
  if (out.is_unix) out.host = absolute_path(out.host, table.reading().directory);
  return true;
}

// [[key]] at least once.
void require_tables(TableReader& document, std::string_view key, std::string_view example) {
  document.require(key, example);
  const ConfigNode* node = document.ask(key);
  const auto* array = node == nullptr ? nullptr : std::get_if<ConfigNode::Array>(&node->value);
  if (array != nullptr && array->empty()) document.wrong(key, fmt::format("is empty; write {}", example));
}

// An address to listen on: of this machine, so it needs no look-up.
void read_address(TableReader& table, std::string& text, HostPort& out, Place& place) {
  place = table.place("address");
  table.require("address", kListenExample);
  if (!table.string("address", text)) return;
  HostPort address;
  if (!read_host_port(table, "address", {text, place}, address)) return;
  if (!numeric_address(address)) {
    table.wrong("address",
                address.is_unix
                    ? fmt::format("is \"{}\", too long for a unix socket; choose a shorter path", text)
                    : fmt::format("is \"{}\", but \"{}\" is a name; write an IP address, like "
                                  "\"127.0.0.1:{}\" or \"0.0.0.0:{}\"",
                                  text, address.host, address.port, address.port));
    return;
  }
  out = std::move(address);
}

std::optional<TlsServerConfig> read_server_tls(TableReader& listener) {
  const ConfigNode* node = listener.table("tls");
  if (node == nullptr) return std::nullopt;
  TableReader table(listener.reading(), *node, listener.full("tls"));
  std::vector<Text> certificates;
  std::vector<Text> keys;
  table.require("certificate", "certificate = \"localhost.crt\"");
  table.require("key", "key = \"localhost.key\"");
  const bool has_certificates = table.strings("certificate", Single::allowed, certificates);
  const bool has_keys = table.strings("key", Single::allowed, keys);
  table.finish();
  TlsServerConfig tls;
  if (!has_certificates || !has_keys) return tls;
  if (certificates.size() != keys.size() || keys.empty()) {
    table.wrong("key", fmt::format("has {} and {} has {}; each certificate needs its key, in the same order",
                                   keys.size(), table.full("certificate"), certificates.size()));
    return tls;
  }
  const std::string& directory = table.reading().directory;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    tls.pairs.push_back({absolute_path(certificates[i].value, directory),
                         absolute_path(keys[i].value, directory), certificates[i].place, keys[i].place});
  }
  return tls;
}

void read_protocols(TableReader& table, ClientProtocols& protocols) {
  std::vector<Text> names;
  if (!table.strings("protocols", Single::no, names)) return;
  protocols = {.h2 = false, .http1 = false};
  for (const Text& name : names) {
    bool& known = name.value == "h2" ? protocols.h2 : protocols.http1;
    if ((name.value != "h2" && name.value != "http/1.1") || known) {
      table.reading().mistakes.error(
          name.place, fmt::format("listener.protocols has \"{}\"; it may have \"h2\" and \"http/1.1\", each once",
                                  name.value));
    }
    known = true;
  }
  if (names.empty()) table.wrong("protocols", "is empty; name \"h2\", \"http/1.1\" or both");
}

std::optional<TlsClientConfig> read_client_tls(TableReader& cluster) {
  const ConfigNode* node = cluster.table("tls");
  if (node == nullptr) return std::nullopt;
  TableReader table(cluster.reading(), *node, cluster.full("tls"));
  TlsClientConfig tls;
  tls.ca_place = table.place("ca");
  table.path("ca", tls.ca);
  if (table.string("server_name", tls.server_name) &&
      tls.server_name.find_first_of(":/ \t[]") != std::string::npos) {
    table.wrong("server_name", fmt::format("is \"{}\"; it must be a host name without scheme or port, like "
                                           "\"app.internal\"",
                                           tls.server_name));
  }
  if (table.boolean("verify", tls.verify) && !tls.verify) {
    table.reading().mistakes.warn(
        table.place("verify"),
        fmt::format("{} is false: any certificate is accepted from these endpoints; safer: "
                    "name their authority with ca = \"FILE\"",
                    table.full("verify")));
  }
  table.finish();
  return tls;
}

void read_endpoints(TableReader& table, bool needed, ClusterConfig& cluster) {
  std::vector<Text> texts;
  if (needed) table.require("endpoints", "endpoints = [\"127.0.0.1:8080\"]");
  if (!table.strings("endpoints", Single::no, texts)) return;
  if (texts.empty() && needed) {
    table.wrong("endpoints", "is empty; name at least one, like [\"127.0.0.1:8080\"]");
  }
  for (const Text& text : texts) {
    EndpointConfig endpoint{text.value, {}, text.place};
    if (!read_host_port(table, "endpoints", text, endpoint.address)) continue;
    if (!endpoint.address.is_unix && endpoint.address.port == 0) {
      table.reading().mistakes.error(
          text.place,
          fmt::format("cluster.endpoints: \"{}\" has port 0; name the port, from 1 to 65535", text.value));
    }
    const bool twice = std::any_of(cluster.endpoints.begin(), cluster.endpoints.end(),
                                   [&](const auto& other) { return other.address == endpoint.address; });
    if (twice) {
      table.reading().mistakes.error(
          text.place,
          fmt::format("cluster.endpoints names \"{}\" twice; name each endpoint once", text.value));
    }
    cluster.endpoints.push_back(std::move(endpoint));
  }
}

// A demo cluster answers itself: what is said of its backends cannot have been meant. No endpoints are none
// all the same.
void check_demo(TableReader& table) {
  for (const std::string_view key :
       {"tls", "endpoints", "policy", "max_connections", "health", "proxy_protocol", "keep_alive"}) {
    const ConfigNode* node = table.ask(key);
    const auto* array = node == nullptr ? nullptr : std::get_if<ConfigNode::Array>(&node->value);
    if (node == nullptr || (array != nullptr && array->empty())) continue;
    table.wrong(key,
                "stands in a cluster of protocol \"demo\", which has no backends; leave it out, or use "
                "\"http/1.1\" or \"h2\"");
  }
}

void read_name(TableReader& table, ClusterConfig& cluster) {
  cluster.place = table.place("name");
  table.require("name", "name = \"app\"");
  if (!table.string("name", cluster.name)) return;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (cluster.name.size() > 64 || !std::all_of(cluster.name.begin(), cluster.name.end(), allowed)) {
    table.wrong("name", fmt::format("is \"{}\"; it must be up to 64 letters, digits, '-', '_' and '.'",
                                    cluster.name));
  }
}

ClusterConfig read_cluster(ConfigReading& reading, const ConfigNode& node) {
  TableReader table(reading, node, "cluster");
  ClusterConfig cluster;
  read_name(table, cluster);
  constexpr std::array<std::string_view, 3> kProtocols{"http/1.1", "h2", "demo"};
  constexpr std::array kProtocolValues{Protocol::http1, Protocol::h2, Protocol::demo};
  std::size_t index = 0;
  const bool known = table.choice("protocol", kProtocols, index) || table.ask("protocol") == nullptr;
  cluster.protocol = kProtocolValues[index];
  cluster.tls = read_client_tls(table);
  read_endpoints(table, known && cluster.protocol != Protocol::demo, cluster);
  constexpr std::array<std::string_view, 2> kPolicies{"round_robin", "least_requests"};
  constexpr std::array kPolicyValues{Policy::round_robin, Policy::least_requests};
  if (table.choice("policy", kPolicies, index)) cluster.policy = kPolicyValues[index];
  cluster.max_connections = default_max_connections(cluster.protocol);
  table.integer("max_connections", 1, 10'000, cluster.max_connections);
  cluster.health = read_health(table);
  read_proxy_cluster(table, cluster);
  read_keep_alive_cluster(table, cluster);
  if (cluster.protocol == Protocol::demo) check_demo(table);
  table.finish();
  return cluster;
}

// "*", "*.example.com", "example.com", "[::1]"; no port.
void check_host(TableReader& table, const std::string& host) {
  std::string_view name = host;
  if (name == "*") return;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const bool literal = name.starts_with('[') && name.ends_with(']');
  if (!name.empty() && !name.starts_with('.') &&
      name.find_first_of(literal ? "*/ \t@" : "*/ \t@:[]") == std::string_view::npos) {
    return;
  }
  table.wrong(
      "host",
      fmt::format("is \"{}\"; it must be \"*\", a name like \"example.com\" or \"*.example.com\", or an "
                  "address like \"[::1]\", without scheme or port",
                  host));
}

RouteConfig read_route(ConfigReading& reading, const ConfigNode& node) {
  TableReader table(reading, node, "route");
  RouteConfig route;
  route.place = node.place;
  if (table.string("host", route.host)) check_host(table, route.host);
  if (table.string("path", route.path)) {
    if (!route.path.starts_with('/')) {
      table.wrong("path",
                  fmt::format("is \"{0}\", which does not begin with a slash; write \"/{0}\"", route.path));
    } else if (const auto at = route.path.find_first_of("?# \t"); at != std::string::npos) {
      table.wrong("path", fmt::format("is \"{}\"; a route knows only the path, write \"{}\"", route.path,
                                      route.path.substr(0, at)));
    }
  }
  route.cluster_place = table.place("cluster");
  table.require("cluster", "cluster = \"app\", the name of a [[cluster]]");
  table.string("cluster", route.cluster);
  table.boolean("websocket", route.websocket);
  table.finish();
  return route;
}

}  // namespace

void read_listeners(TableReader& document, Config& config) {
  require_tables(document, "listener", fmt::format("[[listener]] with {}", kListenExample));
  for (const ConfigNode* node : document.tables("listener")) {
    TableReader table(document.reading(), *node, "listener");
    ListenerConfig listener;
    read_address(table, listener.text, listener.address, listener.place);
    listener.tls = read_server_tls(table);
    read_protocols(table, listener.protocols);
    table.integer("max_concurrent_streams", 1, 10'000, listener.max_concurrent_streams);
    read_proxy_listener(table, listener);
    read_keep_alive_listener(table, listener);
    table.finish();
    config.listeners.push_back(std::move(listener));
  }
}

void read_clusters(TableReader& document, Config& config) {
  for (const ConfigNode* node : document.tables("cluster")) {
    config.clusters.push_back(read_cluster(document.reading(), *node));
  }
}

void read_routes(TableReader& document, Config& config) {
  require_tables(document, "route", "[[route]] with host = \"*\", path = \"/\" and cluster = \"app\"");
  for (const ConfigNode* node : document.tables("route")) {
    config.routes.push_back(read_route(document.reading(), *node));
  }
}

void read_admin(TableReader& document, Config& config) {
  const ConfigNode* node = document.table("admin");
  if (node == nullptr) return;
  TableReader table(document.reading(), *node, "admin");
  AdminConfig admin;
  read_address(table, admin.text, admin.address, admin.place);
  table.finish();
  config.admin = std::move(admin);
}

}  // namespace gateway
