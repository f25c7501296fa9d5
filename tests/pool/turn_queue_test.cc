#include "pool/turn_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>

#include "tests/pool/pool_fixture.h"

namespace pool {

constexpr TurnQueue::Supplies kBoth{{{8, 8}, {8, 8}}};
constexpr TurnQueue::Supplies kRequestsOnly{{{8, 8}, {0, 8}}};
constexpr TurnQueue::Supplies kResponsesOnly{{{0, 8}, {8, 8}}};
constexpr TurnQueue::Supplies kNone{};

class TurnQueueTest : public PoolTest {
 protected:
  TurnQueueTest() : PoolTest(std::size_t{1}) {}
  void TearDown() override {
    for (Entry& entry : entries_) {
      if (entry.queued) queue.remove(entry.waiter.subscription);
    }
    EXPECT_TRUE(queue.empty());
    PoolTest::TearDown();
  }

  void push_ranked(char name, TurnGroup& of, Rank rank) { push(name, of, Urgency::leave, Direction::response, rank); }
  void push(char name, TurnGroup& of, Urgency urgency = Urgency::invite,
            Direction direction = Direction::response, Rank rank = kUsualRank) {
    Entry& entry = entries_.emplace_back(name, local, of);
    entry.waiter.subscription.urgency_ = urgency;
    entry.waiter.subscription.direction_ = direction;
    entry.waiter.subscription.rank_ = rank;
    queue.push(entry.waiter.subscription);
  }
  void remove(char name) {
    for (Entry& entry : entries_) {
      if (entry.name != name || !entry.queued) continue;
      queue.remove(entry.waiter.subscription);
      entry.queued = false;
    }
  }
  /// The name of who is next, or '-'.
  char pop(const TurnQueue::Supplies& supplies = kBoth) {
    const ReleaseSubscription* next = queue.pop(supplies);
    for (Entry& entry : entries_) {
      if (&entry.waiter.subscription != next) continue;
      entry.queued = false;
      return entry.name;
    }
    return '-';
  }
  std::string pop_all(const TurnQueue::Supplies& supplies = kBoth) {
    std::string order;
    for (char name = pop(supplies); name != '-'; name = pop(supplies)) order += name;
    return order;
  }

  TurnQueue queue;
  std::array<TurnGroup, 3> groups;

 private:
  struct Entry {
    Entry(char n, LocalPool& local, TurnGroup& of) : name(n), waiter(local, of) {}
    char name;
    bool queued = true;
    Waiter waiter;
  };
  std::deque<Entry> entries_;
};

TEST_F(TurnQueueTest, IsEmptyAtFirst) {
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pop(), '-');
}

TEST_F(TurnQueueTest, WaitersOfOneGroupComeInTheirOrder) {
  for (const char name : {'a', 'b', 'c'}) push(name, groups[0]);
  EXPECT_EQ(queue.waiting(Urgency::invite, Direction::response), 3U);
  EXPECT_EQ(pop_all(), "abc");
  EXPECT_EQ(queue.waiting(Urgency::invite, Direction::response), 0U);
}

TEST_F(TurnQueueTest, TheMostUrgentClassIsFirst) {
  push('i', groups[0], Urgency::invite);
  push('k', groups[0], Urgency::keep);
  push('l', groups[0], Urgency::leave);
  EXPECT_EQ(pop_all(), "lki");
}

TEST_F(TurnQueueTest, TurnsGoRoundTheGroupsThenTheWaitersOfOne) {
  for (const char name : {'a', 'b', 'c', 'd'}) push(name, groups[0]);
  push('x', groups[1]);
  for (const char name : {'p', 'q'}) push(name, groups[2]);
  EXPECT_EQ(pop_all(), "axpbqcd");
}

TEST_F(TurnQueueTest, AGroupThatComesBackIsLast) {
  push('a', groups[0]);
  push('x', groups[1]);
  EXPECT_EQ(pop(), 'a');
  push('b', groups[0]);
  push('p', groups[2]);
  EXPECT_EQ(pop_all(), "xbp");
}

