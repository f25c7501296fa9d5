// Credit is room: what a peer may send, what is promised, and what happens when there is no block.

#include <gtest/gtest.h>

#include <cstdint>
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

std::string body_of(std::size_t stream, std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(stream * 7 + i * 31 + i / 253);
  return text;
}

/// A server in front of a peer made of raw frames.
struct RawServer {
  explicit RawServer(std::size_t blocks, const SessionLimits& limits = {})
      : house(blocks), end(Role::server, limits, house) {}
  void hello(bool acknowledges) {
    FrameBuilder frames;
    frames.preface().empty_settings();
    if (acknowledges) frames.settings_ack();
    ASSERT_TRUE(end.feed(frames.take()));
    end.produce();
  }
  Side& open(std::uint32_t id) {
    EXPECT_TRUE(end.feed(FrameBuilder().request(id, false).take()));
    return *end.sides.back();
  }
  std::vector<support::Frame> answers() { return support::parse_frames(end.produce()); }

  support::PoolHouse house;
  End end;
};

class Scarce : public testing::TestWithParam<std::size_t> {};

TEST_P(Scarce, EveryUploadFinishes) {
  constexpr std::size_t kStreams = 50;
  SessionPair pair({}, GetParam());
  ASSERT_TRUE(pair.run());  // SETTINGS are known: no bytes beyond the doorbell come unasked
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  for (std::size_t i = 0; i < kStreams; ++i) pair.client.request(request_head("POST"), body_of(i, 100000));
  ASSERT_TRUE(pair.run());
  ASSERT_EQ(pair.server.sides.size(), kStreams);
  for (std::size_t i = 0; i < kStreams; ++i) {
    ASSERT_EQ(pair.server.sides[i]->in.end(), pool::Pipe::End::finished) << i;
    EXPECT_TRUE(pair.server.sides[i]->sink.body == body_of(i, 100000)) << i;
  }
  EXPECT_EQ(pair.server_house.used(), 0U);
  EXPECT_LE(pair.server_house.pool.stats().used_max[0], GetParam());
}

TEST_P(Scarce, EveryDownloadFinishes) {
  constexpr std::size_t kStreams = 50;
  SessionPair pair({}, 1024, {}, GetParam());  // it is the client's pool that is scarce
  ASSERT_TRUE(pair.run());
  pair.server.serve = [&](Side& side, bool) {
    side.source.body = body_of(pair.server.sides.size() - 1, 100000);
    side.stream->respond(response_head(), &side.out);
  };
  for (std::size_t i = 0; i < kStreams; ++i) pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  for (std::size_t i = 0; i < kStreams; ++i) {
    EXPECT_EQ(pair.client.sides[i]->closed_count, 1) << i;
    EXPECT_TRUE(pair.client.sides[i]->sink.body == body_of(i, 100000)) << i;
  }
  EXPECT_EQ(pair.client_house.used(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Blocks, Scarce, testing::Values(1, 2, 3, 4));

TEST(Flow, EchoOfManyStreamsWithTwoBlocks) {
  SessionPair pair({}, 2);
  ASSERT_TRUE(pair.run());
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  constexpr std::size_t kStreams = 20;
  for (std::size_t i = 0; i < kStreams; ++i) pair.client.request(request_head("POST"), body_of(i, 50000));
  int idle = 0;
  for (int turns = 0; turns < 100000 && idle < 3; ++turns) {
    for (auto& side : pair.server.sides) {  // what came goes back
      side->source.body = side->sink.body;
      side->source.ends = side->in.drained();
    }
    idle = pair.turn() ? 0 : idle + 1;
  }
  for (std::size_t i = 0; i < kStreams; ++i) {
    EXPECT_TRUE(pair.client.sides[i]->sink.body == body_of(i, 50000)) << i;
  }
  EXPECT_EQ(pair.server_house.used(), 0U);
}

TEST(Flow, PeerMaySendNoMoreThanIsPromised) {
  RawServer server(4);
  server.hello(true);
  Side& side = server.open(1);
  const auto doorbell = static_cast<std::int64_t>(server.end.session->limits().doorbell);
  EXPECT_EQ(side.stream->window(), doorbell);
  EXPECT_EQ(side.in.promised(), 4096U);
  EXPECT_EQ(server.house.used(), 0U) << "no block before the peer rang";
  EXPECT_TRUE(server.answers().empty());

  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, "x").take()));
  EXPECT_EQ(server.house.used(), 1U);
  EXPECT_EQ(side.stream->window(), static_cast<std::int64_t>(side.in.promised()));
  EXPECT_GT(side.stream->window(), doorbell);
  EXPECT_EQ(side.stream->granted(), side.stream->window() + 1);
  const auto answers = server.answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, FrameBuilder::window_update);
  EXPECT_EQ(answers[0].stream_id, 1U);
}

