// The cap changes while the pool runs, and memory of blocks that nobody uses goes back to the kernel.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <fstream>
#include <vector>

#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

constexpr std::size_t kKiB = 1024;

class CapTest : public PoolTest {
 protected:
  CapTest() : PoolTest(PoolLimits::with_reserves(16 * kKiB, 256)) {}

  static std::size_t resident_kib() {
    std::ifstream statm("/proc/self/statm");
    std::size_t size = 0;
    std::size_t resident = 0;
    statm >> size >> resident;
    return resident * 4;
  }
  static void fill(std::vector<BlockRef>& blocks) {
    for (BlockRef& block : blocks) {
      std::memset(block->space().data(), 1, block->space().size());
    }
  }
  std::vector<BlockRef> take(std::size_t count) {
    std::vector<BlockRef> blocks;
    while (blocks.size() < count) {
      BlockRef block = local.try_acquire(Direction::response);
      if (!block) break;
      blocks.push_back(std::move(block));
    }
    return blocks;
  }
};

TEST_F(CapTest, MemoryOfIdleBlocksGoesBackToTheKernel) {
  auto blocks = take(200);
  ASSERT_EQ(blocks.size(), 200U);
  fill(blocks);
  const std::size_t full = resident_kib();
  blocks.clear();
  EXPECT_EQ(pool.trim(), 0U) << "they were in use a moment ago";
  EXPECT_EQ(pool.stats().resident, 200U);
  expect_oracle(pool);
  EXPECT_GE(pool.trim(), 180U) << "all but those in the worker's cache";
  expect_oracle(pool);
  EXPECT_LE(pool.stats().resident, 20U);
  EXPECT_LT(resident_kib() + 180 * 16 - 256, full);
  // What was given back is as good as new.
  blocks = take(224);
  EXPECT_EQ(blocks.size(), 224U);
  for (const BlockRef& block : blocks) EXPECT_EQ(block->space().size(), pool.payload());
}

TEST_F(CapTest, TrimKeepsWhatWasUsedLately) {
  auto blocks = take(100);
  pool.trim();
  blocks.resize(10);
  EXPECT_EQ(pool.trim(), 0U);
  blocks.clear();
  EXPECT_LE(pool.stats().resident - pool.trim(), 18U);  // ten, and the cache
}

TEST_F(CapTest, TrimNeverTakesWhatSomebodyWaitsFor) {
  auto blocks = take_all();
  Waiter waiter(local, group);
  waiter.request(Urgency::leave);
  ASSERT_TRUE(waiter.subscription.waiting());
  EXPECT_EQ(pool.trim(), 0U);
  blocks.pop_back();
  EXPECT_EQ(local.deliver(), 1U);
  waiter.held.clear();
}

TEST_F(CapTest, AHigherCapServesWhoWaitsAtOnce) {
  auto blocks = take_all();
  std::array<TurnGroup, 5> groups;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (TurnGroup& one : groups) {
    waiters.push_back(std::make_unique<Waiter>(local, one));
    waiters.back()->request(Urgency::leave);
  }
  pool.set_blocks(260);
  EXPECT_EQ(local.deliver(), 4U) << "of four more blocks, the reserve of the other direction as it was";
  EXPECT_GT(waker.count, 0);
  expect_oracle(pool);
  pool.set_blocks(300);
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(pool.blocks(), 300U);
}

TEST_F(CapTest, ALowerCapTakesNothingFromWhoHoldsButGivesNothingOutAgain) {
  auto blocks = take(100);
  fill(blocks);
  pool.set_blocks(50);
  EXPECT_TRUE(pool.under_pressure()) << "holders shrink";
  EXPECT_FALSE(local.try_acquire(Direction::response));
  Waiter waiter(local, group);
  waiter.request(Urgency::leave);
  blocks.resize(60);
  EXPECT_EQ(local.deliver(), 0U);
  EXPECT_TRUE(pool.under_pressure());
  blocks.resize(40);
  EXPECT_EQ(local.deliver(), 1U) << "below the cap and its reserve it is given out again";
  EXPECT_FALSE(pool.under_pressure());
  blocks.clear();
  waiter.held.clear();
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.free, 50U);
  EXPECT_TRUE(pool.consistent());
  pool.trim();
  pool.trim();
  EXPECT_LE(pool.stats().resident, 50U);
  // Each direction has its share of the fewer blocks.
  EXPECT_EQ(take_all(Direction::request).size(), 44U);
  pool.set_blocks(256);
}

TEST_F(CapTest, OneBlockIsTheLeast) {
  auto blocks = take(3);
  pool.set_blocks(1);
  blocks.clear();
  const BlockRef request = local.try_acquire(Direction::request);
  EXPECT_TRUE(request);
  EXPECT_FALSE(local.try_acquire(Direction::response));
  pool.set_blocks(256);
}

}  // namespace
}  // namespace pool
