#include "pool/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <set>

#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

class FourBlocks : public PoolTest {
 protected:
  FourBlocks() : PoolTest(PoolLimits{kBlock, 4, 1, 1}) {}
};

TEST(PoolLimits, ReservesAnEighthForEachDirection) {
  EXPECT_EQ(PoolLimits::with_reserves(16384, 1).reserve_for_requests, 0U);
  EXPECT_EQ(PoolLimits::with_reserves(16384, 2).reserve_for_requests, 1U);
  EXPECT_EQ(PoolLimits::with_reserves(16384, 4).reserve_for_responses, 1U);
  EXPECT_EQ(PoolLimits::with_reserves(16384, 4096).reserve_for_responses, 512U);
}

TEST(BufferPool, OneBlockServesBothDirectionsInTurn) {
  BufferPool pool(PoolLimits::with_reserves(PoolLimits::kMinBlockSize, 1));
  CountingWaker waker;
  LocalPool local(pool, waker);
  for (const Direction direction : {Direction::request, Direction::response, Direction::request}) {
    const BlockRef block = local.try_acquire(direction);
    ASSERT_TRUE(block);
    EXPECT_FALSE(local.try_acquire(Direction::request));
    EXPECT_FALSE(local.try_acquire(Direction::response));
    expect_oracle(pool);
  }
  expect_all_back(pool);
}

TEST(BufferPool, OfTwoBlocksEachDirectionHasOne) {
  BufferPool pool(PoolLimits::with_reserves(PoolLimits::kMinBlockSize, 2));
  CountingWaker waker;
  LocalPool local(pool, waker);
  {
    const BlockRef request = local.try_acquire(Direction::request);
    EXPECT_TRUE(request);
    EXPECT_FALSE(local.try_acquire(Direction::request));
    const BlockRef response = local.try_acquire(Direction::response);
    EXPECT_TRUE(response);
    EXPECT_FALSE(local.try_acquire(Direction::response));
  }
  expect_all_back(pool);
}

TEST(BufferPool, MapsSlabsOnDemand) {
  BufferPool pool({PoolLimits::kMinBlockSize, 100, 0, 0});
  CountingWaker waker;
  LocalPool local(pool, waker);
  EXPECT_EQ(pool.stats().mapped, 0U);
  EXPECT_EQ(pool.stats().free, 100U);
  std::vector<BlockRef> blocks{local.try_acquire(Direction::request)};
  const std::size_t first_slab = pool.stats().mapped;
  EXPECT_GT(first_slab, 0U);
  EXPECT_LT(first_slab, 100U);
  while (BlockRef block = local.try_acquire(Direction::request)) {
    blocks.push_back(std::move(block));
    expect_oracle(pool);
  }
  EXPECT_EQ(blocks.size(), 100U);
  EXPECT_EQ(pool.stats().mapped, 100U);
  blocks.clear();
  EXPECT_EQ(pool.stats().mapped, 100U);
  expect_all_back(pool);
}

TEST(BufferPool, BlocksAreDistinctAlignedAndWhollyWritable) {
  BufferPool pool({PoolLimits::kMinBlockSize + 7, 5, 0, 0});
  CountingWaker waker;
  LocalPool local(pool, waker);
  std::vector<BlockRef> blocks;
  while (BlockRef block = local.try_acquire(Direction::request)) blocks.push_back(std::move(block));
  ASSERT_EQ(blocks.size(), 5U);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i].get()) % alignof(std::max_align_t), 0U);
    ASSERT_EQ(blocks[i]->space().size(), pool.payload());
    std::memset(blocks[i]->space().data(), static_cast<int>(i), pool.payload());
    blocks[i]->fill(pool.payload());
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (const std::byte byte : blocks[i]->filled()) ASSERT_EQ(byte, static_cast<std::byte>(i));
  }
}

TEST_F(FourBlocks, NeverMoreThanTheCap) {
  const std::vector<BlockRef> responses = take_all(Direction::response);
  EXPECT_EQ(responses.size(), 3U);
  const std::vector<BlockRef> requests = take_all(Direction::request);
  EXPECT_EQ(requests.size(), 1U);
  EXPECT_EQ(pool.stats().free, 0U);
}

