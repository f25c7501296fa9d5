#include "gateway/stats.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

namespace gateway {
namespace {

TEST(StatsTest, SumsOverTheWorkers) {
  Stats stats(3);
  stats.worker(0).connections_open.add(5);
  stats.worker(2).connections_open.sub(2);
  stats.worker(1).bytes_in.add(std::uint64_t{1} << 40);
  const StatsSnapshot snapshot = stats.snapshot();
  EXPECT_EQ(snapshot.value("connections_open"), 3);
  EXPECT_EQ(snapshot.value("bytes_in"), std::int64_t{1} << 40);
  EXPECT_EQ(snapshot.value("requests"), 0);
}

TEST(StatsTest, StatusesCountInTheirClass) {
  Stats stats(1);
  for (const int status : {100, 199, 200, 304, 404, 499, 503, 599, 0, 99, 600}) {
    stats.worker(0).count_response(status);
  }
  stats.worker(0).count_local_reply(503);
  const StatsSnapshot snapshot = stats.snapshot();
  EXPECT_EQ(snapshot.value("responses", "1xx"), 2);
  EXPECT_EQ(snapshot.value("responses", "2xx"), 1);
  EXPECT_EQ(snapshot.value("responses", "3xx"), 1);
  EXPECT_EQ(snapshot.value("responses", "4xx"), 2);
  EXPECT_EQ(snapshot.value("responses", "5xx"), 2);
  EXPECT_EQ(snapshot.value("local_replies", "5xx"), 1);
}

TEST(StatsTest, TimeoutsAndAbusesCountUnderTheirNames) {
  for (std::size_t i = 0; i < kTimeouts; ++i) {
    Stats stats(1);
    const auto timeout = static_cast<Timeout>(i);
    stats.worker(0).count_timeout(timeout);
    EXPECT_EQ(stats.snapshot().value("timeouts", to_string(timeout)), 1);
  }
  for (std::size_t i = 1; i < h2::kAbuses; ++i) {
    Stats stats(1);
    const auto abuse = static_cast<h2::Abuse>(i);
    stats.worker(0).count_abuse(abuse);
    EXPECT_EQ(stats.snapshot().value("abuse_kills", h2::to_string(abuse)), 1);
  }
}

TEST(StatsTest, NamesAreUniqueAndHaveHelp) {
  std::set<std::string_view> names;
  for (const Metric& metric : Stats(1).snapshot().metrics) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
    if (!metric.label.empty()) {
      EXPECT_EQ(metric.values.size(), metric.label_values.size()) << metric.name;
    }
  }
}

// Under ThreadSanitizer: reading needs no agreement with who writes.
TEST(StatsTest, AnyThreadReads) {
  Stats stats(1);
  std::thread writer([&stats] {
    for (int i = 0; i < 20000; ++i) stats.worker(0).requests.add();
  });
  std::int64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t now = stats.snapshot().value("requests");
    EXPECT_GE(now, last);
    last = now;
  }
  writer.join();
  EXPECT_EQ(stats.snapshot().value("requests"), 20000);
}

}  // namespace
}  // namespace gateway