TEST(Flow, NothingIsInvitedUntilTheConsumerAccepts) {
  RawServer server(4);
  server.end.accepts = false;
  server.hello(true);
  Side& side = server.open(1);
  side.reads = false;
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, std::string(4096, 'x')).take()));
  EXPECT_EQ(side.stream->window(), 0);
  EXPECT_TRUE(side.in.pauses().has(pool::Pause::held_back));
  EXPECT_TRUE(server.answers().empty());
  side.in.accept();
  EXPECT_GT(side.stream->window(), 0);
  EXPECT_EQ(server.answers().size(), 1U);
}

TEST(Flow, ClosedPipeDiscardsAndGivesNoCredit) {
  RawServer server(4);
  server.hello(true);
  Side& side = server.open(1);
  side.in.close();
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, std::string(4096, 'x')).take()));
  EXPECT_EQ(side.in.readable(), 0U);
  EXPECT_EQ(side.stream->window(), 0);
  EXPECT_TRUE(server.answers().empty());
}

TEST(Flow, OverrunIsRefusedAfterAcknowledgement) {
  RawServer server(4);
  server.end.accepts = false;
  server.hello(true);
  Side& side = server.open(1);
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, std::string(5000, 'x')).take()));
  const auto answers = server.answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, FrameBuilder::rst_stream);
  EXPECT_EQ(answers[0].number(0), static_cast<std::uint32_t>(ErrorCode::flow_control_error));
  EXPECT_EQ(side.closed, ErrorCode::flow_control_error);
  EXPECT_EQ(side.in_at_close, pool::Pipe::End::failed);
}

TEST(Flow, ConnectionWindowOpensWithTheAcknowledgement) {
  RawServer server(4);
  server.hello(false);
  EXPECT_FALSE(server.end.session->settings_acknowledged());
  ASSERT_TRUE(server.end.feed(FrameBuilder().settings_ack().take()));
  EXPECT_TRUE(server.end.session->settings_acknowledged());
  const auto answers = server.answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, FrameBuilder::window_update);
  EXPECT_EQ(answers[0].stream_id, 0U);
  EXPECT_EQ(answers[0].number(0), server.end.session->limits().connection_window - 65535);
}

TEST(Flow, SprayBeforeAcknowledgementIsRefusedOnThoseStreamsOnly) {
  RawServer server(1);
  server.hello(false);
  server.end.accepts = false;
  // The pool is empty: another holds its block.
  pool::BlockRef held = server.house.local.try_acquire(pool::Direction::request);
  ASSERT_TRUE(held);
  FrameBuilder frames;
  for (std::uint32_t i = 0; i < 10; ++i) {
    frames.request(2 * i + 1, false).body(2 * i + 1, std::string(i % 2 == 0 ? 6000 : 3000, 'x'));
  }
  ASSERT_TRUE(server.end.feed(frames.take()));
  std::size_t refused = 0;
  for (const support::Frame& frame : server.answers()) {
    if (frame.type != FrameBuilder::rst_stream) continue;
    ++refused;
    EXPECT_EQ(frame.number(0), static_cast<std::uint32_t>(ErrorCode::refused_stream));
    EXPECT_EQ((frame.stream_id - 1) / 2 % 2, 0U);
  }
  EXPECT_EQ(refused, 5U);
  EXPECT_EQ(server.end.session->open_streams(), 5U);
  EXPECT_EQ(server.end.session->abuse(), Abuse::none);
}

