// Time with the pool empty: a time-out fires on time, once, and its answer never waits for memory (T1, T2).

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gateway/local_reply.h"
#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

using std::chrono::milliseconds;

/// A backend that takes the request and says nothing, or no more than a head.
class Silent final : public Backend {
 public:
  explicit Silent(bool sends_head) : sends_head_(sends_head) {}
  std::string_view name() const override { return "silent"; }
  void start(Exchange& exchange) override {
    exchange.sent();
    if (!sends_head_) return;
    h2::HeaderList head;
    head.add(":status", "200");
    exchange.respond(std::move(head), true);
    exchange.response_body().invite();
  }
  void give_up() override {}

 private:
  const bool sends_head_;
};

/// Answers with the error once there is one.
ExchangeHarness::MakeBackend silent(bool sends_head) {
  return [sends_head](Exchange&) { return std::make_unique<Silent>(sends_head); };
}

/// Runs the loop until the exchange is over; returns how many turns that took.
int run(ExchangeHarness& h, Duration most) {
  int turns = 0;
  Deadline end(h.loop, [&h] { h.loop.stop(); });
  end.set(most);
  h.loop.set_turn_end([&h, &turns] {
    ++turns;
    h.turn();
    if (h.over()) h.loop.stop();
    return h.local.has_granted();
  });
  h.loop.run();
  return turns;
}

std::vector<pool::BlockRef> take_all(ExchangeHarness& h) {
  std::vector<pool::BlockRef> blocks;
  for (const auto direction : {pool::Direction::request, pool::Direction::response}) {
    while (pool::BlockRef block = h.local.try_acquire(direction)) blocks.push_back(std::move(block));
  }
  return blocks;
}

TEST(ExchangeTime, T1_FiresOnTimeWithThePoolEmptyAndTurnsNoMoreThanItMust) {
  ExchangeHarness h(
      {.blocks = 2, .timeouts = {.response_header = {}, .stream_idle = milliseconds(300), .stall = {}}});
  const std::vector<pool::BlockRef> held = take_all(h);
  const Time began = std::chrono::steady_clock::now();
  h.start("GET", "/", silent(true));
  EXPECT_EQ(h.pool.stats().waiting[2], 1U);
  const int turns = run(h, std::chrono::seconds(10));
  const Duration took = std::chrono::steady_clock::now() - began;
  EXPECT_TRUE(h.failed) << "RST_STREAM: the head was sent";
  EXPECT_EQ(h.pool.stats().waiting[2], 0U);
  EXPECT_GE(took, milliseconds(300));
  EXPECT_LT(took, milliseconds(900));
  EXPECT_LT(turns, 20);
}

TEST(ExchangeTime, T1_ADeadlineThatHasPassedFiresOnce) {
  ExchangeHarness h(
      {.blocks = 2, .timeouts = {.response_header = milliseconds(20), .stream_idle = {}, .stall = {}}});
  const std::vector<pool::BlockRef> held = take_all(h);
  h.start("GET", "/", silent(false));
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_LT(run(h, std::chrono::seconds(10)), 10);
  EXPECT_EQ(h.status(), 504);
}

TEST(ExchangeTime, T1_TheLimitOfTheNextPhaseCountsFromItsBegin) {
  // The head comes at once: from then on it is stream_idle that counts, however far away the first limit was.
  ExchangeHarness h({.blocks = 2,
                     .timeouts = {.response_header = std::chrono::seconds(60),
                                  .stream_idle = milliseconds(200),
                                  .stall = std::chrono::seconds(60)}});
  const std::vector<pool::BlockRef> held = take_all(h);
  const Time began = std::chrono::steady_clock::now();
  h.start("GET", "/", silent(true));
  run(h, std::chrono::seconds(10));
  EXPECT_TRUE(h.failed);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(ExchangeTime, T2_WithABlockFreeTheAnswerHasABody) {
  ExchangeHarness h(
      {.blocks = 2, .timeouts = {.response_header = milliseconds(20), .stream_idle = {}, .stall = {}}});
  h.start("GET", "/", silent(false));
  run(h, std::chrono::seconds(10));
  EXPECT_EQ(h.status(), 504);
  EXPECT_TRUE(h.body.starts_with("504 ")) << h.body;
}

TEST(ExchangeTime, T2_WithNoneItHasNoBodyAndDoesNotWaitForOne) {
  ExchangeHarness h(
      {.blocks = 2, .timeouts = {.response_header = milliseconds(20), .stream_idle = {}, .stall = {}}});
  const std::vector<pool::BlockRef> held = take_all(h);
  h.start("GET", "/", silent(false));
  run(h, std::chrono::seconds(10));
  EXPECT_EQ(h.status(), 504);
  EXPECT_FALSE(h.exchange().response_has_body());
  EXPECT_EQ(h.field("content-length"), "0");
}

}  // namespace
}  // namespace gateway
