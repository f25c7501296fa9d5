#include "gateway/local_reply.h"

#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

ExchangeHarness::MakeBackend reply(Error error) {
  return [error = std::move(error)](Exchange&) { return std::make_unique<LocalReply>(error); };
}

const Error kNoRoute{
    .source = ErrorSource::routing, .status = 404, .reason = "no route for host example.org"};

TEST(LocalReplyTest, SaysWhyInALine) {
  ExchangeHarness h({.blocks = 16});
  h.start("GET", "/", reply(kNoRoute));
  ASSERT_TRUE(h.run(10));
  EXPECT_EQ(h.exchange().endpoint(), "local");
  EXPECT_EQ(h.status(), 404);
  EXPECT_EQ(h.field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(h.body, "404 no route for host example.org\n");
  EXPECT_EQ(h.field("content-length"), std::to_string(h.body.size()));
  EXPECT_FALSE(h.exchange().response().find("retry-after"));
}

TEST(LocalReplyTest, HasNoBodyWhenThePoolIsEmpty) {
  ExchangeHarness h({.blocks = 1});
  const pool::BlockRef held = h.local.try_acquire(pool::Direction::response);
  ASSERT_TRUE(held);
  h.start("GET", "/", reply({.source = ErrorSource::timeout, .status = 504, .reason = "no response header"}));
  EXPECT_TRUE(h.over());
  EXPECT_EQ(h.status(), 504);
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "0");
  EXPECT_EQ(h.pool.stats().waiting[2], 0U) << "memory is not waited for";
}

TEST(LocalReplyTest, TheDoorbellCarriesTheBodyWhenThePoolIsEmpty) {
  ExchangeHarness h({.blocks = 1, .doorbell = 512});
  const pool::BlockRef held = h.local.try_acquire(pool::Direction::response);
  h.start("GET", "/", reply(kNoRoute));
  ASSERT_TRUE(h.run(10));
  EXPECT_EQ(h.body, "404 no route for host example.org\n");
}

TEST(LocalReplyTest, HeadGetsTheLengthOnly) {
  ExchangeHarness h;
  h.start("HEAD", "/", reply(kNoRoute));
  EXPECT_TRUE(h.over());
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "34");
  EXPECT_EQ(h.exchange().response_body().blocks(), 0U);
}

TEST(LocalReplyTest, ClosesTheRequestsBody) {
  ExchangeHarness h;
  const std::string upload(100000, 'x');
  h.start("POST", "/", reply(kNoRoute), {}, &upload);
  EXPECT_TRUE(h.exchange().request_body().closed());
}

TEST(LocalReplyTest, UnavailableSaysWhenToTryAgain) {
  ExchangeHarness h;
  h.start("GET", "/", reply({.source = ErrorSource::endpoint, .status = 503, .reason = "no endpoint"}));
  EXPECT_EQ(h.field("retry-after"), "1");
}

TEST(LocalReplyTest, AReasonStaysALineAndFitsIntoABlock) {
  ExchangeHarness h({.blocks = 16});
  h.start("GET", "/", reply({.status = 502, .reason = "a\r\nb\x7f" + std::string(5000, 'c')}));
  ASSERT_TRUE(h.run(10));
  EXPECT_TRUE(h.body.starts_with("502 a??b?ccc"));
  EXPECT_EQ(h.body.find('\n'), h.body.size() - 1);
  EXPECT_LT(h.body.size(), 500U);
}

TEST(LocalReplyTest, OverHttp1NothingIsAGrpcCall) {
  ExchangeHarness h({.blocks = 16, .protocol = "1.1"});
  h.start("POST", "/a.B/C", reply(kNoRoute), {{"content-type", "application/grpc"}});
  ASSERT_TRUE(h.run(10));
  EXPECT_EQ(h.status(), 404);
}

TEST(LocalReplyTest, AGrpcCallGetsItsStatusInAHeadAlone) {
  ExchangeHarness h;
  const std::string upload(100000, 'x');
  h.start("POST", "/a.B/C", reply(kNoRoute), {{"content-type", "application/grpc+proto"}}, &upload);
  EXPECT_TRUE(h.over());
  EXPECT_EQ(h.status(), 200);
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-type"), "application/grpc");
  EXPECT_EQ(h.field("grpc-status"), "12");
  EXPECT_EQ(h.field("grpc-message"), "no route for host example.org");
  EXPECT_TRUE(h.exchange().request_body().closed());
}

}  // namespace
}  // namespace gateway
