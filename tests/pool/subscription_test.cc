#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "pool/release_subscription.h"
#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

class SubscriptionTest : public PoolTest {
 protected:
  SubscriptionTest() : PoolTest(std::size_t{1}) {}

  CountingWaker other_waker;
  LocalPool other{pool, other_waker};
};

/// A waiter that does what the test wants with its block.
struct ActingWaiter final : ReleaseSubscription::Owner {
  ActingWaiter(LocalPool& local, TurnGroup& group, std::function<void(BlockRef)> a)
      : act(std::move(a)), subscription(local, group, *this) {}
  void on_block(BlockRef block) override { act(std::move(block)); }

  std::function<void(BlockRef)> act;
  ReleaseSubscription subscription;
};

TEST_F(SubscriptionTest, AFreeBlockIsGrantedAtOnceAndComesThroughDeliver) {
  Waiter waiter(local, group);
  waiter.request();
  EXPECT_TRUE(waiter.subscription.waiting());
  EXPECT_TRUE(local.has_granted());
  EXPECT_EQ(waiter.calls, 0);
  EXPECT_FALSE(local.try_acquire(Direction::response)) << "it is the waiter's";
  expect_oracle(pool);
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(waiter.calls, 1);
  EXPECT_FALSE(waiter.subscription.waiting());
  EXPECT_FALSE(local.has_granted());
  EXPECT_EQ(local.deliver(), 0U);
  EXPECT_FALSE(pool.under_pressure());
  waiter.held.clear();
}

TEST_F(SubscriptionTest, AReleaseHandsTheBlockOver) {
  BlockRef held = local.try_acquire(Direction::response);
  Waiter waiter(local, group);
  waiter.request();
  EXPECT_FALSE(local.has_granted());
  EXPECT_TRUE(pool.under_pressure());
  EXPECT_EQ(local.deliver(), 0U);
  const Block* block = held.get();
  held = {};
  EXPECT_FALSE(pool.under_pressure());
  EXPECT_EQ(pool.stats().used[1], 1U) << "in the waiter";
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(waiter.held[0].get(), block);
  waiter.held.clear();
}

TEST_F(SubscriptionTest, CancelWhileWaitingLeavesTheQueue) {
  BlockRef held = local.try_acquire(Direction::response);
  Waiter waiter(local, group);
  waiter.request();
  waiter.subscription.cancel();
  EXPECT_FALSE(waiter.subscription.waiting());
  EXPECT_FALSE(pool.under_pressure());
  waiter.subscription.cancel();  // idle: nothing
  held = {};
  EXPECT_EQ(local.deliver(), 0U);
  EXPECT_EQ(waiter.calls, 0);
}

TEST_F(SubscriptionTest, H4_CancelWhileGrantedPassesTheBlockOn) {
  BlockRef held = local.try_acquire(Direction::response);
  Waiter first(local, group);
  Waiter second(other, group);
  first.request();
  second.request();
  held = {};
  EXPECT_FALSE(other.has_granted());
  first.subscription.cancel();
  EXPECT_TRUE(other.has_granted()) << "without another release";
  EXPECT_EQ(other_waker.count, 1);
  EXPECT_EQ(local.deliver(), 0U);
  EXPECT_EQ(other.deliver(), 1U);
  EXPECT_EQ(first.calls, 0);
  EXPECT_EQ(second.calls, 1);
  second.held.clear();
}

TEST_F(SubscriptionTest, CancelWhileGrantedWithNobodyElseFreesTheBlock) {
  Waiter waiter(local, group);
  waiter.request();
  waiter.subscription.cancel();
  EXPECT_EQ(pool.stats().free, 1U);
  EXPECT_FALSE(local.has_granted());
}

TEST_F(SubscriptionTest, DestructionIsACancel) {
  BlockRef held = local.try_acquire(Direction::response);
  auto granted = std::make_unique<Waiter>(local, group);
  auto waiting = std::make_unique<Waiter>(local, group);
  Waiter last(local, group);
  granted->request();
  waiting->request();
  last.request();
  held = {};
  waiting.reset();
  EXPECT_EQ(pool.stats().waiting[0], 1U);
  granted.reset();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(last.calls, 1);
  last.held.clear();
}

TEST_F(SubscriptionTest, ABlockThatIsDroppedInOnBlockGoesToTheNextInALaterDelivery) {
  BlockRef held = local.try_acquire(Direction::response);
  ActingWaiter first(local, group, [](BlockRef) {});
  Waiter second(local, group);
  first.subscription.request(Urgency::invite, Direction::response);
  second.request();
  held = {};
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(second.calls, 0);
  EXPECT_TRUE(local.has_granted()) << "the worker must not sleep now";
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(second.calls, 1);
  second.held.clear();
}

