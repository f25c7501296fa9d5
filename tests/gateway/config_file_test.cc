// What a good configuration becomes: defaults, every key, paths.

#include "gateway/config_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "gateway/config_summary.h"

namespace gateway {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

Config read(std::string_view text, const std::string& file = "/conf/g.toml") {
  LoadedConfig loaded = read_config(text, file);
  for (const Mistake& mistake : loaded.mistakes.all()) {
    EXPECT_EQ(mistake.severity, Mistake::Severity::warning) << mistake.to_string();
  }
  EXPECT_TRUE(loaded.config);
  return loaded.config.value_or(Config{});
}

constexpr std::string_view kLeast = R"(
[[listener]]
address = "127.0.0.1:8443"
[[cluster]]
name = "app"
endpoints = ["127.0.0.1:8080"]
[[route]]
cluster = "app"
)";

TEST(ConfigFile, HasTheDefaultsOfTheReference) {
  const Config config = read(kLeast);
  EXPECT_EQ(config.source, "/conf/g.toml");
  EXPECT_EQ(config.workers, default_workers());
  EXPECT_EQ(config.busy_poll, milliseconds(0));
  EXPECT_EQ(config.memory.budget, 256U << 20);
  EXPECT_EQ(config.memory.block_size, 16'384U);
  EXPECT_EQ(config.memory.blocks, 8'192U);
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_FALSE(config.listeners[0].tls);
  EXPECT_EQ(config.listeners[0].max_concurrent_streams, 256U);
  ASSERT_EQ(config.clusters.size(), 1U);
  EXPECT_EQ(config.clusters[0].protocol, Protocol::http1);
  EXPECT_EQ(config.clusters[0].policy, Policy::round_robin);
  EXPECT_EQ(config.clusters[0].max_connections, 256U);
  EXPECT_FALSE(config.clusters[0].tls);
  ASSERT_EQ(config.routes.size(), 1U);
  EXPECT_EQ(config.routes[0].host, "*");
  EXPECT_EQ(config.routes[0].path, "/");
  EXPECT_EQ(config.timeouts.tls_handshake, milliseconds(10'000));
  EXPECT_EQ(config.timeouts.request_header, milliseconds(10'000));
  EXPECT_EQ(config.timeouts.connect, milliseconds(3'000));
  EXPECT_EQ(config.timeouts.response_header, milliseconds(30'000));
  EXPECT_EQ(config.timeouts.stream_idle, milliseconds(60'000));
  EXPECT_EQ(config.timeouts.connection_idle, milliseconds(300'000));
  EXPECT_EQ(config.timeouts.stall, milliseconds(10'000));
  EXPECT_EQ(config.timeouts.drain, milliseconds(30'000));
  EXPECT_EQ(config.limits.max_header_bytes, 65'536U);
  EXPECT_EQ(config.limits.max_header_fields, 200U);
  EXPECT_EQ(config.limits.abuse.resets_per_second, h2::AbuseLimits{}.resets_per_second);
  EXPECT_FALSE(config.admin);
  EXPECT_EQ(config.log.access, "stdout");
  EXPECT_EQ(config.log.level, LogLevel::info);
}

TEST(ConfigFile, ReadsWhoIsServedAndByWhom) {
  const Config config = read(R"(
workers = 3
busy_poll = "2ms"
[[listener]]
address = "[::1]:0"
max_concurrent_streams = 17
[[listener]]
address = "unix:run/g.sock"
[[cluster]]
name = "app"
protocol = "h2"
tls = { server_name = "app.internal" }
endpoints = ["app.internal:8080", "[::1]:81", "unix:/run/app.sock"]
policy = "least_requests"
max_connections = 5
[[cluster]]
name = "built-in_1.x"
protocol = "demo"
[[route]]
host = "*.example.com"
path = "/a"
cluster = "app"
[[route]]
cluster = "built-in_1.x"
[admin]
address = "127.0.0.1:9901"
)");
  EXPECT_EQ(config.workers, 3U);
  EXPECT_EQ(config.busy_poll, milliseconds(2));
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.listeners[0].address, (HostPort{"::1", 0, false}));
  EXPECT_EQ(config.listeners[0].max_concurrent_streams, 17U);
  EXPECT_EQ(config.listeners[0].place.to_string(), "/conf/g.toml:5:11");
  EXPECT_EQ(config.listeners[1].address, (HostPort{"/conf/run/g.sock", 0, true}));
  ASSERT_EQ(config.clusters.size(), 2U);
  const ClusterConfig& app = config.clusters[0];
  EXPECT_EQ(app.protocol, Protocol::h2);
  ASSERT_TRUE(app.tls);
  EXPECT_EQ(app.tls->server_name, "app.internal");
  EXPECT_EQ(app.tls->ca, "");
  EXPECT_TRUE(app.tls->verify);
  EXPECT_EQ(app.policy, Policy::least_requests);
  EXPECT_EQ(app.max_connections, 5U);
  ASSERT_EQ(app.endpoints.size(), 3U);
  EXPECT_EQ(app.endpoints[0].text, "app.internal:8080");
  EXPECT_EQ(app.endpoints[0].address, (HostPort{"app.internal", 8080, false}));
  EXPECT_EQ(app.endpoints[1].address, (HostPort{"::1", 81, false}));
  EXPECT_EQ(app.endpoints[2].address, (HostPort{"/run/app.sock", 0, true}));
  EXPECT_EQ(config.clusters[1].protocol, Protocol::demo);
  EXPECT_TRUE(config.clusters[1].endpoints.empty());
  ASSERT_EQ(config.routes.size(), 2U);
  EXPECT_EQ(config.routes[0].host, "*.example.com");
  EXPECT_EQ(config.routes[0].path, "/a");
  EXPECT_EQ(config.routes[0].cluster, "app");
  ASSERT_TRUE(config.admin);
  EXPECT_EQ(config.admin->address.port, 9901);
}

TEST(ConfigFile, ReadsEachNumberIntoItsOwnPlace) {
  const Config config = read(std::string(kLeast) + R"(
[memory]
budget = "1GiB"
block_size = 5120
blocks = 7
[timeouts]
tls_handshake = "1ms"
request_header = "2ms"
connect = "3ms"
response_header = "4ms"
stream_idle = "0s"
connection_idle = "6ms"
stall = "7m"
drain = "8h"
[limits]
max_header_bytes = "9KiB"
max_header_fields = 10
resets_per_second = 11
provoked_resets_per_second = 12
pings_per_second = 13
settings_per_second = 14
empty_frames_per_second = 15
window_updates_per_second = 16
continuations = 17
[log]
access = "off"
level = "warning"
)");
  EXPECT_EQ(config.memory.budget, 1U << 30);
  EXPECT_EQ(config.memory.block_size, 5'120U);
  EXPECT_EQ(config.memory.blocks, 7U);
  EXPECT_EQ(config.timeouts.tls_handshake, milliseconds(1));
  EXPECT_EQ(config.timeouts.request_header, milliseconds(2));
  EXPECT_EQ(config.timeouts.connect, milliseconds(3));
  EXPECT_EQ(config.timeouts.response_header, milliseconds(4));
  EXPECT_EQ(config.timeouts.stream_idle, milliseconds(0));
  EXPECT_EQ(config.timeouts.connection_idle, milliseconds(6));
  EXPECT_EQ(config.timeouts.stall, std::chrono::minutes(7));
  EXPECT_EQ(config.timeouts.drain, std::chrono::hours(8));
  EXPECT_EQ(config.limits.max_header_bytes, 9'216U);
  EXPECT_EQ(config.limits.max_header_fields, 10U);
  const h2::AbuseLimits& abuse = config.limits.abuse;
  EXPECT_EQ(abuse.resets_per_second, 11U);
  EXPECT_EQ(abuse.provoked_resets_per_second, 12U);
  EXPECT_EQ(abuse.pings_per_second, 13U);
  EXPECT_EQ(abuse.settings_per_second, 14U);
  EXPECT_EQ(abuse.empty_frames_per_second, 15U);
  EXPECT_EQ(abuse.window_updates_per_second, 16U);
  EXPECT_EQ(abuse.continuations, 17U);
  EXPECT_EQ(config.log.access, "off");
  EXPECT_EQ(config.log.level, LogLevel::warning);
}

TEST(ConfigFile, BlocksFollowTheBudget) {
  const auto blocks = [](std::string_view memory) {
    return read(std::string(kLeast) + "[memory]\n" + std::string(memory)).memory.blocks;
  };
  EXPECT_EQ(blocks("budget = \"64MiB\""), 2'048U);
  EXPECT_EQ(blocks("block_size = \"1MiB\""), 128U);
  EXPECT_EQ(blocks("budget = \"2MiB\"\nblock_size = \"1MiB\""), 1U);
  EXPECT_EQ(blocks("budget = \"1280KiB\"\nblock_size = \"1MiB\"\nblocks = 1"), 1U);
}

TEST(ConfigFile, DefaultsOfConnectionsFollowTheProtocol) {
  EXPECT_EQ(default_max_connections(Protocol::http1), 256U);
  EXPECT_EQ(default_max_connections(Protocol::h2), 8U);
  const Config config = read(
      "[[listener]]\naddress = \"127.0.0.1:1\"\n[[cluster]]\nname = \"a\"\nprotocol = \"h2\"\n"
      "endpoints = [\"a:1\"]\n[[route]]\ncluster = \"a\"\n");
  EXPECT_EQ(config.clusters[0].max_connections, 8U);
}

TEST(ConfigFile, ADemoClusterMayHaveAnEmptyListOfEndpoints) {
  read(
      "[[listener]]\naddress = \"127.0.0.1:1\"\n[[cluster]]\nname = \"a\"\nprotocol = \"demo\"\n"
      "endpoints = []\n[[route]]\ncluster = \"a\"\n");
}

TEST(ConfigFile, PathsStartAtTheDirectoryOfTheFile) {
  const fs::path directory = fs::path(testing::TempDir()) / "config_file_paths";
  fs::create_directories(directory);
  const std::string text = std::string(kLeast) + "[log]\naccess = \"access.log\"\n";
  EXPECT_EQ(read(text, (directory / "g.toml").string()).log.access, (directory / "access.log").string());
  const fs::path before = fs::current_path();
  fs::current_path(directory);
  EXPECT_EQ(fs::path(read(text, "g.toml").log.access), fs::current_path() / "access.log");
  fs::current_path(before);
  fs::remove_all(directory);
  const std::string absolute = std::string(kLeast) + "[log]\naccess = \"/dev/null\"\n";
  EXPECT_EQ(read(absolute).log.access, "/dev/null");
}

TEST(ConfigFile, SummaryNamesWhatItMakes) {
  EXPECT_EQ(config_summary(read("workers = 1\n" + std::string(kLeast))),
            "workers   1\n"
            "memory    budget 256MiB, of it up to 128MiB in 8192 blocks of 16KiB\n"
            "          the other 128MiB carry 1792 idle connections, or 840 with 10 streams each; then accepting pauses\n"
            "listener  h2c://127.0.0.1:8443, 256 streams a connection\n"
            "cluster   app: http/1.1, round_robin: 127.0.0.1:8080\n"
            "route     */ to app\n"
            "admin     off\n");
  EXPECT_TRUE(config_summary(read("workers = 1\nbusy_poll = \"1ms\"\n" + std::string(kLeast)))
                  .starts_with("workers   1, which look for more for 1ms before they sleep\n"));
}

}  // namespace
}  // namespace gateway
