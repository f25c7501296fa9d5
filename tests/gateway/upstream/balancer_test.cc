#include "gateway/upstream/balancer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/gateway/upstream/upstream_fixture.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;

class BalancerTest : public testing::Test {
 protected:
  explicit BalancerTest(std::size_t endpoints = 3) {
    for (std::size_t i = 0; i < endpoints; ++i) {
      const std::string host = "10.0.0." + std::to_string(i);
      health.push_back(std::make_unique<EndpointHealth>(host + ":1", EndpointHealth::Thresholds(), now));
      all.push_back(std::make_unique<FakeEndpoint>(house, host, *health.back()));
    }
  }
  /// The index of the endpoint that is picked, -1 for none.
  int pick(std::string_view except = {}) {
    const Endpoint* picked = balancer.pick(all, except, now);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].get() == picked) return static_cast<int>(i);
    }
    return -1;
  }
  std::vector<int> picks(int count) {
    std::vector<int> picked;
    for (int i = 0; i < count; ++i) picked.push_back(pick());
    return picked;
  }
  void down(std::size_t i) { health[i]->on_check(CheckResult::failed, "", now); }
  void up(std::size_t i) { health[i]->on_check(CheckResult::ok, "", now); }
  void out(std::size_t i) {
    for (unsigned n = 0; n < EndpointHealth::kConnectFailures; ++n) health[i]->on_connect_failed("", now);
  }

  Time now{1h};
  UpstreamHouse house;
  std::vector<std::unique_ptr<EndpointHealth>> health;
  std::vector<std::unique_ptr<Endpoint>> all;
  Balancer balancer{Policy::round_robin};
};

class SingleEndpointTest : public BalancerTest {
 protected:
  SingleEndpointTest() : BalancerTest(1) {}
};

using Picks = std::vector<int>;

TEST_F(BalancerTest, GoesRound) {
  EXPECT_EQ(picks(6), (Picks{0, 1, 2, 0, 1, 2}));
}

TEST_F(BalancerTest, SkipsWhoIsDown) {
  down(1);
  EXPECT_EQ(picks(4), (Picks{0, 2, 0, 2}));
  up(1);
  EXPECT_EQ(picks(3), (Picks{0, 1, 2}));
}

TEST_F(BalancerTest, NobodyWhenAllAreDown) {
  for (const std::size_t i : {0, 1, 2}) down(i);
  EXPECT_EQ(pick(), -1);
  EXPECT_EQ(pick("10.0.0.1:1"), -1);
}

TEST_F(BalancerTest, WhoIsOutGetsOneTrialWhenItsTimeIsOver) {
  out(1);
  EXPECT_EQ(picks(4), (Picks{0, 2, 0, 2}));
  now += 1s;
  EXPECT_EQ(picks(6), (Picks{0, 1, 2, 0, 2, 0}));
  health[1]->on_connected(now);
  EXPECT_EQ(picks(3), (Picks{1, 2, 0}));
}

TEST_F(BalancerTest, WhoIsOutIsTriedRatherThanNobody) {
  down(0);
  out(1);
  out(2);
  EXPECT_EQ(picks(4), (Picks{1, 2, 1, 2}));
}

TEST_F(BalancerTest, WhoFailedJustNowIsTheLastChoiceOfThoseThatAreIn) {
  EXPECT_EQ(pick("10.0.0.0:1"), 1);
  out(1);
  down(2);
  EXPECT_EQ(pick("10.0.0.0:1"), 0) << "rather than one that is known not to take connections";
  out(0);
  EXPECT_EQ(pick("10.0.0.0:1"), 1);
}

TEST_F(BalancerTest, TheLeastBusyOfThoseThatAreIn) {
  Balancer least(Policy::least_requests);
  const Active first(*all[0]), second(*all[2]);
  EXPECT_EQ(least.pick(all, {}, now), all[1].get());
  down(1);
  const Active third(*all[0]);
  EXPECT_EQ(least.pick(all, {}, now), all[2].get());
}

TEST_F(SingleEndpointTest, IsTriedThoughItIsOut) {
  out(0);
  EXPECT_EQ(picks(3), (Picks{0, 0, 0})) << "its return must not wait for anything";
  EXPECT_EQ(pick("10.0.0.0:1"), 0);
}

TEST_F(SingleEndpointTest, IsNotTriedWhenChecksFindItDown) {
  down(0);
  EXPECT_EQ(pick(), -1);
}

}  // namespace
}  // namespace gateway
