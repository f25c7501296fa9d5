#include "gateway/upstream/endpoint_health.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace gateway {
namespace {

using namespace std::chrono_literals;

class EndpointHealthTest : public testing::Test {
 protected:
  bool check(CheckResult result, std::string_view why = "why") { return health.on_check(result, why, now); }
  bool connect_fails(int times = 1) {
    bool changed = false;
    for (int i = 0; i < times; ++i) changed = health.on_connect_failed("refused", now);
    return changed;
  }
  /// The trial that is due goes to the endpoint and fails.
  void fail_trial() {
    ASSERT_TRUE(health.available(now));
    ASSERT_TRUE(health.claim(now));
    connect_fails();
  }

  EndpointHealth::Time now{1h};
  EndpointHealth health{"127.0.0.1:1", {.healthy = 2, .unhealthy = 3}, now};
};

TEST_F(EndpointHealthTest, IsUpUntilChecksFailInARow) {
  EXPECT_TRUE(health.available(now));
  EXPECT_FALSE(check(CheckResult::failed));
  EXPECT_FALSE(check(CheckResult::failed));
  EXPECT_FALSE(check(CheckResult::ok)) << "the row is broken";
  EXPECT_FALSE(check(CheckResult::failed));
  EXPECT_FALSE(check(CheckResult::failed));
  EXPECT_TRUE(health.up());
  EXPECT_TRUE(check(CheckResult::failed, "status 500"));
  EXPECT_FALSE(health.up());
  EXPECT_FALSE(health.available(now));
  EXPECT_FALSE(check(CheckResult::failed)) << "the change is told once";
  EXPECT_EQ(health.view(now).why, "status 500");
}

TEST_F(EndpointHealthTest, ComesBackAfterGoodChecksInARow) {
  for (int i = 0; i < 3; ++i) check(CheckResult::failed);
  EXPECT_FALSE(check(CheckResult::ok));
  EXPECT_FALSE(check(CheckResult::failed));
  EXPECT_FALSE(check(CheckResult::ok));
  EXPECT_FALSE(health.up());
  EXPECT_TRUE(check(CheckResult::ok));
  EXPECT_TRUE(health.up());
}

TEST_F(EndpointHealthTest, AnInconclusiveCheckCountsAndChangesNothing) {
  check(CheckResult::failed);
  check(CheckResult::failed);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(check(CheckResult::inconclusive));
  EXPECT_TRUE(health.up());
  EXPECT_EQ(health.view(now).bad_in_a_row, 2U) << "neither good nor bad";
  EXPECT_TRUE(check(CheckResult::failed));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(check(CheckResult::inconclusive));
  EXPECT_FALSE(health.up());
  EXPECT_EQ(health.view(now).checks[static_cast<std::size_t>(CheckResult::inconclusive)], 200U);
}

TEST_F(EndpointHealthTest, ConnectsThatFailInARowTakeItOutForASecond) {
  EXPECT_FALSE(connect_fails(2));
  EXPECT_FALSE(health.on_connected(now)) << "the row is broken";
  EXPECT_FALSE(connect_fails(2));
  EXPECT_TRUE(health.available(now));
  EXPECT_TRUE(connect_fails());
  EXPECT_TRUE(health.out());
  EXPECT_TRUE(health.up()) << "only checks find an endpoint down";
  EXPECT_FALSE(health.available(now + 999ms));
  EXPECT_TRUE(health.available(now + 1s));
}

TEST_F(EndpointHealthTest, OneTrialAtATime) {
  connect_fails(3);
  EXPECT_FALSE(health.claim(now + 999ms));
  now += 1s;
  EXPECT_TRUE(health.claim(now));
  EXPECT_FALSE(health.available(now));
  EXPECT_FALSE(health.claim(now)) << "another worker";
  EXPECT_TRUE(health.available(now + 1s)) << "a trial that came to nothing is not lost";
}

TEST_F(EndpointHealthTest, EachTrialThatFailsDoublesTheTimeUpToAMinute) {
  connect_fails(3);
  for (const auto out : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_FALSE(health.available(now + out - 1ms)) << out.count();
    now += out;
    fail_trial();
  }
}

TEST_F(EndpointHealthTest, FailuresWithoutATrialDoNotDouble) {
  connect_fails(300);
  EXPECT_TRUE(health.available(now + 1s));
}

TEST_F(EndpointHealthTest, AConnectionBringsItBackAndTheTimeBeginsAnew) {
  connect_fails(3);
  now += 1s;
  fail_trial();
  EXPECT_TRUE(health.on_connected(now));
  EXPECT_FALSE(health.on_connected(now)) << "told once";
  EXPECT_TRUE(health.available(now));
  EXPECT_FALSE(connect_fails(2));
  EXPECT_TRUE(connect_fails());
  EXPECT_TRUE(health.available(now + 1s));
}

TEST_F(EndpointHealthTest, TheViewTellsWhyAndSinceWhen) {
  connect_fails(3);
  now += 400ms;
  health.on_exchange_begins();
  const EndpointHealth::View view = health.view(now);
  EXPECT_TRUE(view.up && view.out);
  EXPECT_EQ(view.why, "refused");
  EXPECT_EQ(view.lasting, 400ms);
  EXPECT_EQ(view.until_trial, 600ms);
  EXPECT_EQ(view.active, 1);
  EXPECT_EQ(view.connect_failures, 3U);
}

TEST_F(EndpointHealthTest, WorkersClaimATrialOnce) {
  for (int round = 0; round < 200; ++round) {
    connect_fails(3);
    now += 2min;
    std::atomic<int> claimed{0};
    {
      std::vector<std::jthread> workers;
      for (int i = 0; i < 4; ++i) workers.emplace_back([&] { claimed += health.claim(now) ? 1 : 0; });
    }
    EXPECT_EQ(claimed, 1);
    health.on_connected(now);
  }
}

}  // namespace
}  // namespace gateway
