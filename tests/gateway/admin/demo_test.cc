#include "gateway/admin/demo.h"

#include <rapidjson/document.h>

#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

ExchangeHarness::MakeBackend demo(ExchangeHarness& h) {
  return [&h](Exchange& exchange) { return make_demo_applet(exchange, h.loop, h.turn_end); };
}

std::string pattern(std::size_t size) {
  std::string bytes(size, 0);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = std::to_integer<char>(demo_byte(i));
  return bytes;
}

TEST(DemoTest, BytesAreExact) {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 300U, 4099U, 200003U}) {
    ExchangeHarness h({.blocks = 2, .block_size = 1027});
    h.take_at_once = 333;
    h.start("GET", "/bytes/" + std::to_string(size) + "?x=1", demo(h));
    ASSERT_TRUE(h.run());
    EXPECT_EQ(h.status(), 200);
    EXPECT_EQ(h.field("content-length"), std::to_string(size));
    EXPECT_TRUE(h.body == pattern(size)) << size;
  }
}

TEST(DemoTest, NoBytesAreAnEmptyAnswer) {
  ExchangeHarness h;
  h.start("GET", "/bytes/0", demo(h));
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "0");
}

TEST(DemoTest, TenGibibytesAreNotHeld) {
  ExchangeHarness h({.blocks = 2});
  h.start("GET", "/bytes/10737418240", demo(h));
  for (int i = 0; i < 1000; ++i) h.turn();
  EXPECT_EQ(h.field("content-length"), "10737418240");
  EXPECT_GT(h.body.size(), 500000U);
  EXPECT_EQ(h.body, pattern(h.body.size()));
  EXPECT_LE(h.pool.stats().used_max[1], 2U);
  h.close("client reset it");
}

TEST(DemoTest, PatternShowsExchangedBlocks) {
  EXPECT_NE(demo_byte(0), demo_byte(256));
  EXPECT_NE(demo_byte(0), demo_byte(65536));
  EXPECT_NE(demo_byte(5), demo_byte(std::uint64_t{5} + (std::uint64_t{1} << 32)));
}

TEST(DemoTest, EchoOfAMegabyteThroughTwoBlocks) {
  ExchangeHarness h({.blocks = 2, .block_size = 4096});
  const std::string upload = pattern(1 << 20);
  h.upload_trailers.add("checksum", "abc");
  h.start("POST", "/echo", demo(h), {{"content-type", "text/x-test"}}, &upload);
  ASSERT_TRUE(h.run());
  EXPECT_EQ(h.field("content-type"), "text/x-test");
  EXPECT_FALSE(h.exchange().response().find("content-length"));
  EXPECT_TRUE(h.body == upload);
  ASSERT_NE(h.exchange().response_trailers(), nullptr);
  EXPECT_EQ(h.exchange().response_trailers()->get("checksum"), "abc");
  EXPECT_LE(h.pool.stats().used_max[0], 1U);
  EXPECT_LE(h.pool.stats().used_max[1], 1U);
}

TEST(DemoTest, EchoPausesTheClientThatDoesNotRead) {
  ExchangeHarness h({.blocks = 4});
  const std::string upload = pattern(100000);
  h.reading = false;
  h.start("POST", "/echo", demo(h), {}, &upload);
  for (int i = 0; i < 100; ++i) h.turn();
  EXPECT_LE(h.uploaded, 4 * h.pool.payload());
  EXPECT_GT(h.uploaded, 0U);
  h.reading = true;
  ASSERT_TRUE(h.run());
  EXPECT_TRUE(h.body == upload);
}

TEST(DemoTest, EchoOfABodyThatIsCutShortFails) {
  ExchangeHarness h({.blocks = 4});
  const std::string upload = pattern(10000);
  h.ends_upload = false;
  h.start("POST", "/echo", demo(h), {}, &upload);
  ASSERT_TRUE(h.run(100));
  EXPECT_TRUE(h.failed);
}

TEST(DemoTest, EchoWithoutABodyIsEmpty) {
  ExchangeHarness h;
  h.start("GET", "/echo", demo(h));
  EXPECT_EQ(h.status(), 200);
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "0");
}

TEST(DemoTest, StatusPages) {
  for (const int status : {200, 204, 205, 304, 404, 503, 599}) {
    ExchangeHarness h;
    h.start("GET", "/status/" + std::to_string(status), demo(h));
    ASSERT_TRUE(h.run(10));
    EXPECT_EQ(h.status(), status);
    const bool bodyless = status == 204 || status == 205 || status == 304;
    EXPECT_EQ(h.body, bodyless ? "" : std::to_string(status) + "\n");
  }
}

TEST(DemoTest, WhatIsNotThereIs404) {
  for (const char* path : {"/status/199", "/status/600", "/status/", "/bytes/-1", "/bytes/1x",
                           "/bytes/99999999999999", "/delay/60001", "/nothing", "/echo/"}) {
    ExchangeHarness h;
    h.start("GET", path, demo(h));
    ASSERT_TRUE(h.run(10));
    EXPECT_EQ(h.status(), 404) << path;
  }
}

TEST(DemoTest, TellsTheRequestBack) {
  ExchangeHarness h({.blocks = 2, .block_size = 4096});
  h.start("GET", "/?a=b", demo(h), {{"accept", "*/*"}, {"x-bytes", "a\xff\"\x01z"}, {"accept", "text/html"}});
  ASSERT_TRUE(h.run(100));
  EXPECT_EQ(h.field("content-type"), "application/json");
  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(h.body.c_str());
  ASSERT_FALSE(json.HasParseError()) << h.body;
  EXPECT_STREQ(json["method"].GetString(), "GET");
  EXPECT_STREQ(json["path"].GetString(), "/?a=b");
  EXPECT_STREQ(json["authority"].GetString(), "example.org");
  EXPECT_STREQ(json["client"].GetString(), "192.0.2.7");
  EXPECT_TRUE(json["tls"].GetBool());
  ASSERT_EQ(json["headers"].Size(), 3U);
  EXPECT_STREQ(json["headers"][1]["name"].GetString(), "x-bytes");
  EXPECT_STREQ(json["headers"][1]["value"].GetString(), "a\xEF\xBF\xBD\"\x01z");
  EXPECT_STREQ(json["headers"][2]["value"].GetString(), "text/html");
}

TEST(DemoTest, DelayAnswersAfterItsTime) {
  ExchangeHarness h;
  const auto began = std::chrono::steady_clock::now();
  h.start("GET", "/delay/30", demo(h));
  EXPECT_FALSE(h.responded);
  Deadline guard(h.loop, [&h] { h.loop.stop(); });
  guard.set(std::chrono::seconds(10));
  h.loop.set_turn_end([&h] {
    h.turn();
    if (h.over()) h.loop.stop();
    return false;
  });
  h.loop.run();
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(30));
  ASSERT_TRUE(h.over());
  EXPECT_EQ(h.body, "after 30 ms\n");
}

TEST(DemoTest, DelayOfNothingAnswersAtOnce) {
  ExchangeHarness h;
  h.start("GET", "/delay/0", demo(h));
  EXPECT_TRUE(h.responded);
}

TEST(DemoTest, DelayGivesUp) {
  ExchangeHarness h;
  h.start("GET", "/delay/1", demo(h));
  h.close("client reset it");
  Deadline guard(h.loop, [&h] { h.loop.stop(); });
  guard.set(std::chrono::milliseconds(20));
  h.loop.run();
  EXPECT_FALSE(h.responded);
}

}  // namespace
}  // namespace gateway