TEST_F(FourBlocks, NeitherDirectionTakesTheReserveOfTheOther) {
  for (const Direction first : {Direction::request, Direction::response}) {
    const Direction second = first == Direction::request ? Direction::response : Direction::request;
    const std::vector<BlockRef> most = take_all(first);
    EXPECT_EQ(most.size(), 3U);
    EXPECT_TRUE(local.try_acquire(second)) << "its reserve, whatever the worker has cached";
    EXPECT_FALSE(local.try_acquire(first));
  }
}

TEST_F(FourBlocks, AReusedBlockIsEmpty) {
  {
    const BlockRef block = local.try_acquire(Direction::request);
    block->fill(100);
    block->drain(40);
  }
  const BlockRef block = local.try_acquire(Direction::request);
  EXPECT_TRUE(block->empty());
  EXPECT_EQ(block->space().size(), pool.payload());
}

TEST_F(FourBlocks, SharesKeepABlockUntilTheLastIsGone) {
  BlockRef first = local.try_acquire(Direction::request);
  BlockRef second = first;
  EXPECT_TRUE(first->shared());
  BlockRef third = std::move(first);
  EXPECT_FALSE(first);
  third = second;  // the same block
  EXPECT_TRUE(second->shared());
  third = BlockRef();
  EXPECT_FALSE(second->shared());
  EXPECT_EQ(pool.stats().used[0], 1U);
  second = {};
  EXPECT_EQ(pool.stats().used[0], 0U);
}

TEST_F(FourBlocks, DoorbellsLieOutsideThePool) {
  const BlockRef doorbell = Block::make_doorbell(300);
  EXPECT_TRUE(doorbell->is_doorbell());
  EXPECT_EQ(doorbell->space().size(), 300U);
  EXPECT_EQ(pool.stats().used[0], 0U);
}

TEST_F(FourBlocks, FindsBlocksInTheCachesOfOtherWorkers) {
  CountingWaker other_waker;
  LocalPool other(pool, other_waker);
  {
    const std::vector<BlockRef> responses = take_all(Direction::response);
    const std::vector<BlockRef> requests = take_all(Direction::request);
  }
  EXPECT_EQ(pool.stats().cached, 4U);
  expect_oracle(pool);
  std::vector<BlockRef> taken;
  while (BlockRef block = other.try_acquire(Direction::request)) taken.push_back(std::move(block));
  EXPECT_EQ(taken.size(), 3U) << "a cached block of the other direction too, but not its reserve";
  EXPECT_TRUE(other.try_acquire(Direction::response));
  expect_oracle(pool);
}

TEST_F(FourBlocks, AWaiterIsServedFromTheCacheOfAnotherWorkerAtOnce) {
  CountingWaker other_waker;
  LocalPool other(pool, other_waker);
  { const std::vector<BlockRef> cached = take_all(Direction::response); }
  ASSERT_GT(pool.stats().cached, 0U);
  std::vector<BlockRef> rest;
  while (BlockRef block = other.try_acquire(Direction::request)) rest.push_back(std::move(block));
  Waiter waiter(other, group);
  waiter.request(Urgency::leave, Direction::response);
  EXPECT_EQ(other.deliver(), 1U);
  EXPECT_EQ(waiter.held.size(), 1U);
  waiter.held.clear();
}

TEST_F(FourBlocks, F4_TryAcquireNeverOvertakesAWaiter) {
  std::vector<BlockRef> all = take_all();
  Waiter waiter(local, group);
  waiter.request();
  all.pop_back();
  EXPECT_FALSE(local.try_acquire(Direction::response)) << "the block is the waiter's";
  EXPECT_EQ(local.deliver(), 1U);
  all.clear();
  waiter.held.clear();
}

