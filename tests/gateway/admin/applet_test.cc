#include "gateway/admin/applet.h"

#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

std::string long_text(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

ExchangeHarness::MakeBackend page(ExchangeHarness& h, Page page) {
  return [&h, page = std::move(page)](Exchange&) { return make_page_applet(h.turn_end, "admin", page); };
}

TEST(AppletTest, APageLargerThanThePoolPausesAndGoesOn) {
  for (const std::size_t blocks : {std::size_t{1}, std::size_t{2}}) {
    ExchangeHarness h({.blocks = blocks});
    const std::string text = long_text(50000);
    h.reading = false;
    h.start("GET", "/", page(h, {.body = text, .fields = {}}));
    for (int i = 0; i < 5; ++i) h.turn();
    EXPECT_EQ(h.exchange().endpoint(), "admin");
    EXPECT_EQ(h.field("content-length"), "50000");
    EXPECT_LE(h.exchange().response_body().bytes_in(), blocks * h.pool.payload());
    EXPECT_TRUE(h.exchange().response_body().pauses().has(pool::Pause::sink_slow));
    h.reading = true;
    ASSERT_TRUE(h.run());
    EXPECT_EQ(h.body, text);
    EXPECT_LE(h.pool.stats().used_max[1], blocks);
  }
}

TEST(AppletTest, WaitsInThePoolsQueueWhenThereIsNoBlock) {
  ExchangeHarness h({.blocks = 1});
  pool::BlockRef held = h.local.try_acquire(pool::Direction::response);
  ASSERT_TRUE(held);
  h.start("GET", "/", page(h, {.body = "text", .fields = {}}));
  for (int i = 0; i < 5; ++i) h.turn();
  EXPECT_TRUE(h.responded);
  EXPECT_EQ(h.body, "");
  EXPECT_TRUE(h.exchange().response_body().pauses().has(pool::Pause::no_block));
  held = {};
  ASSERT_TRUE(h.run(10));
  EXPECT_EQ(h.body, "text");
}

TEST(AppletTest, GivesUpWhileItWaits) {
  ExchangeHarness h({.blocks = 1});
  pool::BlockRef held = h.local.try_acquire(pool::Direction::response);
  h.start("GET", "/", page(h, {.body = "text", .fields = {}}));
  h.turn();
  h.close("client reset it");
  EXPECT_EQ(h.pool.stats().waiting[2], 0U);
}

TEST(AppletTest, TakesNoBlockBeforeTheClientAccepts) {
  ExchangeHarness h({.blocks = 1});
  h.start("HEAD", "/", page(h, {.body = "text", .fields = {}}));
  EXPECT_TRUE(h.over());
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "4");
  EXPECT_EQ(h.exchange().response_body().blocks(), 0U);
}

TEST(AppletTest, HeadsOfBodylessStatusesHaveNoLength) {
  for (const int status : {204, 304}) {
    ExchangeHarness h;
    h.start("GET", "/", page(h, {.status = status, .type = "", .body = "", .fields = {}}));
    EXPECT_EQ(h.status(), status);
    EXPECT_FALSE(h.exchange().response_has_body());
    EXPECT_FALSE(h.exchange().response().find("content-length"));
    EXPECT_FALSE(h.exchange().response().find("content-type"));
  }
}

TEST(AppletTest, TakesTheRequestsBodyAndDropsIt) {
  ExchangeHarness h({.blocks = 2});
  const std::string upload = long_text(100000);
  h.start("POST", "/", page(h, {.body = "text", .fields = {}}), {}, &upload);
  for (int i = 0; i < 1000 && !h.exchange().request_body().drained(); ++i) h.turn();
  EXPECT_TRUE(h.exchange().request_body().drained());
  EXPECT_EQ(h.exchange().bytes_from_client(), upload.size());
  EXPECT_EQ(h.body, "text");
}

TEST(AppletTest, PathEndsAtTheQuery) {
  EXPECT_EQ(path_of("/a/b?c=/d"), "/a/b");
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("?"), "");
}

}  // namespace
}  // namespace gateway
