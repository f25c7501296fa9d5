#include "gateway/admin/admin.h"

#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include <map>
#include <set>
#include <sstream>

#include "gateway/stats.h"
#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

class AdminTest : public testing::Test {
 protected:
  void get(std::string_view path, std::string_view method = "GET") {
    h.start(method, path, [this](Exchange& exchange) {
      return make_admin_applet(exchange, h.turn_end, {stats, h.pool, draining, started, "1.2.3"});
    });
    ASSERT_TRUE(h.run());
  }
  rapidjson::Document json() {
    rapidjson::Document document;
    document.Parse(h.body.c_str());
    EXPECT_FALSE(document.HasParseError()) << h.body;
    return document;
  }

  Stats stats{2};
  std::atomic<bool> draining{false};
  std::chrono::system_clock::time_point started =
      std::chrono::system_clock::now() - std::chrono::seconds(100);
  ExchangeHarness h;
};

TEST_F(AdminTest, HealthIsOkWhileDraining) {
  draining = true;
  get("/healthz");
  EXPECT_EQ(h.status(), 200);
  EXPECT_EQ(h.body, "ok\n");
  EXPECT_EQ(h.field("cache-control"), "no-store");
}

TEST_F(AdminTest, Ready) {
  get("/readyz?verbose");
  EXPECT_EQ(h.status(), 200);
  EXPECT_EQ(h.body, "ready\n");
}

TEST_F(AdminTest, NotReadyWhileDraining) {
  draining = true;
  get("/readyz");
  EXPECT_EQ(h.status(), 503);
  EXPECT_EQ(h.body, "draining\n");
}

TEST_F(AdminTest, IndexListsEveryPage) {
  get("/");
  EXPECT_EQ(h.status(), 200);
  for (const char* page : {"/healthz", "/readyz", "/stats.json", "/metrics", "/pool"}) {
    EXPECT_NE(h.body.find(page), std::string::npos) << page;
  }
}

TEST_F(AdminTest, OtherPathsAre404) {
  get("/nothing");
  EXPECT_EQ(h.status(), 404);
}

TEST_F(AdminTest, OtherMethodsAre405) {
  get("/pool", "POST");
  EXPECT_EQ(h.status(), 405);
  EXPECT_EQ(h.field("allow"), "GET, HEAD");
}

TEST_F(AdminTest, HeadHasNoBody) {
  get("/healthz", "HEAD");
  EXPECT_EQ(h.status(), 200);
  EXPECT_EQ(h.field("content-length"), "3");
  EXPECT_FALSE(h.exchange().response_has_body());
}

TEST_F(AdminTest, StatsSumTheWorkers) {
  stats.worker(0).requests.add(3);
  stats.worker(1).requests.add(4);
  stats.worker(1).count_response(404);
  get("/stats.json");
  const rapidjson::Document page = json();
  EXPECT_STREQ(page["version"].GetString(), "1.2.3");
  EXPECT_EQ(page["workers"].GetInt(), 2);
  EXPECT_GE(page["uptime_seconds"].GetInt(), 100);
  EXPECT_EQ(page["requests"].GetInt(), 7);
  EXPECT_EQ(page["responses"]["4xx"].GetInt(), 1);
  EXPECT_EQ(page["responses"]["2xx"].GetInt(), 0);
  EXPECT_GT(h.body.size(), h.pool.payload()) << "the page should be larger than a block here";
}

TEST_F(AdminTest, PoolPage) {
  const pool::BlockRef held = h.local.try_acquire(pool::Direction::request);
  get("/pool");
  const rapidjson::Document page = json();
  EXPECT_EQ(page["pool_blocks"].GetInt(), 2);
  EXPECT_EQ(page["pool_block_size_bytes"].GetInt(), 1024);
  EXPECT_EQ(page["pool_blocks_used"]["request"].GetInt(), 1);
  EXPECT_EQ(page["pool_waiting"]["leave"].GetInt(), 0);
}

struct Metrics {
  std::set<std::string> helped;
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> samples;  // by name and labels
};

// Takes one line in, by the rules of Prometheus' text exposition format 0.0.4.
void read_line(const std::string& line, Metrics& metrics) {
  std::istringstream words(line);
  std::string first, second, name;
  words >> first >> second >> name;
  if (first == "#") {
    const std::string rest = line.substr(first.size() + second.size() + name.size() + 2);
    EXPECT_THAT(name, testing::MatchesRegex("gateway_[a-z0-9_]+")) << line;
    EXPECT_TRUE(second == "HELP" ? metrics.helped.insert(name).second
                                 : second == "TYPE" && metrics.types.emplace(name, rest.substr(1)).second)
        << line;
    return;
  }
  ASSERT_THAT(line, testing::MatchesRegex("[a-z0-9_]+([{][a-z_]+=\"[^\"]+\"[}])? [0-9]+"));
  name = first.substr(0, first.find('{'));
  EXPECT_TRUE(metrics.helped.contains(name)) << line;
  EXPECT_EQ(metrics.types[name], name.ends_with("_total") ? "counter" : "gauge") << line;
  EXPECT_TRUE(metrics.samples.emplace(first, second).second) << "twice: " << line;
}

TEST_F(AdminTest, MetricsAreWellFormed) {
  stats.worker(0).bytes_out.add(12345);
  stats.worker(0).count_abuse(h2::Abuse::pings);
  stats.worker(0).count_timeout(Timeout::stall);
  get("/metrics");
  EXPECT_EQ(h.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  ASSERT_TRUE(h.body.ends_with('\n'));
  Metrics metrics;
  std::istringstream lines(h.body);
  for (std::string line; std::getline(lines, line);) read_line(line, metrics);
  EXPECT_EQ(metrics.helped.size(), metrics.types.size());

  auto& samples = metrics.samples;
  EXPECT_EQ(samples["gateway_info{version=\"1.2.3\"}"], "1");
  EXPECT_EQ(samples["gateway_bytes_out_total"], "12345");
  EXPECT_EQ(samples["gateway_timeouts_total{kind=\"stall\"}"], "1");
  EXPECT_EQ(
      samples["gateway_abuse_kills_total{reason=\"" + std::string(h2::to_string(h2::Abuse::pings)) + "\"}"],
      "1");
  EXPECT_EQ(samples["gateway_pool_blocks"], "2");
  EXPECT_TRUE(samples.contains("gateway_pool_blocks_used{direction=\"response\"}"));
  EXPECT_TRUE(samples.contains("gateway_pool_waiting{class=\"leave\"}"));
}

}  // namespace
}  // namespace gateway
