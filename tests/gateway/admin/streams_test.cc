#include "gateway/admin/streams.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <thread>

#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

/// Workers that answer when the test says.
struct FakeWorkers final : StreamCollector {
  std::size_t collect(std::size_t asked_limit, Answer to) override {
    limit = asked_limit;
    answer = std::move(to);
    return workers;
  }
  std::size_t workers = 2;
  std::size_t limit = 0;
  Answer answer;
};

StreamInfo stream(std::int32_t id, std::size_t blocks, std::size_t bytes = 0) {
  StreamInfo info;
  info.connection = "0-1";
  info.stream = id;
  info.path = "/a\xff";
  info.state = "responding";
  info.response = {blocks, bytes, 0, "client_window_closed", std::chrono::milliseconds(1500)};
  info.request.pause = "none";
  return info;
}

class StreamsTest : public testing::Test {
 protected:
  ~StreamsTest() override { h.close(); }
  void get(std::string_view path, std::string_view method = "GET") {
    h.start(method, path, [this](Exchange&) { return make_streams_applet(h.turn_end, h.loop, workers); });
  }
  /// Runs the loop until the answer is there, or `patience` has passed.
  bool turn(Duration patience = std::chrono::seconds(5)) {
    Deadline end(h.loop, [this] { h.loop.stop(); });
    end.set(patience);
    h.loop.set_turn_end([this] {
      h.turn();
      if (h.over()) h.loop.stop();
      return h.responded && !h.over();
    });
    h.loop.run();
    return h.over();
  }
  rapidjson::Document json() {
    rapidjson::Document document;
    document.Parse(h.body.c_str());
    EXPECT_FALSE(document.HasParseError()) << h.body;
    return document;
  }

  FakeWorkers workers;
  ExchangeHarness h;
};

TEST_F(StreamsTest, TheLargestOfAllWorkersComeFirst) {
  get("/streams");
  EXPECT_EQ(workers.limit, 100U);
  workers.answer({0, 7, {stream(1, 3), stream(3, 1)}});
  std::thread([this] { workers.answer({1, 5, {stream(5, 2), stream(7, 1, 9)}}); }).join();
  ASSERT_TRUE(turn());
  const rapidjson::Document page = json();
  EXPECT_EQ(page["streams"].GetInt(), 12);
  EXPECT_EQ(page["shown"].GetInt(), 4);
  EXPECT_EQ(page["workers_missing"].GetInt(), 0);
  const auto& all = page["by_memory"];
  EXPECT_EQ(all[0]["stream"].GetInt(), 1);
  EXPECT_EQ(all[1]["stream"].GetInt(), 5);
  EXPECT_EQ(all[1]["worker"].GetInt(), 1);
  EXPECT_EQ(all[2]["stream"].GetInt(), 7);
  EXPECT_EQ(all[3]["stream"].GetInt(), 3);
  EXPECT_STREQ(all[0]["response"]["pause"].GetString(), "client_window_closed");
  EXPECT_EQ(all[0]["response"]["paused_ms"].GetDouble(), 1500);
  EXPECT_STREQ(all[0]["path"].GetString(), "/a\xEF\xBF\xBD");
}

TEST_F(StreamsTest, ALimitIsAskedForAndKept) {
  get("/streams?limit=1");
  EXPECT_EQ(workers.limit, 1U);
  workers.answer({0, 1, {stream(1, 1)}});
  workers.answer({1, 1, {stream(3, 2)}});
  ASSERT_TRUE(turn());
  const rapidjson::Document page = json();
  ASSERT_EQ(page["by_memory"].Size(), 1U);
  EXPECT_EQ(page["by_memory"][0]["stream"].GetInt(), 3);
  EXPECT_EQ(page["streams"].GetInt(), 2);
}

TEST_F(StreamsTest, OtherQueriesAreRefused) {
  for (const auto* query : {"?limit=0", "?limit=1001", "?limit=x", "?limit=1x", "?limit=", "?all", "?"}) {
    ExchangeHarness one;
    one.start("GET", std::string("/streams") + query,
              [&](Exchange&) { return make_streams_applet(one.turn_end, one.loop, workers); });
    ASSERT_TRUE(one.run()) << query;
    EXPECT_EQ(one.status(), 400) << query;
  }
}

TEST_F(StreamsTest, AWorkerThatDoesNotAnswerIsSaidToBeMissing) {
  get("/streams");
  workers.answer({0, 1, {stream(1, 1)}});
  EXPECT_FALSE(turn(std::chrono::milliseconds(200))) << "it has half a second";
  ASSERT_TRUE(turn());
  EXPECT_EQ(json()["workers_missing"].GetInt(), 1);
  EXPECT_EQ(json()["shown"].GetInt(), 1);
  workers.answer({1, 1, {stream(3, 2)}});  // too late, and nobody's any more
  turn(std::chrono::milliseconds(10));
}

TEST_F(StreamsTest, AnAnswerForAClientThatIsGoneIsDropped) {
  get("/streams");
  h.close("client reset it");
  workers.answer({0, 1, {stream(1, 1)}});
  workers.answer({1, 1, {}});
  h.loop.set_turn_end([this] {
    h.turn_end.run();
    return false;
  });
  Deadline end(h.loop, [this] { h.loop.stop(); });
  end.set(std::chrono::milliseconds(20));
  h.loop.run();
}

}  // namespace
}  // namespace gateway
