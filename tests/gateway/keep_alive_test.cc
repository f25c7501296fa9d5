#include "gateway/keep_alive.h"

#include <gtest/gtest.h>

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

/// A connection that does as it is told. Time is the loop's: what is expected is an order, and that nothing comes early.
class KeepAliveTest : public testing::Test, protected KeepAlive::Owner {
 protected:
  static constexpr auto kInterval = 60ms;
  static constexpr auto kTimeout = 30ms;

  bool has_streams() const override { return streams; }
  bool ping() override {
    ++asked;
    if (answers) loop.post([this] { keep_alive.heard(); });
    return has_memory;
  }
  void on_peer_gone() override { ++gone; }

  /// Runs the loop until it has asked `count` times.
  bool run_until_asked(int count) {
    return run_until(loop, [&] { return asked >= count; });
  }

  EventLoop loop;
  bool streams = true;
  bool answers = false;
  bool has_memory = true;
  int asked = 0;
  int gone = 0;
  KeepAlive keep_alive{loop, {.ping_interval = kInterval, .ping_timeout = kTimeout}, *this};
};

TEST_F(KeepAliveTest, ASilentPeerIsAskedThenGone) {
  const Time began = loop.now();
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(1));
  EXPECT_GE(std::chrono::steady_clock::now() - began, kInterval);
  EXPECT_EQ(gone, 0);
  ASSERT_TRUE(run_until(loop, [&] { return gone > 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, kInterval + kTimeout);
  run_for(loop, 2 * (kInterval + kTimeout));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(gone, 1);
}

TEST_F(KeepAliveTest, APeerThatAnswersIsAskedAgainAndAgain) {
  answers = true;
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_EQ(gone, 0);
}

TEST_F(KeepAliveTest, AnyByteIsASignOfLife) {
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(1));
  keep_alive.heard();
  const Time heard = loop.now();
  ASSERT_TRUE(run_until_asked(2));
  EXPECT_GE(std::chrono::steady_clock::now() - heard, kInterval);
  EXPECT_EQ(gone, 0);
}

TEST_F(KeepAliveTest, APeerThatTalksPutsTheQuestionOff) {
  keep_alive.watch();
  Time heard;
  for (int i = 0; i < 4 && asked == 0; ++i) {
    run_for(loop, kInterval / 3);
    if (asked > 0) break;  // the machine stood still for as long
    keep_alive.heard();
    heard = loop.now();
  }
  const int before = asked;
  ASSERT_TRUE(run_until_asked(before + 1));
  EXPECT_GE(std::chrono::steady_clock::now() - heard, kInterval);
}

TEST_F(KeepAliveTest, WithoutAStreamNobodyIsAsked) {
  streams = false;
  keep_alive.watch();
  run_for(loop, 3 * kInterval);
  EXPECT_EQ(asked, 0);
}

TEST_F(KeepAliveTest, TheFirstStreamAfterALongSilenceAsksAtOnce) {
  streams = false;
  run_for(loop, 2 * kInterval);
  const Time opened = std::chrono::steady_clock::now();
  streams = true;
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(1));
  ASSERT_TRUE(run_until(loop, [&] { return gone > 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - opened, kTimeout);
}

TEST_F(KeepAliveTest, AStreamThatEndsDoesNotTakeBackTheQuestion) {
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(1));
  streams = false;
  ASSERT_TRUE(run_until(loop, [&] { return gone > 0; }));
}

TEST_F(KeepAliveTest, WhoCouldNotBeAskedForWantOfMemoryIsNotJudged) {
  has_memory = false;
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_EQ(gone, 0);
  has_memory = true;
  ASSERT_TRUE(run_until(loop, [&] { return gone > 0; }));
  EXPECT_EQ(asked, 4);
}

TEST_F(KeepAliveTest, NothingHappensAfterTheEnd) {
  keep_alive.watch();
  ASSERT_TRUE(run_until_asked(1));
  keep_alive.clear();
  run_for(loop, 2 * kTimeout);
  EXPECT_EQ(gone, 0);
}

TEST_F(KeepAliveTest, AnIntervalOfZeroMeansNever) {
  KeepAlive never(loop, {.ping_timeout = 1ms}, *this);
  never.watch();
  run_for(loop, 20ms);
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace gateway
