#include "gateway/config_quick.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "gateway/config_check.h"
#include "gateway/config_reader.h"
#include "gateway/config_values.h"

namespace gateway {

namespace {

struct Scheme {
  std::string_view name;
  std::string_view port;  // when the URL has none
};
constexpr std::array kFront{Scheme{"https", "443"}, Scheme{"h2c", "80"}};
constexpr std::array kBehind{Scheme{"http", "80"}, Scheme{"h2c", "80"}, Scheme{"https", "443"}};

struct Target {
  std::string_view scheme;
  std::string text;  // "127.0.0.1:8080"
  HostPort address;
};

std::optional<Target> parse_target(const std::string& url, const Place& place,
                                   std::span<const Scheme> schemes, Mistakes& mistakes) {
  const auto colon = url.find("://");
  const auto scheme = std::find_if(schemes.begin(), schemes.end(), [&](const Scheme& candidate) {
    return colon != std::string::npos && candidate.name == std::string_view(url).substr(0, colon);
  });
  if (scheme == schemes.end()) {
    std::vector<std::string_view> names;
    for (const Scheme& candidate : schemes) names.push_back(candidate.name);
    mistakes.error(
        place, fmt::format("\"{}\" has not one of the schemes {}; write it like \"{}://127.0.0.1:8080\"", url,
                           one_of(names), names.front()));
    return std::nullopt;
  }
  std::string text = url.substr(colon + 3);
  if (text.ends_with('/')) text.pop_back();
  if (const auto slash = text.find('/'); slash != std::string::npos) {
    mistakes.error(
        place, fmt::format("\"{}\" has a path; write \"{}\", paths are routed in a configuration file", url,
                           url.substr(0, colon + 3 + slash)));
    return std::nullopt;
  }
  const auto last_colon = text.rfind(':');
  const bool has_port = last_colon != std::string::npos && text.find(']', last_colon) == std::string::npos;
  if (!has_port) text += fmt::format(":{}", scheme->port);
  std::string why;
  auto address = parse_host_port(text, why);
  if (!address) {
    mistakes.error(place, why);
    return std::nullopt;
  }
  return Target{scheme->name, std::move(text), std::move(*address)};
}

void set_listener(const QuickOptions& options, Config& config, Mistakes& mistakes) {
  const Place place{"--listen"};
  auto target = parse_target(options.listen, place, kFront, mistakes);
  if (!target) return;
  if (!numeric_address(target->address)) {
    mistakes.error(place, fmt::format("\"{}\" is a name; write an IP address, like \"{}://127.0.0.1:{}\"",
                                      target->address.host, target->scheme, target->address.port));
    return;
  }
  ListenerConfig listener{target->text, target->address, place, std::nullopt};
  const bool any = !options.certificate.empty() || !options.key.empty();
  const bool both = !options.certificate.empty() && !options.key.empty();
  if (target->scheme == "https" && !both) {
    mistakes.error(place,
                   "https needs a certificate and its key; add --certificate FILE --key FILE "
                   "(certs/make_certs.sh makes a pair for localhost), or listen with h2c://");
  } else if (target->scheme == "h2c" && any) {
    mistakes.error(
        place,
        "h2c is cleartext and has no certificate; leave out --certificate and --key, or listen with "
        "https://");
  } else if (both) {
    const std::string here = std::filesystem::current_path().string();
    listener.tls =
        TlsServerConfig{{{absolute_path(options.certificate, here), absolute_path(options.key, here),
                          Place{"--certificate"}, Place{"--key"}}}};
  }
  config.listeners.push_back(std::move(listener));
}

void set_cluster(const QuickOptions& options, Config& config, Mistakes& mistakes) {
  const Place place{"--to"};
  ClusterConfig cluster;
  cluster.name = "app";
  cluster.place = place;
  std::string_view scheme;
  for (const std::string& url : options.to) {
    auto target = parse_target(url, place, kBehind, mistakes);
    if (!target) continue;
    if (!scheme.empty() && target->scheme != scheme) {
      mistakes.error(place,
                     fmt::format("\"{}\" differs from the others in its scheme, {}; use one scheme, or a "
                                 "configuration file",
                                 url, scheme));
    }
    scheme = target->scheme;
    if (target->address.port == 0) {
      mistakes.error(place, fmt::format("\"{}\" has port 0; name the port, from 1 to 65535", url));
    }
    cluster.endpoints.push_back({std::move(target->text), std::move(target->address), place});
  }
  cluster.protocol = scheme == "http" ? Protocol::http1 : Protocol::h2;
  if (scheme == "https") cluster.tls = TlsClientConfig{};
  cluster.max_connections = default_max_connections(cluster.protocol);
  cluster.keep_alive = default_keep_alive(cluster.protocol);
  config.clusters.push_back(std::move(cluster));
  config.routes.push_back({.cluster = "app", .place = place, .cluster_place = place});
}

}  // namespace

LoadedConfig quick_config(const QuickOptions& options) {
  LoadedConfig result;
  Config config;
  config.source = "command line";
  config.workers = default_workers();
  set_listener(options, config, result.mistakes);
  set_cluster(options, config, result.mistakes);
  check_config(config, result.mistakes);
  if (!result.mistakes.has_errors()) result.config = std::move(config);
  return result;
}

}  // namespace gateway
