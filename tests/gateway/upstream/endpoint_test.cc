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
  EXPECT_TRUE(run_until(house.loop, [&] { return endpoint.may_dials == 1; })) << "it is told to ask again";

  house.ledger.charge(pool::Account::heap, -kBudget);
  EXPECT_TRUE(endpoint.may_dial(1));
  EXPECT_EQ(house.worker_stats.upstream_waits.value(), 1U);
}

}  // namespace
}  // namespace gateway