TEST(Flow, BytesBeforeAcknowledgementTakeABlockThatIsFreeAndAreAccounted) {
  RawServer server(4);
  server.hello(false);
  Side& side = server.open(1);
  const std::string early = body_of(1, 10000);
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, early).settings_ack().take()));
  // 10,000 of 4,096 are used: the debt is part of the account and of the next WINDOW_UPDATE.
  EXPECT_EQ(side.stream->window(), static_cast<std::int64_t>(side.in.promised()));
  side.pump();
  EXPECT_EQ(side.stream->window(), static_cast<std::int64_t>(side.in.promised()));
  EXPECT_GT(side.stream->window(), 0);
  std::int64_t updates = 0;
  for (const support::Frame& frame : server.answers()) {
    if (frame.type == FrameBuilder::window_update && frame.stream_id == 1) updates += frame.number(0);
  }
  EXPECT_EQ(4096 + updates - 10000, side.stream->window()) << "what the peer computes is what we account";
  const std::string rest(static_cast<std::size_t>(side.stream->window()), 'r');
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, rest, true).take()));
  side.pump();
  EXPECT_TRUE(side.sink.body == early + rest);
  EXPECT_EQ(side.in.end(), pool::Pipe::End::finished);
}

// 1 byte a frame, as much as the window lets through, alone and with 255 bytes of padding.
class Tiny : public testing::TestWithParam<int> {};

TEST_P(Tiny, WindowAndPromiseDoNotDrift) {
  const int pad = GetParam();
  const std::int64_t cost = pad < 0 ? 1 : pad + 2;
  RawServer server(4);
  server.hello(true);
  Side& side = server.open(1);
  std::int64_t window = 4096;  // as the peer computes it
  std::size_t sent = 0;
  while (sent < 16384) {
    ASSERT_GE(window, cost) << "stuck after " << sent;
    FrameBuilder frames;
    for (int i = 0; i < 10 && window >= cost; ++i, ++sent, window -= cost) {
      if (pad < 0) {
        frames.body(1, "x");
      } else {
        frames.padded_body(1, "x", static_cast<std::uint8_t>(pad));
      }
    }
    ASSERT_TRUE(server.end.feed(frames.take()));
    side.pump();
    for (const support::Frame& frame : server.answers()) {
      ASSERT_EQ(frame.type, FrameBuilder::window_update);
      if (frame.stream_id == 1) window += frame.number(0);
    }
    ASSERT_EQ(side.stream->window(), window);
    ASSERT_LE(side.stream->window(), static_cast<std::int64_t>(side.in.promised()));
  }
  EXPECT_EQ(side.sink.body.size(), sent);
  EXPECT_EQ(side.stream->received(), static_cast<std::int64_t>(sent));
  ASSERT_TRUE(server.end.feed(FrameBuilder().body(1, "", true).take()));
  EXPECT_EQ(side.in.promised(), 0U);
  EXPECT_EQ(server.house.used(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Padding, Tiny, testing::Values(-1, 0, 255));

TEST(Flow, CreditOfAnAnswerLeavesWithItsRequest) {
  SessionPair pair;
  ASSERT_TRUE(pair.run());
  pair.client.request(request_head());
  const auto frames = support::parse_frames(pair.client.produce());
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type, FrameBuilder::headers);
  EXPECT_EQ(frames[1].type, FrameBuilder::window_update);
  EXPECT_EQ(frames[1].stream_id, frames[0].stream_id);
}

TEST(Flow, CreditComesInBatches) {
  SessionPair pair;
  ASSERT_TRUE(pair.run());
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  pair.down_bytes.clear();
  pair.client.request(request_head("POST"), body_of(0, 500000));
  ASSERT_TRUE(pair.run());
  ASSERT_TRUE(pair.server.sides.at(0)->sink.body == body_of(0, 500000));
  std::size_t updates = 0;
  for (const support::Frame& frame : support::parse_frames(pair.down_bytes)) {
    if (frame.type != FrameBuilder::window_update || frame.stream_id == 0) continue;
    ++updates;
    EXPECT_GE(frame.number(0), 1024U);
  }
  EXPECT_LT(updates, 100U);
}

TEST(Flow, ManyResetUploadsLeaveNothingPromised) {
  RawServer server(4);
  server.hello(true);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const std::uint32_t id = 2 * i + 1;
    server.end.now += std::chrono::milliseconds(10);
    ASSERT_TRUE(server.end.feed(
        FrameBuilder().request(id, false).body(id, std::string(3000, 'x')).reset(id, 8).take()));
    ASSERT_EQ(server.end.sides.back()->in_at_close, pool::Pipe::End::failed);
    server.end.produce();
    server.end.sides.clear();
    ASSERT_EQ(server.house.used(), 0U);
  }
  EXPECT_EQ(server.end.session->open_streams(), 0U);
}

}  // namespace
}  // namespace h2
