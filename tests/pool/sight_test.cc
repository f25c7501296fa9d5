// What an operator is told: what blocks are used for, how long waits and hand-overs took, and what slow peers
// hold.
#include <gtest/gtest.h>

#include "pool/slow_share.h"
#include "tests/pool/pipe_fixture.h"

namespace pool {
namespace {

Ticks time_of_test = 0;  // moved by the tests; one thread only
Ticks test_clock() noexcept {
  return time_of_test;
}

class SightTest : public testing::Test {
 protected:
  static constexpr std::size_t kRequest = 0;
  static constexpr std::size_t kResponse = 1;
  SightTest() : pool({PoolLimits::kMinBlockSize, 4, 0, 0}) { time_of_test = 0; }
  void TearDown() override { expect_all_back(pool); }

  void expect_states(std::size_t granted, std::size_t promised, std::size_t filled,
                     std::size_t queued) const {
    const PoolStats stats = pool.stats();
    EXPECT_EQ(stats.granted[kRequest], granted);
    EXPECT_EQ(stats.promised[kRequest], promised);
    EXPECT_EQ(stats.filled[kRequest], filled);
    EXPECT_EQ(stats.queued[kRequest], queued);
    EXPECT_EQ(stats.used[kRequest], granted + promised + filled + queued);
    EXPECT_EQ(stats.promised[kResponse] + stats.filled[kResponse] + stats.granted[kResponse] +
                  stats.queued[kResponse],
              stats.used[kResponse]);
    EXPECT_TRUE(pool.consistent());
  }

