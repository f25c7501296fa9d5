// What one connection may hold while others want blocks too (scenario F1): nobody searches for hogs, and nobody waits for a clock.

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <vector>

#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

class ShareTest : public PoolTest {
 protected:
  static constexpr std::size_t kBlocks = 2048;
  ShareTest() : PoolTest(PoolLimits::with_reserves(kBlock, kBlocks)) {}
  void TearDown() override {
    hogs.clear();
    PoolTest::TearDown();
  }

  /// A connection whose streams take whatever they get and let nothing go.
  struct Hog {
    Hog(LocalPool& from, int streams) : local(from) {
      for (int i = 0; i < streams; ++i) waiters.emplace_back(local, group);
    }
    void ask() {
      for (Waiter& waiter : waiters) {
        if (waiter.subscription.waiting() || !waiter.held.empty()) continue;
        if (BlockRef block = local.try_acquire(Direction::response, &group)) {
          waiter.held.push_back(std::move(block));
        } else {
          waiter.request();
        }
      }
    }
    std::size_t held() const { return group.held(Direction::response); }
    LocalPool& local;
    TurnGroup group;
    std::deque<Waiter> waiters;
  };
  void ask_all() {
    for (Hog& hog : hogs) hog.ask();
    while (local.deliver() > 0) EXPECT_TRUE(pool.consistent());
  }

  std::deque<Hog> hogs;
};

TEST_F(ShareTest, OneConnectionMayHaveMostButNotAll) {
  hogs.emplace_back(local, 2 * static_cast<int>(kBlocks));
  ask_all();
  EXPECT_GT(hogs[0].held(), kBlocks / 2);
  EXPECT_TRUE(pool.under_pressure());
  const BlockRef newcomer = local.try_acquire(Direction::response, &group);
  EXPECT_TRUE(newcomer) << "who holds nothing has one at once, though others wait";
  EXPECT_TRUE(pool.consistent());
}

TEST_F(ShareTest, F1_AHundredConnectionsThatKeepWhatTheyHaveLeaveSomeForOthers) {
  for (int i = 0; i < 100; ++i) hogs.emplace_back(local, 100);
  for (int round = 0; round < 3; ++round) ask_all();
  for (const Hog& hog : hogs) EXPECT_GE(hog.held(), 1U);
  // Good clients, one after the other and several at once, never wait.
  std::deque<TurnGroup> good(3);
  for (int turn = 0; turn < 1000; ++turn) {
    std::vector<BlockRef> blocks;
    for (TurnGroup& client : good) {
      blocks.push_back(local.try_acquire(Direction::response, &client));
      ASSERT_TRUE(blocks.back()) << "turn " << turn;
    }
  }
  EXPECT_TRUE(pool.consistent());
}

TEST_F(ShareTest, WhoLetsGoIsServedWithoutAnotherRelease) {
  hogs.emplace_back(local, 2 * static_cast<int>(kBlocks));
  ask_all();
  Hog& hog = hogs[0];
  const std::size_t before = hog.held();
  int waiting = 0;
  for (Waiter& waiter : hog.waiters) {
    if (!waiter.held.empty()) {
      waiter.held.clear();
    } else {
      waiting += waiter.subscription.waiting() ? 1 : 0;
    }
    ASSERT_TRUE(pool.consistent());
  }
  ASSERT_GT(waiting, 0);
  while (local.deliver() > 0) ASSERT_TRUE(pool.consistent());
  EXPECT_GT(hog.held(), 0U);
  EXPECT_LE(hog.held(), before + 1);
}

TEST_F(ShareTest, HoldersOfLittleComeFirst) {
  hogs.emplace_back(local, 2 * static_cast<int>(kBlocks));
  ask_all();
  std::deque<Hog> small;
  while (local.try_acquire(Direction::response)) {
    small.emplace_back(local, 1);
    small.back().ask();
    while (local.deliver() > 0) {}
  }
  Hog late(local, 1);
  late.ask();  // nothing is left: behind the hog's waiters in time, before them in turn
  ASSERT_EQ(local.deliver(), 0U);
  for (Waiter& waiter : hogs[0].waiters) {
    if (waiter.held.empty()) continue;
    waiter.held.clear();
    break;
  }
  while (local.deliver() > 0) {}
  EXPECT_EQ(late.held(), 1U);
}

TEST_F(ShareTest, ABlockMayOutliveItsConnection) {
  std::optional<TurnGroup> client(std::in_place);
  BlockRef one = local.try_acquire(Direction::request, &*client);
  BlockRef other = local.try_acquire(Direction::response, &*client);
  EXPECT_EQ(client->held(Direction::request), 1U);
  client.reset();
  one = {};
  expect_oracle(pool);
  other = {};
}

}  // namespace
}  // namespace pool
