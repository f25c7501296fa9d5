// A request that its server does not admit leaves nothing behind, and the connection goes on.

#include <gtest/gtest.h>

#include <string>

#include "pool/ledger.h"
#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;

struct Server {
  explicit Server(const SessionLimits& limits = {}) : house(4), end(Role::server, limits, house) {
    EXPECT_TRUE(end.feed(FrameBuilder().preface().empty_settings().settings_ack().take()));
    end.produce();
  }
  support::PoolHouse house;
  End end;
};

// RST_STREAM of that stream with that code (RFC 9113 §6.4).
std::string reset_frame(char stream, char code) {
  return std::string("\0\0\4\3\0\0\0\0", 8) + stream + std::string("\0\0\0", 3) + code;
}
constexpr char kRefusedStream = 7;
constexpr char kEnhanceYourCalm = 11;

TEST(Admission, ARefusedRequestIsToldSoAndKeepsNothing) {
  Server server;
  server.end.admits = [](std::size_t) { return false; };
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, {{"a", std::string(3000, 'v')}}).take()));
  EXPECT_EQ(server.end.session->open_streams(), 0U);
  EXPECT_TRUE(server.end.sides.empty());
  EXPECT_FALSE(server.end.session->receiving_headers()) << "nothing is waited for";
  server.end.produce();
  EXPECT_EQ(server.end.session->abuse(), Abuse::none) << "it is not the peer's fault";
}

TEST(Admission, TheResetSaysThatItMayBeSentAgain) {
  Server server;
  server.end.admits = [](std::size_t) { return false; };
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true).take()));
  EXPECT_EQ(server.end.produce(), reset_frame(1, kRefusedStream));
}

TEST(Admission, TheNextRequestIsUnderstood) {
  Server server;
  server.end.admits = [](std::size_t) { return false; };
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, false, {{"a", "b"}}).take()));
  server.end.produce();
  server.end.admits = nullptr;
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true, {{"a", "b"}}).take()));
  ASSERT_EQ(server.end.sides.size(), 1U);
  EXPECT_EQ(server.end.sides[0]->heads.at(0).second.get("a"), "b") << "the compression state was kept";
}

TEST(Admission, AHeadThatGrowsIsAskedAboutAgain) {
  Server server;
  std::vector<std::size_t> asked;
  server.end.admits = [&](std::size_t bytes) { return asked.push_back(bytes), bytes < 10'000; };
  FrameBuilder::Fields fields(12, {"a", std::string(1000, 'v')});
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, fields).take()));
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0], 0U);
  EXPECT_GE(asked[1], 4096U);
  EXPECT_EQ(server.end.produce(), reset_frame(1, kRefusedStream));
  EXPECT_EQ(server.end.session->open_streams(), 0U);
  EXPECT_TRUE(server.end.sides.empty());
  server.end.admits = nullptr;
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true).take()));
  EXPECT_EQ(server.end.sides.size(), 1U);
}

TEST(Admission, AnotherRequestGoesOnBesideARefusedOne) {
  Server server;
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, false).take()));
  server.end.admits = [](std::size_t) { return false; };
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true).take()));
  EXPECT_EQ(server.end.produce(), reset_frame(3, kRefusedStream));
  EXPECT_EQ(server.end.session->open_streams(), 1U);
  EXPECT_EQ(server.end.sides[0]->closed_count, 0);
}

TEST(Admission, TrailersAreAskedAboutWhenTheyBeginAndAsTheyGrow) {
  Server server;
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, false).take()));
  std::vector<std::size_t> asked;
  support::Side& side = *server.end.sides.at(0);
  side.admits = [&](std::size_t bytes) { return asked.push_back(bytes), bytes < 10'000; };
  const FrameBuilder::Fields fields(12, {"a", std::string(1000, 'v')});
  const std::string trailers = FrameBuilder::block(fields);
  ASSERT_TRUE(server.end.feed(
      FrameBuilder()
          .frame(FrameBuilder::headers, FrameBuilder::end_headers | FrameBuilder::end_stream, 1, trailers)
          .take()));
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_LT(asked[0], 4096U);
  EXPECT_GE(asked[1], 4096U);
  EXPECT_EQ(side.heads.size(), 1U) << "the request's alone";
  EXPECT_FALSE(server.end.session->receiving_headers());
  EXPECT_EQ(server.end.produce(), reset_frame(1, kEnhanceYourCalm))
      << "what was passed on is not safe to retry";
  EXPECT_EQ(side.closed, ErrorCode::enhance_your_calm);
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true).take()));
  EXPECT_EQ(server.end.sides.size(), 2U);
}

TEST(Admission, AResponsesHeadIsAskedAboutToo) {
  support::SessionPair pair;
  pair.server.serve = [](support::Side& side, bool) {
    HeaderList head = support::response_head();
    for (int i = 0; i < 12; ++i) head.add("a", std::string(1000, 'v'));
    side.stream->respond(head, nullptr);
  };
  std::size_t most = 0;
  support::Side& refused = pair.client.request(support::request_head("GET"));
  refused.admits = [&](std::size_t bytes) { return most = bytes, bytes < 10'000; };
  support::Side& admitted = pair.client.request(support::request_head("GET"));
  ASSERT_TRUE(pair.run());
  EXPECT_GE(most, 10'000U);
  EXPECT_LT(most, 14'000U);
  EXPECT_TRUE(refused.heads.empty());
  EXPECT_EQ(refused.closed, ErrorCode::enhance_your_calm);
  ASSERT_EQ(admitted.heads.size(), 1U) << "the compression state was kept";
  EXPECT_EQ(admitted.closed, ErrorCode::no_error);
}

TEST(Admission, WhatNghttp2AllocatesIsCharged) {
  static constinit pool::Ledger ledger;
  const auto charged = [] { return ledger.balances()[static_cast<std::size_t>(pool::Account::http2)]; };
  SessionLimits limits;
  limits.ledger = &ledger;
  {
    Server server(limits);
    EXPECT_GE(charged(), static_cast<std::int64_t>(16 * 1024));
    EXPECT_EQ(static_cast<std::size_t>(charged()), server.end.session->nghttp2_bytes());
  }
  EXPECT_EQ(charged(), 0);
}

}  // namespace
}  // namespace h2
