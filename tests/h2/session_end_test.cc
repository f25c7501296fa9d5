// How a session ends: drain, GOAWAY of either side, protocol errors.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;
using support::request_head;
using support::response_head;
using support::SessionPair;
using support::Side;

void hold(Side& side, bool) {
  side.source.ends = false;
  side.stream->respond(response_head(), &side.out);
}

TEST(Drain, TwoStepsAndAcceptedRequestsAreAnswered) {
  SessionPair pair;
  pair.server.serve = hold;
  Side& before = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  pair.server.session->drain();
  EXPECT_TRUE(pair.server.session->draining());

  // The notice promises every stream; a request that is on its way meanwhile counts as accepted.
  const auto notice = support::parse_frames(pair.server.produce());
  ASSERT_EQ(notice.size(), 2U);
  const auto find = [&](std::uint8_t type) {
    for (const auto& frame : notice) {
      if (frame.type == type) return frame;
    }
    return support::Frame{};
  };
  EXPECT_EQ(find(FrameBuilder::goaway).number(0), 0x7fffffffU);
  EXPECT_EQ(find(FrameBuilder::ping).payload.size(), 8U);
  FrameBuilder crossing;
  ASSERT_TRUE(pair.server.feed(crossing.request(3, true).take()));
  Side& crossed = *pair.server.sides.back();
  ASSERT_EQ(pair.server.session->open_streams(), 2U);
  const std::string answer_head = pair.server.produce();

  FrameBuilder answer;
  ASSERT_TRUE(pair.server.feed(
      answer.frame(FrameBuilder::ping, FrameBuilder::ack, 0, find(FrameBuilder::ping).payload).take()));
  const auto last = support::parse_frames(pair.server.produce());
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].type, FrameBuilder::goaway);
  EXPECT_EQ(last[0].number(0), 3U);
  EXPECT_EQ(last[0].number(4), 0U);
  EXPECT_FALSE(pair.server.session->done());

  // A stream after the last GOAWAY is ignored.
  const std::size_t sides = pair.server.sides.size();
  ASSERT_TRUE(pair.server.feed(FrameBuilder().request(5, true).take()));
  EXPECT_EQ(pair.server.sides.size(), sides);
  EXPECT_EQ(pair.server.produce(), "");

  for (Side* side : {pair.server.sides.at(0).get(), &crossed}) {
    side->source.ends = true;
    side->pump();
    EXPECT_FALSE(pair.server.session->done());
    pair.server.produce();
    EXPECT_EQ(side->closed, ErrorCode::no_error);
  }
  EXPECT_TRUE(pair.server.session->done());
  EXPECT_EQ(before.closed_count, 0);
}

TEST(Drain, BothEndsCometoRest) {
  SessionPair pair;
  pair.server.serve = hold;
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  pair.server.session->drain();
  ASSERT_TRUE(pair.run());
  ASSERT_EQ(pair.client.goaways.size(), 2U);
  EXPECT_EQ(pair.client.goaways[0].last_stream_id, 0x7fffffff);
  EXPECT_EQ(pair.client.goaways[1].last_stream_id, 1);
  EXPECT_FALSE(pair.client.session->can_open());
  EXPECT_EQ(pair.client.session->request(request_head(), nullptr, nullptr, call), nullptr);
  EXPECT_FALSE(pair.server.session->done());
  EXPECT_FALSE(pair.client.session->done());
  pair.server.sides.at(0)->source.ends = true;
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_TRUE(pair.server.session->done());
  EXPECT_TRUE(pair.client.session->done());
}

TEST(Drain, SecondCallDoesNotWaitForThePing) {
  SessionPair pair;
  ASSERT_TRUE(pair.run());
  pair.server.session->drain();
  pair.server.session->drain();
  const auto frames = support::parse_frames(pair.server.produce());
  EXPECT_EQ(frames.back().type, FrameBuilder::goaway);
  EXPECT_EQ(frames.back().number(0), 0U);
  EXPECT_TRUE(pair.server.session->done());
}

TEST(Drain, ClientSaysGoawayAndFinishes) {
  SessionPair pair;
  pair.server.serve = hold;
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  pair.client.session->drain();
  EXPECT_FALSE(pair.client.session->can_open());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.server.goaways.size(), 1U);
  EXPECT_EQ(call.closed_count, 0);
  pair.server.sides.at(0)->source.ends = true;
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_TRUE(pair.client.session->done());
  EXPECT_TRUE(pair.server.session->done());
}

TEST(Goaway, StreamsAboveTheLastIdAreRefused) {
  SessionPair pair;
  pair.server.serve = hold;
  Side& first = pair.client.request(request_head());
  Side& second = pair.client.request(request_head("POST"), "body");
  pair.client.produce();
  Side& unsent = pair.client.request(request_head());
  FrameBuilder frames;
  frames.empty_settings().frame(FrameBuilder::goaway, 0, 0,
                                FrameBuilder::number(1) + FrameBuilder::number(0) + "going for lunch");
  ASSERT_TRUE(pair.client.feed(frames.take()));
  pair.client.produce();
  EXPECT_EQ(pair.client.goaway_texts.at(0), "going for lunch");
  EXPECT_EQ(first.closed_count, 0);
  for (Side* side : {&second, &unsent}) {
    EXPECT_EQ(side->closed_count, 1);
    EXPECT_EQ(side->closed, ErrorCode::refused_stream);
    EXPECT_TRUE(side->by_peer);
    EXPECT_NE(side->in_at_close, pool::Pipe::End::finished);
  }
  EXPECT_FALSE(pair.client.session->can_open());
}

