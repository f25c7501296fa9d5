#include "gateway/net/lookout.h"

#include <algorithm>
#include <vector>

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

/// How many of `times` were worth a look, each of which ended so.
int looks(Promptness& promptness, int times, bool in_time) {
  int count = 0;
  for (int i = 0; i < times; ++i) {
    if (!promptness.worth_a_look()) continue;
    ++count;
    promptness.judge(in_time);
  }
  return count;
}

TEST(PromptnessTest, WhoIsPromptIsAlwaysLookedFor) {
  Promptness promptness;
  EXPECT_EQ(looks(promptness, 1000, true), 1000);
}

TEST(PromptnessTest, WhoIsNotIsTriedMoreAndMoreRarely) {
  Promptness promptness;
  EXPECT_EQ(looks(promptness, 1, false), 1);
  EXPECT_EQ(looks(promptness, 2, false), 0);
  EXPECT_EQ(looks(promptness, 1, false), 1);
  EXPECT_EQ(looks(promptness, 4, false), 0);
  EXPECT_EQ(looks(promptness, 1, false), 1);
  looks(promptness, 10000, false);
  EXPECT_EQ(looks(promptness, 10 * (Promptness::kLongestRest + 1), false), 10);
}

TEST(PromptnessTest, WhoHasBecomePromptIsTrustedBitByBit) {
  Promptness promptness;
  looks(promptness, 10000, false);
  looks(promptness, Promptness::kLongestRest + 1, true);
  EXPECT_EQ(looks(promptness, 1000, true), 1000);
  looks(promptness, 1, false);  // the rest was halved a thousand times: one in vain is not held against it for long
  EXPECT_EQ(looks(promptness, 3, true), 1);
}

/// The loop turned on by itself for so long after its first turn, for it did not sleep. Nothing woke it but the end of its 300 ms.
bool looked_for(Duration time, const std::vector<Time>& turns) {
  return std::ranges::any_of(turns, [&](Time turn) { return turn - turns[0] >= time && turn - turns[0] < 200ms; });
}

TEST(LookoutTest, TheLoopLooksForSoLongThenSleeps) {
  EventLoop loop;
  EXPECT_FALSE(looked_for(Lookout::kLongest, turns_from(loop, [] {})));
  Promptness source;
  Lookout lookout(loop);
  const std::vector<Time> turns = turns_from(loop, [&] { lookout.begin(source); });
  EXPECT_TRUE(looked_for(Lookout::kLongest, turns));
  const auto over = std::ranges::count_if(turns, [&](Time turn) { return turn - turns[0] >= Lookout::kLongest; });
  EXPECT_LE(over, 4) << "it has seen that the time is over, and turns for the timer";
}

TEST(LookoutTest, TheLoopSleepsOnceItIsThere) {
  EventLoop loop;
  Promptness source;
  Lookout lookout(loop);
  const std::vector<Time> turns = turns_from(loop, [&] {
    lookout.begin(source);
    EXPECT_EQ(lookout.end(), true);
    EXPECT_EQ(lookout.end(), std::nullopt) << "it has ended";
  });
  EXPECT_FALSE(looked_for(Lookout::kLongest, turns));
  EXPECT_TRUE(source.worth_a_look());
}

TEST(LookoutTest, WhatComesLateWasLookedForInVain) {
  EventLoop loop;
  Promptness source;
  Lookout lookout(loop);
  const std::vector<Time> turns = turns_from(loop, [&] { lookout.begin(source); });
  EXPECT_EQ(lookout.end(), false);
  EXPECT_FALSE(source.worth_a_look());
  const std::vector<Time> more = turns_from(loop, [&] { lookout.begin(source); });
  EXPECT_FALSE(looked_for(Lookout::kLongest, more)) << "it is not looked for again so soon";
  EXPECT_EQ(lookout.end(), std::nullopt);
}

TEST(LookoutTest, OfSeveralTheLatestCounts) {
  EventLoop loop;
  Promptness source;
  Lookout first(loop);
  auto second = std::make_unique<Lookout>(loop);
  const auto without_first = turns_from(loop, [&] {
    first.begin(source);
    second->begin(source);
    EXPECT_EQ(first.end(), true);
  });
  EXPECT_TRUE(looked_for(Lookout::kLongest, without_first));
  Promptness other;
  const auto without_latest = turns_from(loop, [&] {
    first.begin(other);
    second = std::make_unique<Lookout>(loop);
    second->begin(other);
    second = nullptr;
  });
  EXPECT_FALSE(looked_for(Lookout::kLongest, without_latest));
}

}  // namespace
}  // namespace gateway