  CountingWaker waker;
  BufferPool pool;
  LocalPool local{pool, waker, test_clock};
  LocalPool other{pool, waker, test_clock};
  TurnGroup group;
};

TEST_F(SightTest, ABlockIsPromisedThenFilledThenQueuedThenFree) {
  Pipe pipe(local, group, {Direction::request, Urgency::invite, 0, 1});
  pipe.accept();
  expect_states(0, 0, 0, 0);
  pipe.promise(pipe.invite());
  expect_states(0, 1, 0, 0);
  pipe.write(bytes_of("abc"));
  expect_states(0, 0, 1, 0);
  {
    const Slice part = pipe.take(1);
    expect_states(0, 0, 1, 0);
    const Slice rest = pipe.take(100);
    expect_states(0, 1, 0, 0);  // it still backs the rest of the promise
    pipe.finish();
    expect_states(0, 0, 0, 1);  // on its way
  }
  expect_states(0, 0, 0, 0);
}

TEST_F(SightTest, ClosedAndDestroyedPipesCountNothing) {
  {
    Pipe full(local, group, {Direction::request, Urgency::invite, 300, 2});
    full.accept();
    full.write(std::vector<std::byte>(pool.payload() + 10));
    EXPECT_EQ(full.readable(), pool.payload() + 10);
    expect_states(0, 0, 1, 0);  // and the doorbell, which is no block
  }
  expect_states(0, 0, 0, 0);
  Pipe pipe(local, group, {Direction::response, Urgency::leave, 0, 1});
  pipe.accept();
  pipe.write(bytes_of("abc"));
  EXPECT_EQ(pool.stats().filled[kResponse], 1U);
  pipe.close();
  EXPECT_EQ(pool.stats().filled[kResponse], 0U);
  EXPECT_TRUE(local.holdings().none());
}

TEST_F(SightTest, AGrantedBlockIsCountedUntilItIsTaken) {
  Waiter waiter(local, group);
  waiter.request(Urgency::invite, Direction::request);
  expect_states(1, 0, 0, 0);
  local.deliver();
  expect_states(0, 0, 0, 1);
  waiter.held.clear();
  waiter.request(Urgency::invite, Direction::request);
  waiter.subscription.cancel();
  expect_states(0, 0, 0, 0);
}

TEST_F(SightTest, WaitsAreMeasuredByClassAndHandOversByThread) {
  std::vector<BlockRef> held;
  while (BlockRef block = other.try_acquire(Direction::request)) held.push_back(std::move(block));
  Waiter first(local, group);
  Waiter second(other, group);
  Waiter third(local, group);
  first.request(Urgency::leave, Direction::response);
  second.request(Urgency::invite, Direction::request);
  third.request(Urgency::keep, Direction::response);
  EXPECT_EQ(pool.stats().waiting_by_direction[2][kResponse], 1U);
  EXPECT_EQ(pool.stats().waiting_by_direction[0][kRequest], 1U);
  EXPECT_EQ(pool.stats().waiting_by_direction[0][kResponse], 0U);

  time_of_test = 50'000;
  third.subscription.cancel();  // gave up after 50 us
  time_of_test = 1'000'000;
  held.pop_back();  // to `first`, of another thread, after 1 ms
  time_of_test = 1'003'000;
  local.deliver();
  time_of_test = 2'000'000;
  held.pop_back();  // to `second`, of the same thread
  time_of_test = 2'000'500;
  other.deliver();

  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.waited[2].total(), 1U);
  EXPECT_EQ(stats.waited[2].sum, 1'003'000U);
  EXPECT_EQ(stats.waited[1].sum, 50'000U);
  EXPECT_EQ(stats.waited[0].sum, 2'000'500U);
  EXPECT_EQ(stats.hand_over_other.total(), 1U);
  EXPECT_EQ(stats.hand_over_other.sum, 3'000U);
  EXPECT_EQ(stats.hand_over_own.total(), 1U);
  EXPECT_EQ(stats.hand_over_own.sum, 500U);
}

TEST_F(SightTest, WhatIsFreeAtOnceIsNoWait) {
  Waiter waiter(local, group);
  waiter.request();
  local.deliver();
  EXPECT_EQ(pool.stats().waited[0].total(), 0U);
  EXPECT_EQ(pool.stats().hand_over_own.total(), 0U);
}

TEST_F(SightTest, AWorkerThatIsGoneLeavesItsFigures) {
  std::vector<BlockRef> held;
  while (BlockRef block = other.try_acquire(Direction::request)) held.push_back(std::move(block));
  {
    LocalPool gone(pool, waker, test_clock);
    Waiter waiter(gone, group);
    waiter.request();
    held.pop_back();
    gone.deliver();
  }
  EXPECT_EQ(pool.stats().hand_over_other.total(), 1U);
}

TEST_F(SightTest, SlowSharesAreCappedAtThreeQuarters) {
  SlowShare one(pool);
  one.set(3);
  EXPECT_FALSE(pool.slow_exceed()) << "three of four";
  {
    SlowShare two(pool);
    two.set(1);
    EXPECT_TRUE(pool.slow_exceed());
    EXPECT_EQ(pool.stats().slow, 4U);
  }
  EXPECT_FALSE(pool.slow_exceed());
  one.set(1);
  EXPECT_EQ(pool.stats().slow, 1U);
}

/// Hears when a pipe begins to hold a block.
struct Holding final : PipeWatcher {
  void on_waiting(bool) override {}
  void on_holding() override { ++holding; }
  void on_progress(std::size_t bytes, bool has_unread) override {
    moved += bytes;
    unread = has_unread;
  }
  int holding = 0;
  std::size_t moved = 0;
  bool unread = false;
};

TEST_F(SightTest, TheWatcherHearsWhenAPipeBeginsToHoldAndWhatItMoves) {
  Holding watcher;
  Pipe pipe(local, group, {Direction::response, Urgency::leave, 0, 2});
  pipe.set_watcher(&watcher);
  pipe.accept();
  pipe.write(bytes_of("abc"));
  EXPECT_EQ(watcher.holding, 1);
  EXPECT_TRUE(watcher.unread);
  pipe.take(100);
  EXPECT_FALSE(watcher.unread);
  EXPECT_EQ(watcher.moved, 6U);
  EXPECT_EQ(pipe.blocks(), 0U);
  pipe.write(bytes_of("de"));
  EXPECT_EQ(watcher.holding, 2);
  pipe.close();
  EXPECT_FALSE(watcher.unread) << "what was dropped does not lie there";
  EXPECT_EQ(watcher.moved, 8U);
}

}  // namespace
}  // namespace pool
