#include <memory>
#include <vector>

#include "gateway/net/event_loop.h"
#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

TEST(DeadlineTest, NeverFiresEarly) {
  EventLoop loop;
  for (const Duration after : {Duration(300us), Duration(1ms), Duration(3700us), Duration(20ms), Duration(200ms)}) {
    Time fired;
    Deadline deadline(loop, [&] {
      fired = real_now();
      loop.stop();
    });
    const Time set = real_now();
    deadline.set(after);
    EXPECT_TRUE(deadline.armed());
    loop.run();
    EXPECT_FALSE(deadline.armed());
    EXPECT_GE(fired - set, after);
  }
}

TEST(DeadlineTest, CountsFromTheTurnAndNotFromALongCallback) {
  EventLoop loop;
  Time turn;
  Time fired;
  Deadline second(loop, [&] {
    fired = loop.now();
    loop.stop();
  });
  Deadline first(loop, [&] {
    turn = loop.now();
    while (real_now() < turn + 30ms) {
    }
    EXPECT_EQ(loop.now(), turn);
    second.set(20ms);
  });
  first.set(1ms);
  loop.run();
  EXPECT_GE(fired, turn + 30ms);  // already past when it was set: the next turn
  EXPECT_LT(fired, turn + 500ms);
}

TEST(DeadlineTest, LaterMomentReplacesAnEarlierOne) {
  EventLoop loop;
  int fired = 0;
  Deadline deadline(loop, [&] {
    ++fired;
    loop.stop();
  });
  const Time set = real_now();
  deadline.set(5ms);
  deadline.set(40ms);
  loop.run();
  EXPECT_GE(real_now() - set, 40ms);
  EXPECT_EQ(fired, 1);
}

TEST(DeadlineTest, EarlierMomentReplacesALaterOne) {
  EventLoop loop;
  Deadline deadline(loop, [&] { loop.stop(); });
  const Time set = real_now();
  deadline.set(1h);
  deadline.set(5ms);
  loop.run();
  EXPECT_LT(real_now() - set, 1min);
}

TEST(DeadlineTest, ClearedDoesNotFireAndCanBeSetAgain) {
  EventLoop loop;
  int fired = 0;
  Deadline deadline(loop, [&] { ++fired; });
  deadline.set(2ms);
  deadline.clear();
  EXPECT_FALSE(deadline.armed());
  deadline.set(2ms);
  deadline.set(Duration::zero());
  EXPECT_FALSE(deadline.armed());
  run_for(loop, 20ms);
  EXPECT_EQ(fired, 0);
  deadline.set(2ms);
  run_for(loop, 20ms);
  EXPECT_EQ(fired, 1);
}

TEST(DeadlineTest, PastMomentFiresOnceAndDoesNotSpin) {
  EventLoop loop;
  int fired = 0;
  int turns = 0;
  Deadline deadline(loop, [&] { ++fired; });
  count_turns(loop, turns);
  deadline.set(-5s);
  run_for(loop, 100ms);
  EXPECT_EQ(fired, 1);
  EXPECT_LT(turns, 20);
}

TEST(DeadlineTest, WaitingCostsNoTurns) {
  EventLoop loop;
  int turns = 0;
  count_turns(loop, turns);
  Deadline deadline(loop, [] {});
  deadline.set(90ms);
  run_for(loop, 100ms);
  EXPECT_LT(turns, 12);
}

TEST(DeadlineTest, ThoseOfManyWakeTheLoopTogether) {
  EventLoop loop;
  int turns = 0;
  int early = 0;
  std::vector<std::unique_ptr<Deadline>> deadlines;
  const Time begin = real_now();
  for (int i = 0; i < 100; ++i) {  // over 50 ms, which have room for eight of their moments
    const Duration after = 640ms + i * 500us;
    deadlines.push_back(std::make_unique<Deadline>(loop, [&, after] { early += real_now() - begin < after; }));
    deadlines.back()->set(after);
  }
  deadlines.back() = std::make_unique<Deadline>(loop, [&] { loop.stop(); });
  deadlines.back()->set(1s);
  count_turns(loop, turns);
  loop.run();
  EXPECT_TRUE(std::none_of(deadlines.begin(), deadlines.end(), [](const auto& deadline) { return deadline->armed(); }));
  EXPECT_EQ(early, 0);
  EXPECT_LT(turns, 25);
}

TEST(DeadlineTest, MayDieInItsCallback) {
  EventLoop loop;
  auto kept = std::make_shared<int>(7);
  int seen = 0;
  std::unique_ptr<Deadline> deadline;
  deadline = std::make_unique<Deadline>(loop, [&, kept] {
    deadline.reset();
    seen = *kept;
    loop.stop();
  });
  deadline->set(1ms);
  loop.run();
  EXPECT_EQ(seen, 7);
}

}  // namespace
}  // namespace gateway