TEST_F(TurnQueueTest, F3_AGroupOfAThousandWeighsAsOne) {
  for (int i = 0; i < 1000; ++i) push('m', groups[0]);
  push('x', groups[1]);
  EXPECT_EQ(pop(), 'm');
  EXPECT_EQ(pop(), 'x');
  for (int i = 0; i < 50; ++i) {
    push('x', groups[1]);
    std::string two{pop(), pop()};
    EXPECT_TRUE(two == "mx" || two == "xm") << two;
  }
}

TEST_F(TurnQueueTest, WaitersOfOneGroupComeByRankThenInTheirOrder) {
  for (const char name : {'m', 'n'}) push_ranked(name, groups[0], kUsualRank);
  for (const char name : {'y', 'z'}) push_ranked(name, groups[0], 7);
  for (const char name : {'a', 'b'}) push_ranked(name, groups[0], 0);
  push_ranked('o', groups[0], kUsualRank);
  push_ranked('c', groups[0], 1);
  remove('n');
  EXPECT_EQ(pop_all(), "abcmoyz");
}

TEST_F(TurnQueueTest, ARankCountsWithinItsOwnGroupOnly) {
  for (const char name : {'y', 'z'}) push_ranked(name, groups[0], 7);
  for (const char name : {'a', 'b'}) push_ranked(name, groups[1], 0);
  EXPECT_EQ(pop_all(), "yazb");
}

TEST_F(TurnQueueTest, NoRankStarves) {
  for (const char name : {'x', 'y', 'z'}) push_ranked(name, groups[0], name == 'y' ? 5 : 7);
  std::string order;
  for (int turn = 0; turn < 3 * (static_cast<int>(TurnQueue::kAge) + 1); ++turn) {
    push_ranked('a', groups[0], 0);
    order += pop();
  }
  const std::string urgent(TurnQueue::kAge, 'a');
  EXPECT_EQ(order, urgent + "x" + urgent + "y" + urgent + "z") << "the oldest, whatever its rank";
}

TEST_F(TurnQueueTest, RemovesFromTheFrontTheMiddleAndTheEndOfALine) {
  for (const char gone : {'a', 'b', 'c'}) {
    for (const char name : {'a', 'b', 'c'}) push(name, groups[0]);
    remove(gone);
    std::string rest = "abc";
    rest.erase(rest.find(gone), 1);
    EXPECT_EQ(pop_all(), rest);
  }
}

TEST_F(TurnQueueTest, RemovesTheOnlyWaiter) {
  push('a', groups[0]);
  remove('a');
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pop(), '-');
  push('b', groups[0]);
  EXPECT_EQ(pop_all(), "b");
}

TEST_F(TurnQueueTest, AGroupThatLeavesTheRingDoesNotCostTheOthersTheirTurn) {
  for (std::size_t gone = 0; gone < 3; ++gone) {
    const std::string names = "abc";
    for (std::size_t i = 0; i < 3; ++i) push(names[i], groups[i]);
    remove(names[gone]);
    std::string rest = names;
    rest.erase(gone, 1);
    EXPECT_EQ(pop_all(), rest);
  }
}

TEST_F(TurnQueueTest, TheNextGroupsTurnStandsWhenTheOneWhoseTurnItIsLeaves) {
  for (const char name : {'a', 'b'}) push(name, groups[0]);
  for (const char name : {'x', 'y'}) push(name, groups[1]);
  for (const char name : {'p', 'q'}) push(name, groups[2]);
  EXPECT_EQ(pop(), 'a');
  remove('x');
  remove('y');
  EXPECT_EQ(pop_all(), "pbq");
}