TEST_F(FourBlocks, NoCachingWhileAnybodyWaits) {
  std::vector<BlockRef> all = take_all(Direction::request);
  Waiter waiter(local, group);
  waiter.request(Urgency::invite, Direction::request);
  BlockRef response = local.try_acquire(Direction::response);
  response = {};  // not for the waiter: requests are at their limit
  EXPECT_EQ(pool.stats().cached, 0U);
  EXPECT_EQ(pool.stats().free, 1U);
  waiter.subscription.cancel();
  all.clear();
  EXPECT_GT(pool.stats().cached, 0U);
}

TEST_F(FourBlocks, SpareBlocksLeaveHalfOfTheDirection) {
  BlockRef spare = local.try_acquire_spare(Direction::request);
  EXPECT_TRUE(spare);
  EXPECT_FALSE(local.try_acquire_spare(Direction::request)) << "2 of 3 would be more than half";
  EXPECT_TRUE(local.try_acquire(Direction::request));
  EXPECT_TRUE(local.try_acquire_spare(Direction::response));
  spare = {};
  EXPECT_GT(pool.stats().cached, 0U);
  EXPECT_TRUE(local.try_acquire_spare(Direction::request)) << "what is cached is not in use";
}

TEST_F(FourBlocks, HighWaterMarksFollowABlockFromOneDirectionToTheOther) {
  std::vector<BlockRef> all = take_all(Direction::response);
  const BlockRef request = local.try_acquire(Direction::request);
  Waiter waiter(local, group);
  waiter.request(Urgency::invite, Direction::request);
  all.pop_back();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(pool.stats().used[0], 2U);
  EXPECT_EQ(pool.stats().used_max[0], 2U);
  EXPECT_EQ(pool.stats().used_max[1], 3U);
  waiter.held.clear();
}

TEST_F(FourBlocks, CountsWhatHappens) {
  std::vector<BlockRef> all = take_all();
  EXPECT_EQ(pool.stats().acquired, 3U);
  EXPECT_EQ(pool.stats().refused, 1U);
  Waiter first(local, group);
  Waiter second(local, group);
  first.request();
  second.request();
  EXPECT_EQ(pool.stats().subscribed, 2U);
  EXPECT_EQ(pool.stats().waiting[static_cast<std::size_t>(Urgency::invite)], 2U);
  all.pop_back();
  first.subscription.cancel();  // granted by now: passed on to the second
  EXPECT_EQ(pool.stats().passed_on, 1U);
  EXPECT_EQ(pool.stats().handed_over, 2U);
  second.subscription.cancel();
  first.request();
  EXPECT_EQ(pool.stats().acquired, 4U) << "one was free";
  local.deliver();
  second.request();
  second.subscription.cancel();
  EXPECT_EQ(pool.stats().cancelled, 1U);
  EXPECT_EQ(pool.stats().woken, 0U);
  first.held.clear();
}

TEST(BufferPool, TheOracleHoldsAtEveryStepOfARandomWalk) {
  for (std::size_t blocks = 1; blocks <= 9; ++blocks) {
    BufferPool pool(PoolLimits::with_reserves(PoolLimits::kMinBlockSize, blocks));
    CountingWaker waker;
    LocalPool a(pool, waker);
    LocalPool b(pool, waker);
    std::vector<BlockRef> held;
    std::mt19937 random(static_cast<unsigned>(blocks));
    for (int step = 0; step < 3000; ++step) {
      if (random() % 2 == 0) {
        LocalPool& local = random() % 2 == 0 ? a : b;
        BlockRef block = local.try_acquire(random() % 2 == 0 ? Direction::request : Direction::response);
        if (block) held.push_back(std::move(block));
      } else if (!held.empty()) {
        std::swap(held[random() % held.size()], held.back());
        held.pop_back();
      }
      std::set<const Block*> distinct;
      for (const BlockRef& block : held) distinct.insert(block.get());
      ASSERT_EQ(distinct.size(), held.size());
      const PoolStats stats = pool.stats();
      ASSERT_EQ(stats.used[0] + stats.used[1], held.size());
      ASSERT_EQ(stats.free, blocks - held.size());
    }
    held.clear();
    expect_all_back(pool);
  }
}

}  // namespace
}  // namespace pool
