// Credit is room: what a peer may send, what is promised, and what happens when there is no block.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "tests/support/frame_builder.h"
#include "tests/support/raw_server.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;
using support::RawServer;
using support::request_head;
using support::response_head;
using support::SessionPair;
using support::Side;

std::string body_of(std::size_t stream, std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(stream * 7 + i * 31 + i / 253);
  return text;
}

/// How many blocks, and of which requests for one every n-th is refused.
using Scarcity = std::tuple<std::size_t, std::uint32_t>;
class Scarce : public testing::TestWithParam<Scarcity> {
 protected:
  std::size_t blocks() const { return std::get<0>(GetParam()); }
  pool::Shortage shortage() const { return {.every = std::get<1>(GetParam())}; }
};

TEST_P(Scarce, P4_EveryUploadFinishes) {
  constexpr std::size_t kStreams = 50;
  SessionPair pair({}, blocks(), {}, 1024, shortage());
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
  EXPECT_LE(pair.server_house.pool.stats().used_max[0], blocks());
}

TEST_P(Scarce, P4_EveryDownloadFinishes) {
  constexpr std::size_t kStreams = 50;
  SessionPair pair({}, 1024, {}, blocks(), shortage());  // it is the client's pool that is scarce
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

INSTANTIATE_TEST_SUITE_P(Blocks, Scarce,
                         testing::Combine(testing::Values(1, 2, 3, 4), testing::Values(0, 1, 3)));  // P7 too

class ScarceBothWays : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ScarceBothWays, P4_EchoOfManyStreamsWithTwoBlocks) {
  SessionPair pair({}, 2, {}, 1024, {.every = GetParam()});
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

INSTANTIATE_TEST_SUITE_P(Shortage, ScarceBothWays, testing::Values(0, 1, 3));  // P7 too

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

TEST(Flow, BlocksAreAskedForEarlyOnlyWhereResponsesAreLarge) {
  SessionPair pair;
  ASSERT_TRUE(pair.run());
  std::size_t size = 500;
  pair.server.serve = [&](Side& side, bool) {
    side.source.body = std::string(size, 'x');
    side.stream->respond(response_head(), &side.out);
  };
  // What a response may bring before its first byte has come.
  const auto early = [&] {
    Side& side = pair.client.request(request_head());
    const std::string bytes = pair.client.produce();
    const std::int64_t window = side.stream->window();
    EXPECT_TRUE(pair.server.feed(bytes));
    return window;
  };
  const auto doorbell = static_cast<std::int64_t>(pair.client.session->limits().doorbell);
  EXPECT_GT(early(), doorbell) << "not known yet";
  for (int i = 0; i < 60; ++i) {
    pair.client.request(request_head());
    ASSERT_TRUE(pair.run());
  }
  EXPECT_EQ(early(), doorbell);
  size = 100000;
  for (int i = 0; i < 2; ++i) {
    Side& side = pair.client.request(request_head());
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(side.sink.body.size(), size);
  }
  EXPECT_GT(early(), doorbell);
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

}  // namespace
}  // namespace h2
