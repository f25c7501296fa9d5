#include "gateway/upstream/health_check.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "tests/gateway/net/net_fixture.h"
#include "tests/gateway/upstream/upstream_fixture.h"

namespace gateway {
namespace {

class HealthCheckTest : public testing::Test {
 protected:
  HealthCheckTest() {
    config.path = "/healthz?deep";
    config.interval = 60s;
    config.timeout = 20s;
    config.healthy = config.unhealthy = 1;
  }
  ~HealthCheckTest() override {
    if (check != nullptr) check->stop();
    turn();
  }
  void start(std::size_t doorbell = 0) {
    auto made = std::make_unique<FakeEndpoint>(house, "10.0.0.1", health);
    endpoint = made.get();
    check = std::make_unique<HealthCheck>(
        HealthCheck::Parts{house.parts, "app", config, "app.internal", true, doorbell}, std::move(made));
    check->start();
    ASSERT_NE(endpoint->exchange, nullptr);
  }
  void turn() {
    house.local.deliver();
    while (house.turn_end.run()) {
    }
  }
  /// Turns the loop until a check has ended with that result.
  bool wait_for(CheckResult result, std::uint64_t count = 1) {
    return run_until(house.loop, [&] {
      turn();
      return results(result) >= count;
    });
  }
  std::uint64_t results(CheckResult result) const {
    return house.worker_stats.health_checks[static_cast<std::size_t>(result)].value();
  }
  void respond(int status, bool has_body) {
    endpoint->exchange->sent();
    h2::HeaderList head;
    head.add(":status", std::to_string(status));
    endpoint->exchange->respond(std::move(head), has_body);
  }
  pool::Pipe& body() { return endpoint->exchange->response_body(); }
  /// Takes every block that responses may have.
  std::vector<pool::BlockRef> exhaust() {
    std::vector<pool::BlockRef> held;
    while (pool::BlockRef block = house.local.try_acquire(pool::Direction::response))
      held.push_back(std::move(block));
    return held;
  }
  std::string why() const { return health.view(Time::max()).why; }

