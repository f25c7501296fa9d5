#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/config_file.h"
#include "gateway/config_summary.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;

/// A document whose cluster has this line on line 4.
LoadedConfig read(const std::string& line) {
  return read_config("[[cluster]]\nname = \"app\"\nendpoints = [\"127.0.0.1:80\"]\n" + line +
                         "\n[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\ncluster = \"app\"\n",
                     "g.toml");
}

std::vector<std::string> mistakes(const std::string& health) {
  std::vector<std::string> texts;
  const LoadedConfig loaded = read("health = { " + health + " }");
  for (const Mistake& mistake : loaded.mistakes.all()) {
    texts.push_back(mistake.to_string());
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(ConfigHealth, AbsentMeansNoChecks) {
  const LoadedConfig loaded = read("");
  ASSERT_TRUE(loaded.config);
  EXPECT_FALSE(loaded.config->clusters[0].health);
}

TEST(ConfigHealth, AnEmptyTableMeansTheDefaults) {
  const LoadedConfig loaded = read("health = {}");
  ASSERT_TRUE(loaded.config && loaded.config->clusters[0].health);
  const HealthConfig& health = *loaded.config->clusters[0].health;
  EXPECT_EQ(health.path, "/");
  EXPECT_EQ(health.interval, 5s);
  EXPECT_EQ(health.timeout, 2s);
  EXPECT_EQ(health.healthy, 2U);
  EXPECT_EQ(health.unhealthy, 3U);
  EXPECT_EQ(health.host, "");
}

TEST(ConfigHealth, EveryKeyAsASubTable) {
  const LoadedConfig loaded = read(
      "[cluster.health]\npath = \"/up?deep=1\"\ninterval = \"1m\"\ntimeout = \"1m\"\nhealthy = 1\n"
      "unhealthy = 100\nhost = \"app.internal:99\"");
  ASSERT_TRUE(loaded.config && loaded.config->clusters[0].health);
  const HealthConfig& health = *loaded.config->clusters[0].health;
  EXPECT_EQ(health.path, "/up?deep=1");
  EXPECT_EQ(health.interval, 1min);
  EXPECT_EQ(health.timeout, 1min);
  EXPECT_EQ(health.healthy, 1U);
  EXPECT_EQ(health.unhealthy, 100U);
  EXPECT_EQ(health.host, "app.internal:99");
  EXPECT_NE(config_summary(*loaded.config).find("checked at /up?deep=1 every 1m"), std::string::npos);
}

TEST(ConfigHealth, AShortIntervalShortensTheTimeoutThatWasNotWritten) {
  const LoadedConfig loaded = read("health = { interval = \"500ms\" }");
  ASSERT_TRUE(loaded.config && loaded.config->clusters[0].health);
  EXPECT_EQ(loaded.config->clusters[0].health->timeout, 500ms);
}

TEST(ConfigHealth, Mistakes) {
  EXPECT_EQ(mistakes("pth = \"/\""),
            Texts{R"(g.toml:4:12: unknown key "cluster.health.pth"; did you mean "path"?)"});
  EXPECT_EQ(
      mistakes("path = \"up\""),
      Texts{R"(g.toml:4:19: cluster.health.path is "up", which does not begin with a slash; write "/up")"});
  EXPECT_EQ(mistakes("path = \"/a b\""),
            Texts{"g.toml:4:19: cluster.health.path is \"/a b\"; it must be up to 2048 printable characters "
                  "without blanks and '#', like \"/healthz\""});
  EXPECT_EQ(mistakes("interval = \"0s\""),
            Texts{R"(g.toml:4:23: cluster.health.interval is "0s"; it must be from "1ms" to "24h")"});
  EXPECT_EQ(mistakes("interval = \"1s\", timeout = \"2s\""),
            Texts{R"(g.toml:4:39: cluster.health.timeout is "2s", longer than cluster.health.interval "1s"; )"
                  "a check ends before the next begins"});
  EXPECT_EQ(mistakes("healthy = 0"),
            Texts{R"(g.toml:4:22: cluster.health.healthy is 0; it must be from 1 to 100)"});
  EXPECT_EQ(mistakes("unhealthy = 101"),
            Texts{R"(g.toml:4:24: cluster.health.unhealthy is 101; it must be from 1 to 100)"});
  EXPECT_EQ(
      mistakes("host = \"http://a\""),
      Texts{
          "g.toml:4:19: cluster.health.host is \"http://a\"; it must be a host name, with a port if need be, "
          "like \"app.internal\" or \"app.internal:8080\""});
}

TEST(ConfigHealth, ADemoClusterHasNothingToCheck) {
  const LoadedConfig loaded = read_config(
      "[[cluster]]\nname = \"app\"\nprotocol = \"demo\"\nhealth = {}\n[[listener]]\naddress = "
      "\"127.0.0.1:0\"\n"
      "[[route]]\ncluster = \"app\"\n",
      "g.toml");
  ASSERT_EQ(loaded.mistakes.all().size(), 1U);
  EXPECT_TRUE(
      loaded.mistakes.all()[0].to_string().starts_with("g.toml:4:10: cluster.health stands in a cluster"));
}

}  // namespace
}  // namespace gateway
