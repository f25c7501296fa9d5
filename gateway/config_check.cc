#include "gateway/config_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <utility>

#include "gateway/config_values.h"
#include "gateway/net/listener.h"
#include "gateway/net/socket.h"
#include "gateway/net/tls_context.h"
#include "gateway/router.h"

namespace gateway {

namespace {

namespace fs = std::filesystem;

// "already in FILE:3:8", or "on line 3" within the same file.
std::string back_to(const Place& first, const Place& place) {
  return first.file == place.file && first.line != 0 ? fmt::format("on line {}", first.line)
                                                     : first.to_string();
}

void check_clusters(const Config& config, Mistakes& mistakes) {
  std::map<std::string, const Place*> taken;
  for (const ClusterConfig& cluster : config.clusters) {
    if (cluster.name.empty()) continue;
    const auto [first, is_new] = taken.emplace(cluster.name, &cluster.place);
    if (is_new) continue;
    mistakes.error(cluster.place,
                   fmt::format("cluster.name \"{}\" is taken by the cluster {}; choose another name",
                               cluster.name, back_to(*first->second, cluster.place)));
  }
}

// Only of use where nothing else is wrong: a route with a mistake may have been meant for the cluster.
void warn_of_unused_clusters(const Config& config, Mistakes& mistakes) {
  if (mistakes.has_errors()) return;
  for (const ClusterConfig& cluster : config.clusters) {
    const bool used = std::any_of(config.routes.begin(), config.routes.end(),
                                  [&](const RouteConfig& route) { return route.cluster == cluster.name; });
    if (used) continue;
    mistakes.warn(cluster.place,
                  fmt::format("no route leads to cluster \"{}\"; add a [[route]] with cluster = "
                              "\"{}\", or remove the cluster",
                              cluster.name, cluster.name));
  }
}

void check_cluster_of(const RouteConfig& route, const Config& config, Mistakes& mistakes) {
  std::vector<std::string_view> names;
  for (const ClusterConfig& cluster : config.clusters) names.push_back(cluster.name);
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (route.cluster.empty() || has(route.cluster)) return;
  // A cluster whose own name, or its whole table, has a mistake may be the one that is meant.
  if (has("") || (names.empty() && mistakes.has_errors())) return;
  const std::string_view near = nearest_word(route.cluster, names);
  const std::string right = names.empty()  ? "add a [[cluster]] of that name"
                            : near.empty() ? fmt::format("the clusters are {}", fmt::join(names, ", "))
                                           : fmt::format("did you mean \"{}\"?", near);
  mistakes.error(route.cluster_place,
                 fmt::format("route.cluster \"{}\" is unknown; {}", route.cluster, right));
}

void check_routes(const Config& config, Mistakes& mistakes) {
  std::map<std::pair<std::string, std::string>, const Place*> taken;
  for (const RouteConfig& route : config.routes) {
    check_cluster_of(route, config, mistakes);
    const auto [first, is_new] =
        taken.emplace(std::pair(Router::canonical_host(route.host), route.path), &route.place);
    if (is_new) continue;
    mistakes.error(route.place,
                   fmt::format("route for host \"{}\" and path \"{}\" stands already {}; remove one of them",
                               route.host, route.path, back_to(*first->second, route.place)));
  }
}

struct Bound {  // an address that the gateway listens on
  std::string key;
  const std::string& text;
  const HostPort& address;
  const Place& place;
};

std::vector<Bound> bound_addresses(const Config& config) {
  std::vector<Bound> all;
  for (const ListenerConfig& listener : config.listeners) {
    if (!listener.address.host.empty()) {
      all.push_back({"listener.address", listener.text, listener.address, listener.place});
    }
  }
  if (config.admin && !config.admin->address.host.empty()) {
    all.push_back({"admin.address", config.admin->text, config.admin->address, config.admin->place});
  }
  return all;
}

void check_addresses(const Config& config, Mistakes& mistakes) {
  std::map<std::string, const Place*> taken;
  for (const Bound& bound : bound_addresses(config)) {
    if (!bound.address.is_unix && bound.address.port == 0) continue;  // another free port each time
    const auto [first, is_new] = taken.emplace(to_string(bound.address), &bound.place);
    if (is_new) continue;
    mistakes.error(bound.place, fmt::format("{} \"{}\" is taken by the listener {}; choose another port",
                                            bound.key, bound.text, back_to(*first->second, bound.place)));
  }
}

// Notes a mistake and returns false if the file cannot be read.
bool check_readable(const std::string& file, std::string_view key, std::string_view wanted,
                    const Place& place, Mistakes& mistakes) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  int reason = fd ? 0 : errno;
  std::error_code ignored;
  if (reason == 0 && fs::is_directory(file, ignored)) reason = EISDIR;
  if (reason == 0) return true;
  mistakes.error(
      place, fmt::format("{} \"{}\" cannot be read: {}; name a PEM file with {}, relative paths start at the "
                         "configuration file's directory",
                         key, file, error_text(reason), wanted));
  return false;
}

// Takes the pairs one by one, so that the place is that of the pair at fault.
void check_key_pairs(const TlsServerConfig& tls, Mistakes& mistakes) {
  TlsServerContext::Options options;
  for (const KeyPairConfig& pair : tls.pairs) {
    const bool certificate = check_readable(pair.certificate, "listener.tls.certificate",
                                            "a certificate chain", pair.certificate_place, mistakes);
    const bool key =
        check_readable(pair.key, "listener.tls.key", "the certificate's key", pair.key_place, mistakes);
    if (!certificate || !key) continue;
    options.key_pairs.push_back({pair.certificate, pair.key});
    std::string why;
    if (TlsServerContext::make(options, why) != nullptr) continue;
    options.key_pairs.pop_back();
    const bool certificate_at_fault = why.starts_with(pair.certificate + ":");
    mistakes.error(certificate_at_fault ? pair.certificate_place : pair.key_place,
                   fmt::format("listener.tls.{}: {}; name a certificate and the key that it was made with",
                               certificate_at_fault ? "certificate" : "key", why));
  }
}

void check_authority(const TlsClientConfig& tls, Mistakes& mistakes) {
  if (tls.ca.empty() ||
      !check_readable(tls.ca, "cluster.tls.ca", "the certificates to trust", tls.ca_place, mistakes)) {
    return;
  }
  TlsClientContext::Options options;
  options.ca_file = tls.ca;
  std::string why;
  if (TlsClientContext::make(options, why) != nullptr) return;
  mistakes.error(tls.ca_place,
                 fmt::format("cluster.tls.ca: {}; name a PEM file with the certificates to trust", why));
}

void check_tls(const Config& config, Mistakes& mistakes) {
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.tls) check_key_pairs(*listener.tls, mistakes);
  }
  for (const ClusterConfig& cluster : config.clusters) {
    if (cluster.tls) check_authority(*cluster.tls, mistakes);
  }
}

