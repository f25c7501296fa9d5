// The shortage that tests ask for: who is refused, and that nobody freezes.

#include "pool/shortage.h"

#include <gtest/gtest.h>

#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

PoolLimits limits_with(const Shortage& shortage) {
  PoolLimits limits{PoolLimits::kMinBlockSize, 8, 0, 0};
  limits.shortage = shortage;
  return limits;
}

TEST(ShortageDice, RefusesEachNth) {
  ShortageDice dice({.every = 3}, 0);
  std::string refused;
  for (int i = 0; i < 9; ++i) refused += dice.refuse() ? 'x' : '.';
  EXPECT_EQ(refused, "..x..x..x");
}

TEST(ShortageDice, RefusesNobodyByDefault) {
  ShortageDice dice({}, 0);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(dice.refuse());
}

TEST(ShortageDice, RefusesAShareAtRandomAndTheSameWithTheSameSeed) {
  const Shortage third{.every = 0, .share = 0.33, .seed = 7};
  ShortageDice dice(third, 0);
  ShortageDice same(third, 0);
  ShortageDice other(third, 1);
  int refused = 0;
  int differs = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool is_refused = dice.refuse();
    refused += is_refused ? 1 : 0;
    ASSERT_EQ(same.refuse(), is_refused);
    differs += other.refuse() != is_refused ? 1 : 0;
  }
  EXPECT_NEAR(refused, 3300, 200);
  EXPECT_GT(differs, 1000) << "the workers' dice differ";
}

TEST(Shortage, ARefusedRequestIsServedByASubscription) {
  CountingWaker waker;
  BufferPool pool(limits_with({.every = 1}));
  LocalPool local(pool, waker);
  TurnGroup group;
  Waiter waiter(local, group);
  EXPECT_FALSE(local.try_acquire(Direction::request));
  EXPECT_FALSE(local.try_acquire_spare(Direction::request));
  EXPECT_EQ(pool.stats().refused, 2U);
  waiter.request();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(waiter.held.size(), 1U);
  waiter.held.clear();
  expect_all_back(pool);
}

}  // namespace
}  // namespace pool
