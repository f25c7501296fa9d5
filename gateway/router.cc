#include "gateway/router.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace gateway {

namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// "Example.com.:8443" is "Example.com", "[::1]:8443" is "[::1]".
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    return end == authority.npos ? authority : authority.substr(0, end + 1);
  }
  std::string_view host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool is_prefix(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

}  // namespace

std::size_t Router::Hash::operator()(std::string_view host) const {
  std::uint64_t hash =
      0xcbf29ce484222325ULL;  // FNV-1a; the table's keys are the configuration's, nobody can crowd it
  for (const char c : host) hash = (hash ^ static_cast<unsigned char>(lower(c))) * 0x100000001b3ULL;
  return static_cast<std::size_t>(hash);
}

bool Router::Equal::operator()(std::string_view a, std::string_view b) const {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string Router::canonical_host(std::string_view host) {
  std::string result(host_of(host));
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

Router::Router(const std::vector<RouteConfig>& routes, const std::vector<ClusterConfig>& clusters) {
  for (const RouteConfig& route : routes) {
    const auto cluster = std::find_if(clusters.begin(), clusters.end(), [&](const ClusterConfig& candidate) {
      return candidate.name == route.cluster;
    });
    assert(cluster != clusters.end());
    const std::string host = canonical_host(route.host);
    PathRoutes& paths = host == "*"              ? any_
                        : host.starts_with("*.") ? suffixes_[host.substr(1)]
                                                 : exact_[host];
    const auto before = std::find_if(paths.begin(), paths.end(), [&](const PathRoute& other) {
      return other.path.size() < route.path.size();
    });
    paths.insert(before, {route.path, {static_cast<std::size_t>(cluster - clusters.begin()), route.websocket}});
  }
}

const Router::PathRoutes& Router::find_host(std::string_view host) const {
  if (const auto found = exact_.find(host); found != exact_.end()) return found->second;
  constexpr std::size_t kLongestName =
      253;  // RFC 1035 §2.3.4: a longer one is no name, and costs a hash for each dot
  if (!suffixes_.empty() && host.size() <= kLongestName) {
    for (auto dot = host.find('.', 1); dot < host.size(); dot = host.find('.', dot + 1)) {
      if (const auto found = suffixes_.find(host.substr(dot)); found != suffixes_.end()) return found->second;
    }
  }
  return any_;
}

std::optional<Router::Route> Router::find(std::string_view authority, std::string_view path) const {
  path = path.substr(0, path.find('?'));
  if (path == "*") path = "/";
  for (const PathRoute& route : find_host(host_of(authority))) {
    if (is_prefix(route.path, path)) return route.route;
  }
  return std::nullopt;
}

}  // namespace gateway
