#include "gateway/upstream/fair_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace gateway {
namespace {

struct FairQueueTest : testing::Test {
  std::string pop_all() {
    std::string order;
    while (!queue.empty()) {
      char& next = queue.front();
      EXPECT_EQ(&queue.pop(), &next);
      order += next;
    }
    return order;
  }

  std::string a = "abc";
  std::string x = "xyz";
  std::string m = "m";
  FairQueue<char> queue;
};

TEST_F(FairQueueTest, InOneGroupFirstComeFirstServed) {
  for (char& waiter : a) queue.push(&a, waiter);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(pop_all(), "abc");
}

TEST_F(FairQueueTest, TheGroupsHaveTurns) {
  for (char& waiter : a) queue.push(&a, waiter);
  queue.push(&m, m[0]);
  for (char& waiter : x) queue.push(&x, waiter);
  EXPECT_EQ(pop_all(), "amxbycz");
}

TEST_F(FairQueueTest, WhoComesAgainIsLast) {
  for (char& waiter : a) queue.push(&a, waiter);
  queue.push(&m, m[0]);
  EXPECT_EQ(&queue.pop(), &a[0]);
  EXPECT_EQ(&queue.pop(), &m[0]);
  queue.push(&m, m[0]);
  EXPECT_EQ(pop_all(), "bmc");
}

TEST_F(FairQueueTest, WhoLeavesIsPassedOver) {
  for (char& waiter : a) queue.push(&a, waiter);
  queue.push(&m, m[0]);
  queue.remove(&a, a[1]);
  queue.remove(&a, a[1]);
  queue.remove(&m, m[0]);
  queue.remove(&x, x[0]);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(pop_all(), "ac");
}

}  // namespace
}  // namespace gateway
