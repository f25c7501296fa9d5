#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gateway/config_file.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

/// A document with these lines of the listener, from line 3 on, and of the cluster, from line 7 on.
LoadedConfig read(std::string_view listener, std::string_view cluster) {
  std::string text = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
  text.append(listener).append("\n[[cluster]]\nname = \"app\"\nendpoints = [\"127.0.0.1:80\"]\n");
  text.append(cluster).append("\n[[route]]\ncluster = \"app\"\n");
  return read_config(text, "g.toml");
}

Texts mistakes(std::string_view listener, std::string_view cluster = "") {
  Texts texts;
  const LoadedConfig loaded = read(listener, cluster);
  for (const Mistake& mistake : loaded.mistakes.all()) texts.push_back(mistake.to_string());
  return texts;
}

auto values(const KeepAliveLimits& limits) {
  return std::tuple(limits.ping_interval, limits.ping_timeout, limits.max_age, limits.max_requests);
}

TEST(ConfigKeepAlive, BackendsInH2AreAskedUnlessToldOtherwise) {
  const auto plain = read("", "");
  const auto h2 = read("", "protocol = \"h2\"");
  const auto off = read("", "protocol = \"h2\"\nkeep_alive = { ping_interval = \"0s\" }");
  ASSERT_TRUE(plain.config && h2.config && off.config);
  EXPECT_EQ(values(plain.config->listeners[0].keep_alive), std::tuple(0ms, 10s, 0ms, 0U));
  EXPECT_EQ(values(plain.config->clusters[0].keep_alive), std::tuple(0ms, 10s, 0ms, 0U));
  EXPECT_EQ(values(h2.config->clusters[0].keep_alive), std::tuple(30s, 10s, 0ms, 0U));
  EXPECT_EQ(off.config->clusters[0].keep_alive.ping_interval, 0ms);
}

TEST(ConfigKeepAlive, WhatIsWrittenIsTaken) {
  constexpr std::string_view kAll =
      "keep_alive = { ping_interval = \"1s\", ping_timeout = \"2s\", max_age = \"1h\", max_requests = 7 }";
  const auto loaded = read(kAll, "protocol = \"h2\"\n" + std::string(kAll));
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(values(loaded.config->listeners[0].keep_alive), std::tuple(1s, 2s, 1h, 7U));
  EXPECT_EQ(values(loaded.config->clusters[0].keep_alive), std::tuple(1s, 2s, 1h, 7U));
  EXPECT_TRUE(mistakes("", "keep_alive = { max_age = \"1h\", max_requests = 7 }").empty());
}

TEST(ConfigKeepAlive, Mistakes) {
  EXPECT_EQ(mistakes("keep_alive = { ping_interval = \"25h\", max_requests = -1, max_idle = 1 }"),
            (Texts{R"(g.toml:3:32: listener.keep_alive.ping_interval is "25h"; it must be from "1ms" to "24h", or "0s" for never)",
                   R"(g.toml:3:54: listener.keep_alive.max_requests is -1; it must be from 0 to 1000000000)",
                   R"(g.toml:3:58: unknown key "listener.keep_alive.max_idle"; the keys here are ping_interval, ping_timeout, max_age, max_requests)"}));
  EXPECT_EQ(mistakes("keep_alive = { ping_timeout = \"1s\" }"),
            (Texts{R"(g.toml:3:31: listener.keep_alive.ping_timeout is of no effect without ping_interval; set that, like "30s", or leave this out)"}));
  EXPECT_EQ(mistakes("keep_alive = { ping_interval = \"1s\" }\nprotocols = [\"http/1.1\"]"),
            (Texts{R"(g.toml:3:32: listener.keep_alive.ping_interval is set, but this listener does not speak "h2", and HTTP/1.1 has no PING; leave it out)"}));
  EXPECT_EQ(mistakes("", "keep_alive = { ping_interval = \"1s\" }"),
            (Texts{R"(g.toml:7:32: cluster.keep_alive.ping_interval is set, but this cluster speaks "http/1.1", which has no PING; leave it out)"}));
  EXPECT_EQ(mistakes("", "protocol = \"h2\"\nkeep_alive = { ping_interval = \"0s\", ping_timeout = \"1s\" }").size(), 1U);
  EXPECT_EQ(mistakes("keep_alive = 5"),
            (Texts{R"(g.toml:3:14: listener.keep_alive is an integer; it must be a table, like [listener.keep_alive] or keep_alive = { ... })"}));
}

TEST(ConfigKeepAlive, ADemoHasNoConnections) {
  const auto loaded = read_config("[[listener]]\naddress = \"127.0.0.1:0\"\n[[cluster]]\nname = \"app\"\nprotocol = \"demo\"\n"
                                  "keep_alive = { max_age = \"1h\" }\n[[route]]\ncluster = \"app\"\n",
                                  "g.toml");
  ASSERT_EQ(loaded.mistakes.all().size(), 1U);
  EXPECT_TRUE(loaded.mistakes.all()[0].to_string().starts_with("g.toml:6:14: cluster.keep_alive stands in a cluster of protocol \"demo\""));
}

}  // namespace
}  // namespace gateway