  HealthConfig config;
  UpstreamHouse house;
  EndpointHealth health{"10.0.0.1:1", {1, 1}, Time{}};
  FakeEndpoint* endpoint = nullptr;
  std::unique_ptr<HealthCheck> check;
};

TEST_F(HealthCheckTest, SendsARequestOfItsOwn) {
  start();
  const h2::HeaderList& request = endpoint->exchange->request();
  EXPECT_EQ(request.get(":method"), "GET");
  EXPECT_EQ(request.get(":scheme"), "https");
  EXPECT_EQ(request.get(":authority"), "app.internal");
  EXPECT_EQ(request.get(":path"), "/healthz?deep");
  EXPECT_FALSE(endpoint->exchange->request_has_body());
}

TEST_F(HealthCheckTest, AHeadWithAGoodStatusIsOk) {
  for (const int status : {200, 204, 302, 399}) {
    start();
    respond(status, false);
    turn();
    EXPECT_EQ(endpoint->exchange, nullptr);
    check->stop();
    turn();
  }
  EXPECT_EQ(results(CheckResult::ok), 4U);
  EXPECT_TRUE(health.up());
}

TEST_F(HealthCheckTest, OtherStatusesFail) {
  std::uint64_t failed = 0;
  for (const int status : {400, 404, 500, 503}) {
    start();
    respond(status, false);
    turn();
    EXPECT_EQ(results(CheckResult::failed), ++failed) << status;
    check->stop();
    turn();
  }
  EXPECT_FALSE(health.up());
  EXPECT_EQ(why(), "status 400");
}

TEST_F(HealthCheckTest, TheBodyIsTakenToItsEnd) {
  start();
  respond(200, true);
  for (int i = 0; i < 5; ++i) {
    ASSERT_GT(body().invite(), 0U);
    EXPECT_EQ(body().write(bytes_of(std::string(500, 'x'))), 500U);
    turn();
    EXPECT_EQ(body().readable(), 0U);
    EXPECT_EQ(results(CheckResult::ok), 0U);
  }
  body().finish();
  turn();
  EXPECT_EQ(results(CheckResult::ok), 1U);
}

TEST_F(HealthCheckTest, ABodyWithoutEndIsJudgedByItsStatus) {
  start();
  respond(200, true);
  std::size_t sent = 0;
  while (endpoint->exchange != nullptr && sent < 2 * HealthCheck::kMostBody) {
    sent += body().write(bytes_of(std::string(500, 'x')));
    turn();
  }
  EXPECT_EQ(results(CheckResult::ok), 1U);
  EXPECT_LE(sent, HealthCheck::kMostBody + 500);
}

TEST_F(HealthCheckTest, ABodyThatIsCutShortFails) {
  start();
  respond(200, true);
  endpoint->exchange->fail({.source = ErrorSource::backend, .status = 502, .reason = "it broke"});
  turn();
  EXPECT_EQ(results(CheckResult::failed), 1U);
  EXPECT_EQ(why(), "it broke");
}

TEST_F(HealthCheckTest, AConnectThatFailsIsNotRepeated) {
  start();
  endpoint->exchange->fail(
      {.source = ErrorSource::endpoint, .status = 502, .reason = "refused", .retry_safe = true});
  turn();
  EXPECT_EQ(endpoint->made, 1);
  EXPECT_EQ(results(CheckResult::failed), 1U);
  EXPECT_EQ(why(), "refused");
}

TEST_F(HealthCheckTest, AKeptConnectionThatWasClosedSaysNothing) {
  start();
  const Error closed{.source = ErrorSource::backend, .status = 502, .reason = "closed", .retry_safe = true};
  endpoint->exchange->sent();
  endpoint->exchange->fail(closed);
  ASSERT_NE(endpoint->exchange, nullptr);
  EXPECT_EQ(endpoint->made, 2);
  endpoint->exchange->fail(closed);
  turn();
  EXPECT_EQ(endpoint->made, 2) << "once is enough";
  EXPECT_EQ(results(CheckResult::failed), 1U);
}

TEST_F(HealthCheckTest, WhatOurOwnSideRefusesIsInconclusive) {
  start();
  endpoint->exchange->fail({.source = ErrorSource::gateway, .status = 503, .reason = "no memory"});
  turn();
  EXPECT_EQ(results(CheckResult::inconclusive), 1U);
  EXPECT_TRUE(health.up());
}

TEST_F(HealthCheckTest, NoResponseInTimeFails) {
  config.timeout = 20ms;
  start();
  endpoint->exchange->sent();
  ASSERT_TRUE(wait_for(CheckResult::failed));
  EXPECT_EQ(why(), "no response within 20 ms");
}

TEST_F(HealthCheckTest, NoConnectionInTimeFails) {
  config.timeout = 20ms;
  start();
  ASSERT_TRUE(wait_for(CheckResult::failed));
  EXPECT_EQ(why(), "no connection within 20 ms");
}

TEST_F(HealthCheckTest, ABodyThatDoesNotEndInTimeFails) {
  config.timeout = 20ms;
  start();
  respond(200, true);
  body().invite();
  ASSERT_TRUE(wait_for(CheckResult::failed));
  EXPECT_EQ(why(), "the body did not end within 20 ms");
}

TEST_F(HealthCheckTest, C4ACheckThatGotNoBlockInTimeIsInconclusive) {
  config.timeout = 20ms;
  auto held = exhaust();
  start();
  respond(200, true);
  EXPECT_EQ(body().invite(), 0U) << "there is no block";
  EXPECT_EQ(house.pool.stats().waiting[static_cast<std::size_t>(pool::Urgency::keep)], 1U);
  ASSERT_TRUE(wait_for(CheckResult::inconclusive));
  EXPECT_TRUE(health.up());
  EXPECT_EQ(results(CheckResult::failed), 0U);
  EXPECT_EQ(house.pool.stats().waiting[static_cast<std::size_t>(pool::Urgency::keep)], 0U);
}

TEST_F(HealthCheckTest, C4ABlockThatComesInTimeIsUsed) {
  auto held = exhaust();
  start();
  respond(200, true);
  EXPECT_EQ(body().invite(), 0U);
  held.clear();
  turn();
  ASSERT_GT(body().room(), 0U) << "it waited like others, and its turn came";
  body().write(bytes_of("fine"));
  body().finish();
  turn();
  EXPECT_EQ(results(CheckResult::ok), 1U);
}

TEST_F(HealthCheckTest, C4WithoutABlockABadStatusIsStillBad) {
  config.timeout = 20ms;
  auto held = exhaust();
  start();
  respond(500, true);
  body().invite();
  ASSERT_TRUE(wait_for(CheckResult::failed));
  EXPECT_EQ(why(), "status 500");
}

TEST_F(HealthCheckTest, C4AnEndpointThatSaysNothingFailsWithThePoolEmptyToo) {
  config.timeout = 20ms;
  auto held = exhaust();
  start();
  endpoint->exchange->sent();
  body().invite();
  ASSERT_TRUE(wait_for(CheckResult::failed)) << "a head needs no block";
}

TEST_F(HealthCheckTest, TheNextCheckBeginsAfterTheInterval) {
  config.interval = config.timeout = 20ms;
  start();
  const Time began = house.loop.now();
  respond(200, false);
  turn();
  EXPECT_EQ(endpoint->exchange, nullptr);
  ASSERT_TRUE(run_until(house.loop, [&] {
    turn();
    return endpoint->exchange != nullptr;
  }));
  EXPECT_GE(house.loop.now() - began, 20ms);
  respond(500, false);
  turn();
  EXPECT_FALSE(health.up());
}

TEST_F(HealthCheckTest, StopGivesUpTheCheckUnderWay) {
  start();
  respond(200, true);
  body().invite();
  check->stop();
  turn();
  EXPECT_EQ(endpoint->exchange, nullptr);
  EXPECT_EQ(results(CheckResult::ok) + results(CheckResult::failed) + results(CheckResult::inconclusive), 0U);
}

}  // namespace
}  // namespace gateway
