// conf/README.md, conf/gateway.toml and the reader know the same keys.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "gateway/config_file.h"
#include "gateway/config_tree.h"

namespace gateway {
namespace {

namespace fs = std::filesystem;
using Keys = std::set<std::string>;

std::string content(const fs::path& file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

std::string conf(const std::string& name) {
  return content(fs::path(GATEWAY_SOURCE_DIR) / "conf" / name);
}

Keys known_keys() {
  const auto keys = config_keys();
  return {keys.begin(), keys.end()};
}

// The first cells of the tables' rows: | `memory.budget` | …
std::vector<std::string> documented_keys() {
  const std::string text = conf("README.md");
  const std::regex row("\\n\\| `([a-z0-9_.]+)` \\|");
  std::vector<std::string> keys;
  for (std::sregex_iterator it(text.begin(), text.end(), row); it != std::sregex_iterator(); ++it) {
    keys.push_back((*it)[1].str());
  }
  return keys;
}

// How often each key is written in a document.
void count(const ConfigNode& node, const std::string& name, std::map<std::string, int>& keys) {
  if (const auto* table = std::get_if<ConfigNode::Table>(&node.value)) {
    for (const auto& entry : *table)
      count(entry.node, name.empty() ? entry.key : name + "." + entry.key, keys);
    return;
  }
  const auto* array = std::get_if<ConfigNode::Array>(&node.value);
  const bool tables =
      array != nullptr && !array->empty() && std::holds_alternative<ConfigNode::Table>(array->front().value);
  if (!tables) {
    ++keys[name];
    return;
  }
  for (const ConfigNode& element : *array) count(element, name, keys);
}

TEST(ConfigReference, TheReaderSaysWhichKeysItKnows) {
  const Keys keys = known_keys();
  EXPECT_EQ(keys.size(), 61U);
  for (const auto* key :
       {"workers", "memory.blocks", "listener.tls.certificate", "cluster.max_connections", "cluster.health.unhealthy", "route.host",
        "timeouts.drain", "limits.continuations", "admin.address", "log.level"}) {
    EXPECT_TRUE(keys.contains(key)) << key;
  }
  EXPECT_FALSE(keys.contains("memory")) << "a table is no key";
}

TEST(ConfigReference, TheReadmeHasEachKeyOnce) {
  const auto documented = documented_keys();
  EXPECT_EQ(Keys(documented.begin(), documented.end()), known_keys());
  EXPECT_EQ(documented.size(), known_keys().size());
}

TEST(ConfigReference, TheAnnotatedFileHasEachKeyOnce) {
  Mistakes mistakes;
  const auto root = parse_config_tree(conf("gateway.toml"), "gateway.toml", mistakes);
  ASSERT_TRUE(root);
  std::map<std::string, int> counts;
  count(*root, "", counts);
  Keys keys;
  for (const auto& [key, times] : counts) {
    EXPECT_EQ(times, 1) << key;
    keys.insert(key);
  }
  EXPECT_EQ(keys, known_keys());
}

// With certificates beside it each file of conf/ is good as it stands.
TEST(ConfigReference, TheFilesAreGood) {
  const fs::path root = fs::path(testing::TempDir()) / ("config_reference_" + std::to_string(::getpid()));
  fs::create_directories(root / "conf");
  const std::string command =
      "sh " GATEWAY_SOURCE_DIR "/certs/make_certs.sh " + (root / "certs").string() + " >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  for (const auto* name : {"gateway.toml", "demo.toml"}) {
    std::ofstream(root / "conf" / name) << conf(name);
    const LoadedConfig loaded = load_config((root / "conf" / name).string());
    for (const Mistake& mistake : loaded.mistakes.all()) ADD_FAILURE() << mistake.to_string();
    EXPECT_TRUE(loaded.config);
  }
  fs::remove_all(root);
}

// What gateway.toml calls a default is one: without those lines the configuration is the same.
TEST(ConfigReference, TheAnnotatedDefaultsAreTheDefaults) {
  std::istringstream text(conf("gateway.toml"));
  std::string reduced;
  int left_out = 0;
  for (std::string line; std::getline(text, line);) {
    const bool value = !line.empty() && line[0] != '#' && line[0] != '[' && line.find(" = ") != line.npos;
    const bool keep = !value || line.find("# example") != line.npos || line.starts_with("tls = ");
    if (!keep) ++left_out;
    if (!line.starts_with("tls = ") && keep) reduced += line + "\n";
  }
  EXPECT_GE(left_out, 25);
  const std::string full = std::regex_replace(conf("gateway.toml"), std::regex("\\ntls = [^\\n]*"), "");
  const LoadedConfig a = read_config(full, "g.toml");
  const LoadedConfig b = read_config(reduced, "g.toml");
  ASSERT_TRUE(a.config && b.config);
  EXPECT_EQ(a.config->memory.budget, b.config->memory.budget);
  EXPECT_EQ(a.config->memory.block_size, b.config->memory.block_size);
  EXPECT_EQ(a.config->memory.blocks, b.config->memory.blocks);
  EXPECT_EQ(a.config->listeners[0].max_concurrent_streams, b.config->listeners[0].max_concurrent_streams);
  EXPECT_EQ(a.config->clusters[0].policy, b.config->clusters[0].policy);
  EXPECT_EQ(a.config->clusters[0].max_connections, b.config->clusters[0].max_connections);
  ASSERT_TRUE(a.config->clusters[0].health && b.config->clusters[0].health);
  const auto health = [](const HealthConfig& h) {
    return std::tuple(h.path, h.interval, h.timeout, h.healthy, h.unhealthy);
  };
  EXPECT_EQ(health(*a.config->clusters[0].health), health(*b.config->clusters[0].health));
  const auto keep_alive = [](const KeepAliveLimits& k) {
    return std::tuple(k.ping_interval, k.ping_timeout, k.max_age, k.max_requests);
  };
  EXPECT_EQ(keep_alive(a.config->clusters[0].keep_alive), keep_alive(b.config->clusters[0].keep_alive));
  EXPECT_EQ(keep_alive(a.config->listeners[0].keep_alive), keep_alive(b.config->listeners[0].keep_alive));
  EXPECT_EQ(a.config->routes[0].host, b.config->routes[0].host);
  EXPECT_EQ(a.config->routes[0].path, b.config->routes[0].path);
  EXPECT_EQ(a.config->routes[0].websocket, b.config->routes[0].websocket);
  EXPECT_EQ(a.config->log.access, b.config->log.access);
  EXPECT_EQ(a.config->log.level, b.config->log.level);
  const auto times = [](const TimeoutsConfig& t) {
    return std::vector{t.tls_handshake, t.request_header,  t.connect, t.response_header,
                       t.stream_idle,   t.connection_idle, t.stall,   t.drain, t.tunnel_idle};
  };
  EXPECT_EQ(times(a.config->timeouts), times(b.config->timeouts));
  const auto limits = [](const LimitsConfig& l) {
    return std::vector<std::size_t>{l.max_header_bytes,
                                    l.max_header_fields,
                                    l.abuse.resets_per_second,
                                    l.abuse.provoked_resets_per_second,
                                    l.abuse.pings_per_second,
                                    l.abuse.settings_per_second,
                                    l.abuse.empty_frames_per_second,
                                    l.abuse.window_updates_per_second,
                                    l.abuse.continuations};
  };
  EXPECT_EQ(limits(a.config->limits), limits(b.config->limits));
}

}  // namespace
}  // namespace gateway