TEST(Goaway, CanOpenKeepsToThePeersLimit) {
  SessionLimits limits;
  limits.max_concurrent_streams = 3;
  SessionPair pair(limits);
  pair.server.serve = hold;
  EXPECT_EQ(pair.client.session->peer_max_streams(), 100U) << "until its SETTINGS came";
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.client.session->peer_max_streams(), 3U);
  EXPECT_EQ(pair.client.settings, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pair.client.session->can_open());
    pair.client.request(request_head());
  }
  EXPECT_FALSE(pair.client.session->can_open());
  EXPECT_EQ(pair.client.session->open_streams(), 3U);
  ASSERT_TRUE(pair.run());
  pair.server.sides.at(0)->source.ends = true;
  ASSERT_TRUE(pair.run());
  EXPECT_TRUE(pair.client.session->can_open());
  EXPECT_EQ(pair.server.session->can_open(), false);
}

TEST(Terminate, SaysWhyAndIsDoneOnceThatHasLeft) {
  SessionPair pair;
  pair.server.serve = hold;
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  pair.server.session->terminate(ErrorCode::internal_error, "because");
  EXPECT_FALSE(pair.server.session->done());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.client.goaway_texts.at(0), "because");
  EXPECT_EQ(pair.client.goaways.at(0).code, ErrorCode::internal_error);
  EXPECT_EQ(pair.server.session->end_reason(), "because");
  EXPECT_TRUE(pair.server.session->done());
  EXPECT_EQ(call.closed_count, 0) << "stream 1 was accepted; the connection's end will tell";
}

TEST(ProtocolError, WrongPreface) {
  support::PoolHouse house(1);
  End end(Role::server, {}, house);
  EXPECT_FALSE(end.feed("GET / HTTP/1.1\r\nhost: test\r\n\r\n"));
  EXPECT_NE(end.session->end_reason(), "");
  const auto frames = support::parse_frames(end.produce());
  EXPECT_EQ(frames.back().type, FrameBuilder::goaway);
  EXPECT_EQ(frames.back().number(4), static_cast<std::uint32_t>(ErrorCode::protocol_error));
  EXPECT_TRUE(end.session->done());
}

TEST(ProtocolError, ShowsOnceItsGoawayIsProduced) {
  support::PoolHouse house(1);
  End end(Role::server, {}, house);
  // DATA on stream 0, and a frame that is too large.
  (void)end.feed(FrameBuilder().preface().empty_settings().body(0, "x").take());
  EXPECT_TRUE(end.wants_write);
  const auto frames = support::parse_frames(end.produce());
  ASSERT_EQ(frames.back().type, FrameBuilder::goaway);
  EXPECT_EQ(frames.back().number(4), static_cast<std::uint32_t>(ErrorCode::protocol_error));
  EXPECT_TRUE(end.session->done());
  EXPECT_EQ(end.session->end_reason(), "DATA: stream_id == 0");
  EXPECT_EQ(end.session->abuse(), Abuse::none);
  EXPECT_FALSE(end.feed(FrameBuilder().ping_frame().take()));
}

TEST(ProtocolError, GarbageOfEveryKindNeverBreaksUs) {
  std::uint32_t state = 12345;
  const auto random = [&] { return state = state * 1664525 + 1013904223, state >> 16; };
  for (int round = 0; round < 300; ++round) {
    support::PoolHouse house(4);
    End end(Role::server, {}, house);
    end.serve = hold;
    FrameBuilder frames;
    frames.preface().empty_settings().settings_ack().request(1, false).request(3, true);
    for (int i = 0; i < 30; ++i) {
      std::string payload(random() % 40, '\0');
      for (char& c : payload) c = static_cast<char>(random());
      frames.frame(static_cast<std::uint8_t>(random() % 11), static_cast<std::uint8_t>(random()),
                   random() % 8, payload);
      if (!end.feed(frames.take())) break;
      for (auto& side : end.sides) side->pump();
      end.produce();
      if (end.session->done()) break;
    }
    end.session.reset();
    for (auto& side : end.sides) EXPECT_EQ(side->closed_count, 1);
    end.sides.clear();
    EXPECT_EQ(house.used(), 0U);
  }
}

TEST(Ping, IsAnsweredWhileThePoolIsEmpty) {
  support::PoolHouse house(1);
  End end(Role::server, {}, house);
  const pool::BlockRef held = house.local.try_acquire(pool::Direction::request);
  ASSERT_TRUE(end.feed(
      FrameBuilder().preface().empty_settings().settings_ack().request(1, false).body(1, "x").take()));
  end.produce();
  ASSERT_TRUE(end.feed(FrameBuilder().ping_frame().take()));
  const auto frames = support::parse_frames(end.produce());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type, FrameBuilder::ping);
  EXPECT_EQ(frames[0].flags, FrameBuilder::ack);
  EXPECT_EQ(frames[0].payload, "12345678");
}

TEST(Preface, AnnouncesWhatItBears) {
  SessionLimits limits;
  limits.doorbell = 1234;
  limits.max_concurrent_streams = 77;
  support::PoolHouse house(1);
  for (const Role role : {Role::server, Role::client}) {
    End end(role, limits, house);
    std::string bytes = end.produce();
    if (role == Role::client) bytes.erase(0, 24);
    const auto frames = support::parse_frames(bytes);
    ASSERT_EQ(frames.size(), 1U);
    ASSERT_EQ(frames[0].type, FrameBuilder::settings);
    std::string seen;
    for (std::size_t at = 0; at < frames[0].payload.size(); at += 6) {
      seen += std::to_string(static_cast<int>(frames[0].payload[at + 1])) + "=" +
              std::to_string(frames[0].number(at + 2)) + " ";
    }
    EXPECT_EQ(seen, role == Role::server ? "4=1234 6=65536 9=1 3=77 8=1 " : "4=1234 6=65536 9=1 3=0 2=0 ");
  }
}

}  // namespace
}  // namespace h2