TEST_F(SubscriptionTest, DeliverEndsThoughOwnersAskAgain) {
  int calls = 0;
  std::unique_ptr<ActingWaiter> waiter;
  waiter = std::make_unique<ActingWaiter>(local, group, [&](BlockRef block) {
    ++calls;
    block = {};
    waiter->subscription.request(Urgency::invite, Direction::response);
  });
  waiter->subscription.request(Urgency::invite, Direction::response);
  for (int turn = 1; turn <= 3; ++turn) {
    EXPECT_EQ(local.deliver(), 1U);
    EXPECT_EQ(calls, turn);
    EXPECT_TRUE(waiter->subscription.waiting());
  }
}

TEST_F(SubscriptionTest, AnOwnerMayDestroyAnotherThatIsGranted) {
  BufferPool two({kBlock, 2, 0, 0});
  CountingWaker no_waker;
  LocalPool worker(two, no_waker);
  auto victim = std::make_unique<Waiter>(worker, group);
  ActingWaiter first(worker, group, [&](BlockRef) { victim.reset(); });
  first.subscription.request(Urgency::invite, Direction::response);
  victim->request();
  EXPECT_EQ(worker.deliver(), 1U);
  EXPECT_EQ(victim, nullptr);
  expect_all_back(two);
}

TEST_F(SubscriptionTest, AnotherWorkerIsWokenOnceForAllThatIsGranted) {
  BufferPool three({kBlock, 3, 0, 0});
  CountingWaker sleeper_waker;
  CountingWaker no_waker;
  LocalPool sleeper(three, sleeper_waker);
  LocalPool worker(three, no_waker);
  std::vector<BlockRef> all;
  while (BlockRef block = worker.try_acquire(Direction::response)) all.push_back(std::move(block));
  Waiter a(sleeper, group);
  Waiter b(sleeper, group);
  Waiter c(sleeper, group);
  for (Waiter* waiter : {&a, &b, &c}) waiter->request();
  all.pop_back();
  all.pop_back();
  EXPECT_EQ(sleeper_waker.count, 1);
  EXPECT_EQ(sleeper.deliver(), 2U);
  all.pop_back();
  EXPECT_EQ(sleeper_waker.count, 2) << "it had none left";
  EXPECT_EQ(sleeper.deliver(), 1U);
  EXPECT_EQ(three.stats().woken, 2U);
  EXPECT_EQ(no_waker.count, 0);
  for (Waiter* waiter : {&a, &b, &c}) waiter->held.clear();
  expect_all_back(three);
}

TEST_F(SubscriptionTest, AWorkerIsNotWokenByItself) {
  BlockRef held = local.try_acquire(Direction::response);
  Waiter waiter(local, group);
  waiter.request();
  held = {};
  EXPECT_TRUE(local.has_granted());
  EXPECT_EQ(waker.count, 0);
  waiter.subscription.cancel();
}

TEST_F(SubscriptionTest, F4_AnUrgentNewcomerPassesAndAnEqualOneDoesNot) {
  BlockRef held = local.try_acquire(Direction::response);
  Waiter early(local, group);
  Waiter equal(local, group);
  Waiter urgent(local, group);
  early.request(Urgency::invite);
  equal.request(Urgency::invite);
  urgent.request(Urgency::leave);
  held = {};
  for (Waiter* next : {&urgent, &early, &equal}) {
    EXPECT_EQ(local.deliver(), 1U);
    EXPECT_EQ(next->calls, 1);
    next->held.clear();
  }
}

TEST_F(SubscriptionTest, F4_AResponsePassesFiveHundredRequestsWhichAreNotStarved) {
  BlockRef held = local.try_acquire(Direction::response);
  std::vector<std::unique_ptr<Waiter>> requests;
  for (int i = 0; i < 500; ++i) {
    requests.push_back(std::make_unique<Waiter>(local, group));
    requests.back()->request(Urgency::invite, Direction::request);
  }
  Waiter response(local, group);
  response.request(Urgency::leave, Direction::response);
  held = {};
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(response.calls, 1);
  int turns = 0;
  while (requests[0]->calls == 0 && turns < 100) {
    response.request(Urgency::leave, Direction::response);
    response.held.clear();
    local.deliver();
    ++turns;
  }
  EXPECT_EQ(requests[0]->calls, 1);
  EXPECT_LE(turns, static_cast<int>(TurnQueue::kAge) + 1);
  response.subscription.cancel();
}

TEST_F(SubscriptionTest, ARequestWaiterAtItsLimitDoesNotGetTheReserveOfResponses) {
  BufferPool two({kBlock, 2, 1, 1});
  CountingWaker no_waker;
  LocalPool worker(two, no_waker);
  BlockRef request = worker.try_acquire(Direction::request);
  BlockRef response = worker.try_acquire(Direction::response);
  Waiter waiter(worker, group);
  waiter.request(Urgency::leave, Direction::request);
  response = {};
  EXPECT_FALSE(worker.has_granted());
  EXPECT_TRUE(worker.try_acquire(Direction::response)) << "free for its own direction";
  request = {};
  EXPECT_EQ(worker.deliver(), 1U);
  waiter.held.clear();
  expect_all_back(two);
}

}  // namespace
}  // namespace pool
