#include "gateway/net/event_loop.h"

#include <algorithm>
#include <csignal>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

TEST(EventLoopTest, RunsPostedTasksOfOtherThreadsInOrder) {
  EventLoop loop;
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&order, i] { order.push_back(i); });
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  ASSERT_EQ(order.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EventLoopTest, PostedTaskRunsOnTheLoopsThread) {
  EventLoop loop;
  bool inside = false;
  std::thread thread([&] { loop.run(); });
  loop.post([&] {
    inside = loop.in_loop_thread();
    loop.stop();
  });
  thread.join();
  EXPECT_TRUE(inside);
  EXPECT_FALSE(loop.in_loop_thread());
}

TEST(EventLoopTest, StopBeforeRunIsNotLost) {
  EventLoop loop;
  loop.stop();
  loop.run();
  bool ran = false;
  loop.post([&] {
    ran = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(EventLoopTest, WakeEndsTheSleep) {
  EventLoop loop;
  std::atomic<bool> granted{false};
  loop.set_turn_end([&] {
    if (granted.load()) loop.stop();
    return false;
  });
  std::thread other([&] {
    granted = true;
    loop.wake();
  });
  loop.run();
  other.join();
}

// ---- Busy polling ----

/// How many turns a loop makes before 100 ms have passed since what `begin` makes happen, and how many from then to 300 ms.
std::pair<int, int> turns_after(EventLoop& loop, const std::function<void()>& begin) {
  const Time began = real_now();
  const std::vector<Time> turns = turns_from(loop, begin);
  const auto late = std::ranges::partition_point(turns, [&](Time turn) { return turn < began + 100ms; });
  return {static_cast<int>(late - turns.begin()), static_cast<int>(turns.end() - late)};
}

constexpr int kSome = 5;   // looking takes microseconds
constexpr int kSleeps = 3;  // the turns of the timer, and the one that sees that the time is over

TEST(BusyPollTest, TheLoopLooksForMoreForATimeAfterAnEventThenSleeps) {
  EventLoop loop;
  auto [ours, theirs] = socket_pair();
  char byte = 0;
  IoWatcher watcher(loop, ours.get(), [&](bool, bool) { EXPECT_EQ(::recv(ours.get(), &byte, 1, 0), 1); });
  watcher.want(true, false);
  const auto send = [&] { EXPECT_EQ(::send(theirs.get(), "x", 1, 0), 1); };
  EXPECT_LE(turns_after(loop, send).first, kSleeps);  // off
  loop.set_busy_poll(50ms);
  const auto [looked, slept] = turns_after(loop, send);
  EXPECT_GE(looked, kSome);
  EXPECT_LE(slept, kSleeps);
}

TEST(BusyPollTest, AWakeIsAnEventAndATimerIsNone) {
  EventLoop woken;
  woken.set_busy_poll(50ms);
  EXPECT_GE(turns_after(woken, [&] { woken.wake(); }).first, kSome);
  EventLoop timed;
  timed.set_busy_poll(50ms);
  Deadline deadline(timed, [] {});
  EXPECT_LE(turns_after(timed, [&] { deadline.set(1ms); }).first, 2 * kSleeps);
}

TEST(EventLoopTest, TurnEndIsCalledAgainWithoutSleepWhileItHasWork) {
  EventLoop loop;
  int calls = 0;
  int turns_with_events = 0;
  auto [ours, theirs] = socket_pair();
  IoWatcher watcher(loop, ours.get(), [&](bool, bool) { ++turns_with_events; });
  watcher.want(false, true);
  loop.set_turn_end([&] {
    if (++calls == 50) loop.stop();
    return true;
  });
  const Time began = real_now();
  loop.run();
  EXPECT_LT(real_now() - began, 5s);
  EXPECT_GE(turns_with_events, 48);  // events are looked at in between
}

/// A pair of sockets, with a watcher at our end.
struct Watched {
  Watched(EventLoop& loop, std::function<void()> callback)
      : sockets(socket_pair()), watcher(std::in_place, loop, sockets.first.get(), [callback = std::move(callback)](bool, bool) { callback(); }) {}

  std::pair<Fd, Fd> sockets;
  std::optional<IoWatcher> watcher;
};

TEST(EventLoopTest, TurnEndComesBeforeTheNextEventWhereMuchWasRead) {
  for (const std::size_t read : {EventLoop::kPortion, EventLoop::kPortion / 8}) {
    EventLoop loop;
    std::string order;
    std::deque<Watched> watched;
    for (std::size_t i = 0; i < EventLoop::kFew + 1; ++i) {
      watched.emplace_back(loop, [&] {
        order += 'r';
        loop.count_read(read);
      });
      watched.back().watcher->feed(true, false);
    }
    loop.set_turn_end([&] {
      order += 'e';
      EXPECT_FALSE(loop.has_portion());
      if (std::ranges::count(order, 'r') == EventLoop::kFew + 1) loop.stop();
      return false;
    });
    loop.run();
    EXPECT_EQ(order, read == EventLoop::kPortion ? "e" "rerererere" "e" : "errrrre");
  }
}

TEST(EventLoopTest, SocketsComeInTheOrderInWhichTheyHadTheirEventsAndFewAreAnsweredOneByOne) {
  for (const std::size_t count : {EventLoop::kFew, EventLoop::kFew + 1}) {
    EventLoop loop;
    std::string order;
    std::deque<Watched> watched;
    for (std::size_t i = 0; i < count; ++i) {
      watched.emplace_back(loop, [&, i] {
        order += static_cast<char>('0' + i);
        watched[i].watcher->want(false, false);
      });
      watched[i].watcher->want(true, false);
    }
    run_for(loop, 1ms);  // the kernel knows of them
    for (const std::size_t i : {2U, 0U, 3U, 1U, 4U}) {
      if (i >= count) continue;
      ASSERT_EQ(::send(watched[i].sockets.second.get(), "x", 1, 0), 1);
    }
    loop.set_turn_end([&] {
      order += 'e';
      if (order.size() > count) loop.stop();
      return false;
    });
    loop.run();
    EXPECT_EQ(order, count == EventLoop::kFew ? "e2e0e3e1e" : "e20314e");

    order.clear();
    for (const std::size_t i : {1U, 3U, 0U}) watched[i].watcher->feed(true, false);
    loop.set_turn_end(nullptr);
    run_for(loop, 1ms);
    EXPECT_EQ(order, "130");
  }
}

TEST(IoWatcherTest, MayEndAnotherWhoseEventIsOfTheSameTurn) {
  EventLoop loop;
  int called = 0;
  std::deque<Watched> watched;
  for (const std::size_t other : {1U, 0U}) {
    watched.emplace_back(loop, [&, other] {
      ++called;
      watched[other].watcher.reset();
      loop.stop();
    });
    watched.back().watcher->want(false, true);
  }
  loop.run();
  EXPECT_EQ(called, 1);
}

TEST(IoWatcherTest, TellsWhatIsWantedOnly) {
  EventLoop loop;
  auto [ours, theirs] = socket_pair();
  int readable = 0;
  int writable = 0;
  IoWatcher watcher(loop, ours.get(), [&](bool r, bool w) {
    readable += r;
    writable += w;
  });
  ASSERT_EQ(::send(theirs.get(), "x", 1, 0), 1);
  run_for(loop, 10ms);
  EXPECT_EQ(readable + writable, 0);
  watcher.want(true, false);
  EXPECT_TRUE(watcher.wants_read());
  EXPECT_FALSE(watcher.wants_write());
  EXPECT_TRUE(run_until(loop, [&] { return readable >= 2; }));  // level-triggered
  EXPECT_EQ(writable, 0);
}

TEST(IoWatcherTest, FeedComesInTheNextTurnEvenIfWatchingChanges) {
  EventLoop loop;
  auto [ours, theirs] = socket_pair();
  std::vector<int> turns;
  int turn = 0;
  std::optional<IoWatcher> watcher;
  watcher.emplace(loop, ours.get(), [&](bool readable, bool) {
    if (!readable) return;
    turns.push_back(turn);
    if (turns.size() < 3) watcher->feed(true, false);
    watcher->want(turns.size() % 2 == 0, turns.size() % 2 == 1);
  });
  loop.set_turn_end([&] { return ++turn, false; });
  watcher->feed(true, false);
  run_for(loop, 20ms);
  ASSERT_EQ(turns.size(), 3U);
  EXPECT_LT(turns[0], turns[1]);
  EXPECT_LT(turns[1], turns[2]);
}

TEST(IoWatcherTest, MayDieInItsCallbackAndWhileFed) {
  EventLoop loop;
  auto [ours, theirs] = socket_pair();
  int called = 0;
  std::unique_ptr<IoWatcher> watcher;
  watcher = std::make_unique<IoWatcher>(loop, ours.get(), [&](bool, bool) {
    watcher->feed(true, true);
    watcher.reset();
    ++called;
  });
  watcher->want(true, true);
  run_for(loop, 10ms);
  EXPECT_EQ(called, 1);
}

TEST(SignalWatcherTest, CallsBackFromTheLoop) {
  EventLoop loop;
  bool inside = false;
  SignalWatcher watcher(loop, SIGUSR2, [&] {
    inside = loop.in_loop_thread();
    loop.stop();
  });
  std::raise(SIGUSR2);
  loop.run();
  EXPECT_TRUE(inside);
}

}  // namespace
}  // namespace gateway