void check_log(const LogConfig& log, Mistakes& mistakes) {
  if (log.access == "off" || log.access == "stdout") return;
  const fs::path directory = fs::path(log.access).parent_path();
  std::error_code ignored;
  int reason = 0;
  if (fs::is_directory(log.access, ignored)) {
    reason = EISDIR;
  } else if (::access(log.access.c_str(), F_OK) == 0) {
    reason = ::access(log.access.c_str(), W_OK) == 0 ? 0 : errno;
  } else if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    reason = errno;
  }
  if (reason == 0) return;
  mistakes.error(log.access_place,
                 fmt::format("log.access \"{}\" cannot be written: {}; name a file in a directory that "
                             "is there and may be written, \"stdout\" or \"off\"",
                             log.access, error_text(reason)));
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
  check_addresses(config, mistakes);
  check_clusters(config, mistakes);
  check_routes(config, mistakes);
  check_tls(config, mistakes);
  check_log(config.log, mistakes);
  warn_of_unused_clusters(config, mistakes);
}

void check_ports(const Config& config, Mistake::Severity severity, Mistakes& mistakes) {
  for (const Bound& bound : bound_addresses(config)) {
    const auto address = numeric_address(bound.address);
    std::string why;
    if (!address || probe_free(*address, why)) continue;
    std::string text =
        fmt::format("{}: {}; choose another address, or end the program that holds it", bound.key, why);
    if (severity == Mistake::Severity::error) {
      mistakes.error(bound.place, std::move(text));
    } else {
      mistakes.warn(bound.place, std::move(text));
    }
  }
}

}  // namespace gateway
