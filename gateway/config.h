#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client_protocols.h"
#include "gateway/config_mistake.h"
#include "gateway/keep_alive_limits.h"
#include "gateway/log.h"
#include "gateway/net/address.h"
#include "gateway/net/network.h"
#include "gateway/net/proxy_header.h"
#include "h2/settings.h"
#include "pool/shortage.h"

namespace gateway {

// What a gateway is told to be. Plain values with the defaults of conf/README.md; every path is absolute.
// Read from a file by load_config() or built from the command line by quick_config(), then checked by
// check_config(): what has passed that keeps to the bounds. Constructors get the part that they need, never
// the whole.

struct MemoryConfig {
  std::uint64_t budget = 256ULL << 20;  // bytes
  std::size_t block_size = 16 * 1024;   // bytes
  std::size_t blocks = 8192;            // the cap on blocks; blocks * block_size <= budget
  pool::Shortage shortage;              // for tests
};

/// One certificate chain and its key, both PEM files.
struct KeyPairConfig {
  std::string certificate;
  std::string key;
  Place certificate_place;
  Place key_place;
};

struct TlsServerConfig {
  std::vector<KeyPairConfig> pairs;  // at least one, with keys of different kinds if several
};

struct ListenerConfig {
  std::string text;  // the address as it was written
  HostPort address;
  Place place;                         // of the address
  std::optional<TlsServerConfig> tls;  // none: cleartext
  ClientProtocols protocols{};
  std::uint32_t max_concurrent_streams = 256;
  bool proxy_protocol = false;   // each connection begins with a PROXY header
  std::vector<Network> trusted = {};  // who may send one; on a unix socket everybody who may connect
  KeepAliveLimits keep_alive = {};
};

enum class Protocol : std::uint8_t { http1, h2, demo };
std::string_view to_string(Protocol protocol);
enum class Policy : std::uint8_t { round_robin, least_requests };
std::string_view to_string(Policy policy);

/// TLS towards a backend.
struct TlsClientConfig {
  std::string ca;           // a PEM file of trusted certificates; "": the system's store
  std::string server_name;  // for SNI and verification; "": the endpoint's host
  bool verify = true;
  Place ca_place;
};

struct EndpointConfig {
  std::string text;  // as it was written, for logs
  HostPort address;
  Place place;
};

/// Active health checks of a cluster's endpoints.
struct HealthConfig {
  std::string path = "/";
  std::chrono::milliseconds interval{std::chrono::seconds(5)};  // from one check's begin to the next one's
  std::chrono::milliseconds timeout{std::chrono::seconds(2)};   // for the whole response; at most the interval
  unsigned healthy = 2;                                         // good checks in a row that bring an endpoint back
  unsigned unhealthy = 3;                                       // failed ones in a row that take it out
  std::string host;                                             // :authority; "": the endpoint as it was written
};

struct ClusterConfig {
  std::string name;
  Protocol protocol = Protocol::http1;
  std::optional<TlsClientConfig> tls;  // none: cleartext
  std::vector<EndpointConfig> endpoints;
  Policy policy = Policy::round_robin;
  std::size_t max_connections = 0;  // of one worker to one endpoint
  std::optional<HealthConfig> health;  // none: no active checks
  ProxyVersion proxy_protocol = ProxyVersion::none;  // the header that each connection begins with
  KeepAliveLimits keep_alive = {};
  Place place;                      // of the name
};
/// What max_connections is when it is not set.
std::size_t default_max_connections(Protocol protocol);
/// What keep_alive is where nothing is set.
KeepAliveLimits default_keep_alive(Protocol protocol);

struct RouteConfig {
  std::string host = "*";  // "*", "*.example.com" or a name; compared without letter case
  std::string path = "/";  // a prefix, on segment borders
  std::string cluster;
  bool websocket = false;  // whether tunnels are let through
  Place place;          // of the route
  Place cluster_place;  // of the cluster's name
};

/// Zero means never where conf/README.md allows "0s".
struct TimeoutsConfig {
  std::chrono::milliseconds tls_handshake{std::chrono::seconds(10)};
  std::chrono::milliseconds request_header{std::chrono::seconds(10)};
  std::chrono::milliseconds connect{std::chrono::seconds(3)};
  std::chrono::milliseconds response_header{std::chrono::seconds(30)};
  std::chrono::milliseconds stream_idle{std::chrono::seconds(60)};
  std::chrono::milliseconds tunnel_idle{std::chrono::minutes(5)};
  std::chrono::milliseconds connection_idle{std::chrono::minutes(5)};
  std::chrono::milliseconds stall{std::chrono::seconds(10)};
  std::chrono::milliseconds drain{std::chrono::seconds(30)};
};

/// What a peer is borne with, on connections of clients and of backends.
struct LimitsConfig {
  std::size_t max_header_bytes = 64 * 1024;  // of one header list, 32 bytes a field included
  std::size_t max_header_fields = 200;       // of one header list, cookie crumbs included
  h2::AbuseLimits abuse;
};

struct AdminConfig {
  std::string text;  // the address as it was written
  HostPort address;
  Place place;  // of the address
};

struct LogConfig {
  std::string access = "stdout";  // "off", "stdout", or a file's absolute path
  LogLevel level = LogLevel::info;
  Place access_place;
};

struct Config {
  std::string source;  // the file's name, or "command line"
  std::string text;    // of the file as it was read; "" for the command line
  std::size_t workers = 1;
  std::chrono::milliseconds busy_poll{0};  // how long a worker looks for more before it sleeps
  MemoryConfig memory;
  std::vector<ListenerConfig> listeners;
  std::vector<ClusterConfig> clusters;
  std::vector<RouteConfig> routes;
  TimeoutsConfig timeouts;
  LimitsConfig limits;
  std::optional<AdminConfig> admin;  // none: no admin listener
  LogConfig log;
};

/// The least that is left of the budget for what is not blocks: a few connections.
inline constexpr std::uint64_t kLeastBesideBlocks = 256 * 1024;

/// One for each core that this process may use, within the bounds.
std::size_t default_workers();
/// Half of the budget in blocks, at least one: the other half is for what goes with them (sessions, TLS,
/// heads).
std::size_t default_blocks(std::uint64_t budget, std::size_t block_size);

}  // namespace gateway
