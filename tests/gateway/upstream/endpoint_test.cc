#include "gateway/upstream/endpoint.h"

#include <gtest/gtest.h>

#include "tests/gateway/net/net_fixture.h"
#include "tests/gateway/upstream/upstream_fixture.h"

namespace gateway {
namespace {

constexpr std::ptrdiff_t kBudget = 1 << 20;

TEST(Endpoint, AnotherConnectionWaitsForMemoryAndTheFirstDoesNot) {
  UpstreamHouse house;
  EndpointHealth health("10.0.0.1:1", {}, house.loop.now());
  FakeEndpoint endpoint(house, "10.0.0.1", health);
  house.admission.set_budget(kBudget, 0);
  EXPECT_TRUE(endpoint.may_dial(1));
  EXPECT_EQ(house.worker_stats.upstream_waits.value(), 0U);

  house.ledger.charge(pool::Account::heap, kBudget);
  EXPECT_TRUE(endpoint.may_dial(0)) << "or who waits for it would never get on";
  EXPECT_FALSE(endpoint.may_dial(1));
  EXPECT_EQ(house.worker_stats.upstream_waits.value(), 1U);
  EXPECT_TRUE(run_until(house.loop, [&] { return endpoint.asked_to_dial == 1; })) << "it is told to ask again";

  house.ledger.charge(pool::Account::heap, -kBudget);
  EXPECT_TRUE(endpoint.may_dial(1));
  EXPECT_EQ(house.worker_stats.upstream_waits.value(), 1U);
}

TEST(Endpoint, WhoWaitsFailsWhereNoAddressIsKnown) {
  UpstreamHouse house;
  EndpointHealth health("10.0.0.1:1", {}, house.loop.now());
  FakeEndpoint endpoint(house, "10.0.0.1", health);
  endpoint.dial(1);
  EXPECT_EQ(endpoint.failure, "") << "it has as many connections as it may have";
  endpoint.dial(0);
  EXPECT_EQ(endpoint.failure, "10.0.0.1:1: address not known yet");
  EXPECT_EQ(house.worker_stats.upstream_connections_opened.value(), 0U);
}

TEST(Endpoint, TheEndOfAConnectionFailsWhoWaitsOnlyIfItNeverOpened) {
  UpstreamHouse house;
  EndpointHealth health("10.0.0.1:1", {}, house.loop.now());
  FakeEndpoint endpoint(house, "10.0.0.1", health);
  endpoint.on_connection_end(nullptr);
  EXPECT_EQ(endpoint.failure, "");
  EXPECT_EQ(endpoint.asked_to_dial, 1) << "for who waited for it";
  const Error refused = connect_failed("10.0.0.1:1", "refused");
  endpoint.on_connection_end(&refused);
  EXPECT_EQ(endpoint.failure, "connect to 10.0.0.1:1: refused");
  EXPECT_EQ(endpoint.asked_to_dial, 2);
  EXPECT_EQ(house.worker_stats.upstream_connections_failed.value(), 1U);
}

}  // namespace
}  // namespace gateway
