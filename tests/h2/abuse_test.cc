// Each limit ends the session with its reason, and ordinary traffic reaches none of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;
using support::Side;

struct Victim {
  Victim() : house(64), end(Role::server, {}, house) {
    end.serve = [](Side& side, bool) {
      side.source.ends = false;
      side.stream->respond(support::response_head(), &side.out);
    };
    EXPECT_TRUE(end.feed(FrameBuilder().preface().empty_settings().settings_ack().take()));
    end.produce();
  }
  /// Feeds what `add` adds, `times` times within one second. Returns how many were accepted.
  int flood(int times, const std::function<void(FrameBuilder&, int)>& add) {
    for (int i = 0; i < times; ++i) {
      FrameBuilder frames;
      add(frames, i);
      if (!end.feed(frames.take())) return i;
      end.produce();
    }
    return times;
  }
  void expect_ended(Abuse abuse, const std::string& reason) {
    EXPECT_EQ(end.session->abuse(), abuse);
    EXPECT_EQ(end.session->end_reason(), reason);
    EXPECT_FALSE(end.session->done()) << "the GOAWAY has not left";
    const auto frames = support::parse_frames(end.produce());
    ASSERT_FALSE(frames.empty());
    const support::Frame& last = frames.back();
    ASSERT_EQ(last.type, FrameBuilder::goaway);
    EXPECT_EQ(last.number(4), static_cast<std::uint32_t>(ErrorCode::enhance_your_calm));
    EXPECT_EQ(last.payload.substr(8), reason);
    EXPECT_TRUE(end.session->done());
    EXPECT_FALSE(end.session->wants_write());
    EXPECT_FALSE(end.feed(FrameBuilder().ping_frame().take()));
  }

  support::PoolHouse house;
  End end;
};

std::uint32_t id_of(int i) {
  return 2 * static_cast<std::uint32_t>(i) + 1;
}

TEST(Abuse, Resets) {
  Victim victim;
  EXPECT_EQ(victim.flood(1000, [](FrameBuilder& f, int i) { f.request(id_of(i), true).reset(id_of(i), 8); }),
            200);
  victim.expect_ended(Abuse::resets, "reset_flood: 201 RST_STREAM frames within a second, the limit is 200");
}

TEST(Abuse, ResetsAreCountedBySecond) {
  Victim victim;
  EXPECT_EQ(victim.flood(1000,
                         [&](FrameBuilder& f, int i) {
                           f.request(id_of(i), true).reset(id_of(i), 8);
                           victim.end.now += std::chrono::milliseconds(10);
                         }),
            1000);
  EXPECT_EQ(victim.end.session->abuse(), Abuse::none);
}

TEST(Abuse, ResetsThatThePeerProvokes) {
  Victim victim;
  // Content-length that is not kept, DATA after the end, a window beyond its bound: each makes us reset a
  // stream.
  const auto provoke = [](FrameBuilder& f, int i) {
    const std::uint32_t id = id_of(i);
    if (i % 3 == 0) f.request(id, false, {{"content-length", "1"}}).body(id, "12", true);
    if (i % 3 == 1) f.request(id, true).window(id, 0x7fffffff);
    if (i % 3 == 2) f.request(id, false, {{"connection", "close"}});
  };
  EXPECT_GT(victim.flood(1000, provoke), 190);
  victim.expect_ended(
      Abuse::provoked_resets,
      "provoked_reset_flood: 201 streams that had to be reset within a second, the limit is 200");
}

TEST(Abuse, ResetsOfTheApplicationAreNotCounted) {
  Victim victim;
  victim.end.refuse = ErrorCode::internal_error;
  EXPECT_EQ(victim.flood(1000, [](FrameBuilder& f, int i) { f.request(id_of(i), true); }), 1000);
}

TEST(Abuse, Pings) {
  Victim victim;
  EXPECT_EQ(victim.flood(1000, [](FrameBuilder& f, int) { f.ping_frame(); }), 50);
  victim.expect_ended(Abuse::pings, "ping_flood: 51 PING frames within a second, the limit is 50");
}

TEST(Abuse, Settings) {
  Victim victim;  // sent one in its preface
  EXPECT_EQ(victim.flood(1000, [](FrameBuilder& f, int) { f.empty_settings(); }), 19);
  victim.expect_ended(Abuse::settings, "settings_flood: 21 SETTINGS frames within a second, the limit is 20");
}

