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

/// When a loop turned in 300 ms, in whose first turn `begin` is called. Nothing wakes it but the end of that time.
struct Turns {
  Turns(EventLoop& loop, const std::function<void()>& begin) {
    loop.set_turn_end([&] {
      if (all.empty()) begin();
      all.push_back(loop.now());
      return false;
    });
    run_for(loop, 300ms);
    loop.set_turn_end(nullptr);
  }
  /// It turned on by itself until its first turn was so long ago, for it did not sleep.
  bool looked_for(Duration time) const {
    return std::ranges::any_of(all, [&](Time turn) { return turn - all[0] >= time && turn - all[0] < 200ms; });
  }

  std::vector<Time> all;
};

TEST(LookoutTest, TheLoopLooksForSoLongThenSleeps) {
  EventLoop loop;
  EXPECT_FALSE(Turns(loop, [] {}).looked_for(Lookout::kLongest));
  Promptness source;
  Lookout lookout(loop);
  const Turns turns(loop, [&] { lookout.begin(source); });
  EXPECT_TRUE(turns.looked_for(Lookout::kLongest));
  const auto over = std::ranges::count_if(turns.all, [&](Time turn) { return turn - turns.all[0] >= Lookout::kLongest; });
  EXPECT_LE(over, 4) << "it has seen that the time is over, and turns for the timer";
}

TEST(LookoutTest, TheLoopSleepsOnceItIsThere) {
  EventLoop loop;
  Promptness source;
  Lookout lookout(loop);
  const Turns turns(loop, [&] {
    lookout.begin(source);
    EXPECT_EQ(lookout.end(), true);
    EXPECT_EQ(lookout.end(), std::nullopt) << "it has ended";
  });
  EXPECT_FALSE(turns.looked_for(Lookout::kLongest));
  EXPECT_TRUE(source.worth_a_look());
}

TEST(LookoutTest, WhatComesLateWasLookedForInVain) {
  EventLoop loop;
  Promptness source;
  Lookout lookout(loop);
  const Turns turns(loop, [&] { lookout.begin(source); });
  EXPECT_EQ(lookout.end(), false);
  EXPECT_FALSE(source.worth_a_look());
  const Turns more(loop, [&] { lookout.begin(source); });
  EXPECT_FALSE(more.looked_for(Lookout::kLongest)) << "it is not looked for again so soon";
  EXPECT_EQ(lookout.end(), std::nullopt);
}

TEST(LookoutTest, OfSeveralTheLatestCounts) {
  EventLoop loop;
  Promptness source;
  Lookout first(loop);
  auto second = std::make_unique<Lookout>(loop);
  const auto begin_both = [&] {
    first.begin(source);
    second->begin(source);
  };
  EXPECT_TRUE(Turns(loop, [&] {
                begin_both();
                EXPECT_EQ(first.end(), true);
              }).looked_for(Lookout::kLongest));
  Promptness other;
  EXPECT_FALSE(Turns(loop, [&] {
                 first.begin(other);
                 second = std::make_unique<Lookout>(loop);
                 second->begin(other);
                 second = nullptr;
               }).looked_for(Lookout::kLongest));
}

}  // namespace
}  // namespace gateway
