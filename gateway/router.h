#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/config.h"

namespace gateway {

/// Finds the cluster of a request, in two steps without a way back:
///
///   1. the host: a route's exact name; else the longest "*.suffix" that the name ends with (one label or
///      more in place of the star); else "*".
///   2. among the routes of that host the longest path that is a prefix of the request's path on a segment
///      border: "/a" is one of "/a", "/a/b" and "/a?x", not of "/ab".
///
/// So a host with routes of its own hides those of "*" altogether. Hosts are compared without letter case,
/// port and trailing dot; paths as they came, nothing decoded and no dot segment resolved. Immutable: any
/// thread may ask. A look-up allocates nothing and costs one hash for each label of the host and one
/// comparison for each path of the host's routes.
class Router {
 public:
  /// REQUIRES: each route's cluster is in `clusters`. Of two routes for the same host and path the first one
  /// counts.
  Router(const std::vector<RouteConfig>& routes, const std::vector<ClusterConfig>& clusters);

  struct Route {
    std::size_t cluster;  // its index in `clusters`
    bool websocket;       // tunnels may go there
  };
  /// Nothing if no route matches. `authority` with or without a port, `path` with or without a query; "*" (OPTIONS,
  /// RFC 9110 §9.3.7) goes where "/" does.
  std::optional<Route> find(std::string_view authority, std::string_view path) const;

  /// A route's host as it is compared: "Example.COM." is "example.com".
  static std::string canonical_host(std::string_view host);

 private:
  struct PathRoute {
    std::string path;
    Route route;
  };
  using PathRoutes = std::vector<PathRoute>;  // longest path first
  struct Hash {                               // of a host, letter case ignored
    using is_transparent = void;
    std::size_t operator()(std::string_view host) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  using Hosts = std::unordered_map<std::string, PathRoutes, Hash, Equal>;

  const PathRoutes& find_host(std::string_view host) const;

  Hosts exact_;
  Hosts suffixes_;  // without the star: ".example.com"
  PathRoutes any_;
};

}  // namespace gateway