TEST(Abuse, EmptyFrames) {
  Victim victim;
  ASSERT_TRUE(victim.end.feed(FrameBuilder().request(1, false).take()));
  EXPECT_EQ(victim.flood(
                1000, [](FrameBuilder& f, int i) { i % 2 == 0 ? f.body(1, "") : f.padded_body(1, "", 3); }),
            500);
  victim.expect_ended(Abuse::empty_frames,
                      "empty_frame_flood: 501 empty DATA frames within a second, the limit is 500");
}

TEST(Abuse, WindowUpdatesOfAFewBytes) {
  Victim victim;
  ASSERT_TRUE(victim.end.feed(FrameBuilder().request(1, true).take()));
  EXPECT_EQ(victim.flood(5000, [](FrameBuilder& f, int i) { f.window(i % 2 == 0 ? 1 : 0, 1); }), 2000);
  victim.expect_ended(Abuse::window_updates,
                      "window_update_flood: 2001 WINDOW_UPDATE frames of a few bytes within a "
                      "second, the limit is 2000");
}

TEST(Abuse, WindowUpdatesThatAnswerDataAreExcused) {
  Victim victim;
  ASSERT_TRUE(victim.end.feed(FrameBuilder().request(1, true).take()));
  Side& side = *victim.end.sides.at(0);
  EXPECT_EQ(victim.flood(5000,
                         [&](FrameBuilder& f, int) {
                           side.source.body += "x";
                           side.pump();
                           victim.end.produce();
                           f.window(1, 1).window(0, 1);
                         }),
            5000);
}

TEST(Abuse, Continuations) {
  Victim victim;
  FrameBuilder frames;
  const std::string block = FrameBuilder::block({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}});
  frames.frame(FrameBuilder::headers, FrameBuilder::end_stream, 1, block);
  for (int i = 0; i < 100; ++i)
    frames.frame(FrameBuilder::continuation, 0, 1, FrameBuilder::block({{"a", "b"}}));
  EXPECT_FALSE(victim.end.feed(frames.take()));
  victim.expect_ended(Abuse::continuations,
                      "continuation_flood: more than 8 CONTINUATION frames in a header block");
}

TEST(Abuse, StreamsBeyondTheLimit) {
  SessionLimits limits;
  limits.max_concurrent_streams = 2;
  support::PoolHouse house(4);
  End end(Role::server, limits, house);
  // Before the limit is acknowledged they are refused, afterwards it is an offence.
  FrameBuilder frames;
  frames.preface().empty_settings().request(1, false).request(3, false).request(5, false);
  EXPECT_TRUE(end.feed(frames.take()));
  bool refused = false;
  for (const support::Frame& frame : support::parse_frames(end.produce())) {
    if (frame.type != FrameBuilder::rst_stream) continue;
    refused =
        frame.stream_id == 5 && frame.number(0) == static_cast<std::uint32_t>(ErrorCode::refused_stream);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(end.session->open_streams(), 2U);
  EXPECT_EQ(end.session->abuse(), Abuse::none);

  (void)end.feed(FrameBuilder().settings_ack().request(7, false).take());
  const auto answers = support::parse_frames(end.produce());
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().type, FrameBuilder::goaway);
  EXPECT_EQ(end.session->abuse(), Abuse::streams);
  EXPECT_TRUE(end.session->done());
}

TEST(Abuse, OrdinaryTrafficReachesNoLimit) {
  support::SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.body = std::string(3000, 'x');
    side.stream->respond(support::response_head(), &side.out);
  };
  for (int round = 0; round < 50; ++round) {  // all within the same second
    for (int i = 0; i < 100; ++i) pair.client.request(support::request_head("POST"), std::string(500, 'y'));
    if (round % 10 == 0) pair.client.session->ping();
    ASSERT_TRUE(pair.run());
  }
  EXPECT_EQ(pair.server.sides.size(), 5000U);
  EXPECT_EQ(pair.server.session->abuse(), Abuse::none);
  EXPECT_EQ(pair.client.session->abuse(), Abuse::none);
  EXPECT_TRUE(pair.client_ok && pair.server_ok);
}

TEST(Abuse, LabelsAreDistinct) {
  std::vector<std::string_view> seen;
  for (std::size_t i = 0; i < kAbuses; ++i) {
    const std::string_view label = to_string(static_cast<Abuse>(i));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), label), 0) << label;
    seen.push_back(label);
  }
}

}  // namespace
}  // namespace h2
