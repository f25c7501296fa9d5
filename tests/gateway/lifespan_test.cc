#include "gateway/lifespan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

class LifespanTest : public testing::Test {
 protected:
  Lifespan make(const KeepAliveLimits& limits) {
    return Lifespan(loop, jitter, limits, retirements, [this](Retirement why) { ends.push_back(why); });
  }
  std::uint64_t retired(Retirement why) const { return retirements[static_cast<std::size_t>(why)].value(); }

  EventLoop loop;
  Jitter jitter{7};
  Retirements retirements;
  std::vector<Retirement> ends;
};

TEST_F(LifespanTest, TheLastRequestEndsIt) {
  Lifespan lifespan = make({.max_requests = 3});
  lifespan.begin();
  lifespan.request();
  lifespan.request();
  EXPECT_FALSE(lifespan.over());
  lifespan.request();
  EXPECT_TRUE(lifespan.over());
  lifespan.request();  // came before the client had heard of it
  EXPECT_EQ(ends, std::vector{Retirement::max_requests});
  EXPECT_EQ(retired(Retirement::max_requests), 1U);
}

TEST_F(LifespanTest, ItsAgeEndsItNotBeforeItsTime) {
  Lifespan lifespan = make({.max_age = 40ms, .max_requests = 10});
  const Time began = loop.now();
  lifespan.begin();
  ASSERT_TRUE(run_until(loop, [&] { return lifespan.over(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 36ms);
  for (int i = 0; i < 20; ++i) lifespan.request();
  EXPECT_EQ(ends, std::vector{Retirement::max_age});
  EXPECT_EQ(retired(Retirement::max_age), 1U);
  EXPECT_EQ(retired(Retirement::max_requests), 0U);
}

TEST_F(LifespanTest, ZeroMeansForEver) {
  Lifespan lifespan = make({});
  lifespan.begin();
  for (int i = 0; i < 1000; ++i) lifespan.request();
  run_for(loop, 20ms);
  EXPECT_FALSE(lifespan.over());
  EXPECT_TRUE(ends.empty());
}

TEST_F(LifespanTest, WhatHasEndedOtherwiseIsNotCounted) {
  Lifespan lifespan = make({.max_age = 5ms, .max_requests = 1});
  lifespan.begin();
  lifespan.clear();
  lifespan.request();
  run_for(loop, 20ms);
  EXPECT_TRUE(ends.empty());
}

TEST(Jitter, SpreadsByATenthBothWays) {
  Jitter jitter(1);
  std::vector<Duration> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(jitter.spread(1000ms));
  const auto [least, most] = std::ranges::minmax(all);
  EXPECT_GE(least, 900ms);
  EXPECT_LE(most, 1100ms);
  EXPECT_LT(least, 905ms);
  EXPECT_GT(most, 1095ms);
  const auto below = std::ranges::count_if(all, [](Duration d) { return d < 1000ms; });
  EXPECT_NEAR(static_cast<double>(below), 5000, 300);
}

TEST(Jitter, TheSameSeedSpreadsAlike) {
  Jitter one(42);
  Jitter other(42);
  Jitter third(43);
  EXPECT_EQ(one.spread(24h), other.spread(24h));
  EXPECT_NE(one.spread(24h), third.spread(24h));
}

TEST(Jitter, TheShortestAgeStaysAnAge) {
  Jitter jitter(1);
  for (int i = 0; i < 1000; ++i) EXPECT_GT(jitter.spread(1ms), Duration::zero());
}

}  // namespace
}  // namespace gateway
