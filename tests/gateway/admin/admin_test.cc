#include "gateway/admin/admin.h"

#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include <map>
#include <set>
#include <sstream>

#include "gateway/admin/metrics.h"
#include "gateway/admin/pool_metrics.h"
#include "gateway/stats.h"
#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

class AdminTest : public testing::Test {
 protected:
  void get(std::string_view path, std::string_view method = "GET") {
    h.start(method, path, [this](Exchange& exchange) {
      return make_admin_applet(exchange, h.turn_end, h.loop, {stats, h.pool, draining, started, "1.2.3"});
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
  for (const char* page : {"/healthz", "/readyz", "/stats.json", "/metrics", "/pool", "/streams", "/endpoints"}) {
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

TEST_F(AdminTest, PoolPageTellsWhatBlocksAreUsedForAndHowLongWaitsTook) {
  const pool::BlockRef held = h.local.try_acquire(pool::Direction::request);
  stats.worker(1).count_eviction(Eviction::response_early);
  get("/pool");
  const rapidjson::Document page = json();
  EXPECT_EQ(page["pool_blocks_queued"]["request"].GetInt(), 1);
  EXPECT_EQ(page["pool_blocks_filled"]["request"].GetInt(), 0);
  EXPECT_EQ(page["pool_blocks_promised"]["response"].GetInt(), 0);
  EXPECT_EQ(page["pool_blocks_granted"]["response"].GetInt(), 0);
  EXPECT_EQ(page["pool_blocks_slow"].GetInt(), 0);
  EXPECT_EQ(page["pool_waiting_responses"]["leave"].GetInt(), 0);
  EXPECT_EQ(page["evictions"]["response_early"].GetInt(), 1);
  EXPECT_EQ(page["evictions"]["connection"].GetInt(), 0);
  EXPECT_EQ(page["pool_wait"]["leave"]["count"].GetInt(), 0);
  EXPECT_EQ(page["pool_hand_over"]["other"]["p99_ms"].GetDouble(), 0);
}

TEST(PoolMetrics, HistogramsInPrometheusText) {
  pool::PoolStats stats;
  stats.hand_over_other.counts[0] = 2;
  stats.hand_over_other.counts[2] = 1;
  stats.hand_over_other.counts[pool::HistogramCounts::kBounds] = 1;
  stats.hand_over_other.sum = 4500;
  std::string text;
  append_prometheus(text, pool_histograms(stats));
  for (const std::string_view line :
       {"# TYPE gateway_pool_hand_over_seconds histogram",
        "gateway_pool_hand_over_seconds_bucket{thread=\"other\",le=\"0.000001\"} 2",
        "gateway_pool_hand_over_seconds_bucket{thread=\"other\",le=\"0.000002\"} 2",
        "gateway_pool_hand_over_seconds_bucket{thread=\"other\",le=\"0.000004\"} 3",
        "gateway_pool_hand_over_seconds_bucket{thread=\"other\",le=\"134.217728\"} 3",
        "gateway_pool_hand_over_seconds_bucket{thread=\"other\",le=\"+Inf\"} 4",
        "gateway_pool_hand_over_seconds_sum{thread=\"other\"} 0.000004500",
        "gateway_pool_hand_over_seconds_count{thread=\"other\"} 4",
        "gateway_pool_wait_seconds_count{class=\"leave\"} 0"}) {
    EXPECT_NE(text.find(std::string(line) + "\n"), std::string::npos) << line;
  }
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
  ASSERT_THAT(line, testing::MatchesRegex("[a-z0-9_]+([{][a-z_]+=\"[^\"]+\"(,[a-z]+=\"[^\"]+\")?[}])? [0-9.]+"));
  name = first.substr(0, first.find('{'));
  std::string kind = name.ends_with("_total") ? "counter" : "gauge";
  for (const std::string_view suffix : {"_seconds_bucket", "_seconds_sum", "_seconds_count"}) {
    if (!name.ends_with(suffix)) continue;
    name.erase(name.rfind('_'));
    kind = "histogram";
  }
  EXPECT_TRUE(metrics.helped.contains(name)) << line;
  EXPECT_EQ(metrics.types[name], kind) << line;
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