TEST_F(TurnQueueTest, OnlyAllowedDirectionsGetATurn) {
  push('r', groups[0], Urgency::leave, Direction::response);
  push('q', groups[0], Urgency::invite, Direction::request);
  EXPECT_EQ(pop(kNone), '-');
  EXPECT_EQ(pop(kRequestsOnly), 'q');
  EXPECT_EQ(pop(kRequestsOnly), '-');
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(pop(kResponsesOnly), 'r');
}

TEST_F(TurnQueueTest, CountsWaitersByClassAndDirection) {
  push('a', groups[0], Urgency::leave, Direction::response);
  push('b', groups[1], Urgency::leave, Direction::response);
  push('c', groups[1], Urgency::leave, Direction::request);
  EXPECT_EQ(queue.waiting(Urgency::leave, Direction::response), 2U);
  EXPECT_EQ(queue.waiting(Urgency::leave, Direction::request), 1U);
  EXPECT_EQ(queue.waiting(Urgency::keep, Direction::request), 0U);
  remove('a');
  EXPECT_EQ(queue.waiting(Urgency::leave, Direction::response), 1U);
}

TEST_F(TurnQueueTest, ALineThatWasPassedByForLongHasTheNextTurn) {
  push('i', groups[0], Urgency::invite);
  for (unsigned i = 0; i < TurnQueue::kAge + 2; ++i) push('l', groups[1], Urgency::leave);
  for (unsigned i = 0; i < TurnQueue::kAge; ++i) EXPECT_EQ(pop(), 'l') << i;
  EXPECT_EQ(pop(), 'i');
  EXPECT_EQ(pop_all(), "ll");
}

TEST_F(TurnQueueTest, AgeBeginsAnewAfterATurn) {
  for (int i = 0; i < 3; ++i) push('i', groups[0], Urgency::invite);
  for (unsigned i = 0; i < 2 * TurnQueue::kAge; ++i) push('l', groups[1], Urgency::leave);
  const std::string leaves(TurnQueue::kAge, 'l');
  EXPECT_EQ(pop_all(), leaves + "i" + leaves + "ii");
}

TEST_F(TurnQueueTest, ALineThatMayNotHaveTheBlockDoesNotAge) {
  push('q', groups[0], Urgency::invite, Direction::request);
  for (unsigned i = 0; i < 2 * TurnQueue::kAge; ++i)
    push('r', groups[1], Urgency::leave, Direction::response);
  for (unsigned i = 0; i < TurnQueue::kAge + 1; ++i) EXPECT_EQ(pop(kResponsesOnly), 'r');
  EXPECT_EQ(pop(), 'r') << "nothing that was its due went to another";
}

TEST_F(TurnQueueTest, NoLineStarvesUnderAllOthers) {
  const auto refill = [&] {
    for (const Urgency urgency : {Urgency::leave, Urgency::keep}) {
      for (const Direction direction : {Direction::request, Direction::response}) {
        while (queue.waiting(urgency, direction) < 2) push('o', groups[0], urgency, direction);
      }
    }
  };
  for (int round = 0; round < 20; ++round) {
    push('x', groups[1], Urgency::invite, Direction::request);
    int turns = 0;
    do {
      refill();
      ++turns;
    } while (pop() != 'x' && turns < 1000);
    EXPECT_LE(turns, static_cast<int>(TurnQueue::kAge) + 6);
  }
}

TEST_F(TurnQueueTest, TheOldestLinesTakeTurnsToo) {
  for (int i = 0; i < 3; ++i) push('i', groups[0], Urgency::invite);
  for (int i = 0; i < 3; ++i) push('k', groups[0], Urgency::keep);
  for (unsigned i = 0; i < 3 * TurnQueue::kAge; ++i) push('l', groups[1], Urgency::leave);
  for (unsigned i = 0; i < TurnQueue::kAge; ++i) EXPECT_EQ(pop(), 'l');
  EXPECT_EQ(pop(), 'k');
  EXPECT_EQ(pop(), 'i');
  EXPECT_EQ(pop(), 'l');
}

}  // namespace pool
