#include "gateway/admin/endpoints.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <vector>

#include "gateway/net/tls_context.h"
#include "gateway/upstream/cluster.h"

namespace gateway {
namespace {

class EndpointsTest : public testing::Test {
 protected:
  EndpointsTest() {
    config.name = "app";
    config.protocol = Protocol::h2;
    config.health.emplace();
    plain.name = "plain";
    add(config, {"10.0.0.1:1", "unix:/run/a\"b\\c"});
    add(plain, {"10.0.0.2:2"});
  }
  void add(const ClusterConfig& cluster, std::initializer_list<const char*> names) {
    clusters.push_back({cluster, nullptr, {}});
    for (const char* name : names) {
      clusters.back().health.push_back(
          std::make_unique<EndpointHealth>(name, EndpointHealth::Thresholds{1, 1}, now));
    }
  }
  rapidjson::Document json() {
    rapidjson::Document document;
    const std::string text = endpoints_json(clusters);
    document.Parse(text.c_str());
    EXPECT_FALSE(document.HasParseError()) << text;
    return document;
  }

  const EndpointHealth::Time now = std::chrono::steady_clock::now();
  ClusterConfig config;
  ClusterConfig plain;
  std::vector<ClusterPlan> clusters;
};

TEST_F(EndpointsTest, TellsOfEachEndpoint) {
  clusters[0].health[0]->on_check(CheckResult::failed, "status 500", now);
  clusters[0].health[1]->on_check(CheckResult::inconclusive, "", now);
  for (int i = 0; i < 3; ++i) clusters[1].health[0]->on_connect_failed("refused", now);
  clusters[1].health[0]->on_exchange_begins();
  const rapidjson::Document page = json();
  const auto& all = page["endpoints"];
  ASSERT_EQ(all.Size(), 3U);
  EXPECT_STREQ(all[0]["cluster"].GetString(), "app");
  EXPECT_STREQ(all[0]["endpoint"].GetString(), "10.0.0.1:1");
  EXPECT_STREQ(all[0]["protocol"].GetString(), "h2");
  EXPECT_STREQ(all[0]["state"].GetString(), "down");
  EXPECT_STREQ(all[0]["why"].GetString(), "status 500");
  EXPECT_EQ(all[0]["checks"]["failed"].GetInt(), 1);
  EXPECT_EQ(all[0]["checks"]["failed_in_a_row"].GetInt(), 1);
  EXPECT_TRUE(all[0]["trial_in_ms"].IsNull());
  EXPECT_STREQ(all[1]["state"].GetString(), "up");
  EXPECT_EQ(all[1]["checks"]["inconclusive"].GetInt(), 1);
  EXPECT_STREQ(all[2]["state"].GetString(), "out");
  EXPECT_EQ(all[2]["connect_failures"].GetInt(), 3);
  EXPECT_EQ(all[2]["active"].GetInt(), 1);
  EXPECT_TRUE(all[2]["checks"].IsNull()) << "it has none";
  EXPECT_LE(all[2]["trial_in_ms"].GetInt(), 1000);
}

TEST_F(EndpointsTest, MetricsByClusterAndEndpoint) {
  clusters[0].health[0]->on_check(CheckResult::failed, "", now);
  for (int i = 0; i < 3; ++i) clusters[1].health[0]->on_connect_failed("", now);
  std::string text;
  append_endpoint_metrics(text, clusters);
  for (const char* line : {
           "# TYPE gateway_endpoint_up gauge\n",
           "gateway_endpoint_up{cluster=\"app\",endpoint=\"10.0.0.1:1\"} 0\n",
           "gateway_endpoint_up{cluster=\"app\",endpoint=\"unix:/run/a\\\"b\\\\c\"} 1\n",
           "gateway_endpoint_up{cluster=\"plain\",endpoint=\"10.0.0.2:2\"} 1\n",
           "gateway_endpoint_out{cluster=\"app\",endpoint=\"10.0.0.1:1\"} 0\n",
           "gateway_endpoint_out{cluster=\"plain\",endpoint=\"10.0.0.2:2\"} 1\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST_F(EndpointsTest, WithoutClustersBothAreEmpty) {
  EXPECT_NE(endpoints_json({}).find("\"endpoints\": []"), std::string::npos);
}

}  // namespace
}  // namespace gateway
