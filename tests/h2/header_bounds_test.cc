// A header list is bounded in bytes and in fields, whatever it takes to say it.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;
using support::Side;

struct Server {
  explicit Server(const SessionLimits& limits) : house(4), end(Role::server, limits, house) {
    EXPECT_TRUE(end.feed(FrameBuilder().preface().empty_settings().settings_ack().take()));
    end.produce();
  }
  Side& last() { return *end.sides.back(); }
  support::PoolHouse house;
  End end;
};

SessionLimits bounds(std::size_t bytes, std::size_t fields) {
  SessionLimits limits;
  limits.max_header_bytes = bytes;
  limits.max_header_fields = fields;
  return limits;
}

// Method, scheme, authority and path of FrameBuilder::request() with their overhead.
constexpr std::size_t kPseudo = (7 + 4) + (7 + 4) + (10 + 4) + (5 + 1) + 4 * HeaderList::kFieldOverhead;

TEST(HeaderBounds, BytesExactlyAtTheBound) {
  Server server(bounds(kPseudo + 32 + 1 + 100, 100));
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, {{"a", std::string(100, 'v')}}).take()));
  EXPECT_FALSE(server.last().oversized);
  EXPECT_EQ(server.last().heads.at(0).second.size(), 5U);
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true, {{"a", std::string(101, 'v')}}).take()));
  EXPECT_TRUE(server.last().oversized);
  EXPECT_EQ(server.last().heads.at(0).second.size(), 4U) << "the beginning is there";
}

TEST(HeaderBounds, OversizedRequestCanBeAnswered) {
  Server server(bounds(1000, 100));
  server.end.serve = [](Side& side, bool) { side.stream->respond(support::response_head("431"), nullptr); };
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, {{"a", std::string(1500, 'v')}}).take()));
  EXPECT_TRUE(server.last().oversized);
  server.end.produce();
  EXPECT_EQ(server.last().closed, ErrorCode::no_error);
  EXPECT_EQ(server.end.session->abuse(), Abuse::none);
}

TEST(HeaderBounds, TheContentTypeIsKeptWhereverItStands) {
  Server server(bounds(64 * 1024, 10));
  FrameBuilder::Fields fields(10, {"a", "b"});
  fields.emplace_back("content-type", std::string(65, 'x'));
  for (int i = 0; i < 3; ++i) fields.emplace_back("content-type", "application/grpc");
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, fields).take()));
  EXPECT_TRUE(server.last().oversized);
  const HeaderList& kept = server.last().heads.at(0).second;
  EXPECT_EQ(kept.size(), 11U) << "the first ten, and the first one of a reasonable length";
  EXPECT_EQ(kept.get("content-type"), "application/grpc");
}

TEST(HeaderBounds, CookieCrumbsCountAsFields) {
  Server server(bounds(64 * 1024, 20));
  FrameBuilder::Fields crumbs(16, {"cookie", "a=b"});
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, true, crumbs).take()));
  EXPECT_FALSE(server.last().oversized);
  crumbs.emplace_back("cookie", "c=d");
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(3, true, crumbs).take()));
  EXPECT_TRUE(server.last().oversized);
}

TEST(HeaderBounds, BombOfReferencesIsNotDecodedToItsEnd) {
  Server server(bounds(16 * 1024, 200));
  // A field of 3,000 bytes enters the dynamic table; each byte 0xbe after it is that field again.
  std::string block =
      FrameBuilder::block({{":method", "GET"}, {":scheme", "http"}, {":authority", "test"}, {":path", "/"}});
  block += std::string(1, '\x40') + FrameBuilder::text("bomb") + FrameBuilder::text(std::string(3000, 'b'));
  block += std::string(12000, '\xbe');
  FrameBuilder frames;
  frames.frame(FrameBuilder::headers, FrameBuilder::end_headers | FrameBuilder::end_stream, 1, block);
  ASSERT_TRUE(server.end.feed(frames.take()));
  EXPECT_TRUE(server.end.sides.empty()) << "nobody is asked to answer it";
  const auto answers = support::parse_frames(server.end.produce());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, FrameBuilder::rst_stream);
  EXPECT_EQ(answers[0].number(0), static_cast<std::uint32_t>(ErrorCode::enhance_your_calm));
  EXPECT_EQ(server.end.session->open_streams(), 0U);
  // The compression state is still right.
  const std::string next =
      FrameBuilder::block({{":method", "GET"}, {":scheme", "http"}, {":authority", "test"}, {":path", "/"}}) +
      '\xbe';
  frames.frame(FrameBuilder::headers, FrameBuilder::end_headers | FrameBuilder::end_stream, 3, next);
  ASSERT_TRUE(server.end.feed(frames.take()));
  ASSERT_EQ(server.end.sides.size(), 1U);
  EXPECT_EQ(server.last().heads.at(0).second.get("bomb").size(), 3000U);
}

TEST(HeaderBounds, OversizedTrailersAreReset) {
  Server server(bounds(1000, 100));
  ASSERT_TRUE(server.end.feed(FrameBuilder().request(1, false).body(1, "body").take()));
  Side& side = server.last();
  FrameBuilder frames;
  frames.frame(FrameBuilder::headers, FrameBuilder::end_headers | FrameBuilder::end_stream, 1,
               FrameBuilder::block({{"trailer", std::string(1200, 't')}}));
  ASSERT_TRUE(server.end.feed(frames.take()));
  server.end.produce();
  EXPECT_EQ(side.closed, ErrorCode::enhance_your_calm);
  EXPECT_EQ(side.in_at_close, pool::Pipe::End::failed);
  EXPECT_EQ(side.head(HeadersKind::trailers), nullptr);
}

TEST(HeaderBounds, MalformedFieldsResetTheStream) {
  Server server({});
  for (const auto& [id, field] :
       {std::pair<std::uint32_t, std::pair<std::string, std::string>>{1, {"Upper", "x"}},
        {3, {"split", "a\r\nb"}},
        {5, {"connection", "close"}},
        {7, {"transfer-encoding", "chunked"}},
        {9, {"te", "gzip"}},
        {11, {"nul", std::string("a\0", 2)}},
        {13, {"with blank", "x"}},
        {15, {"blanks", " x"}},
        {17, {"blanks", "x\t"}}}) {
    ASSERT_TRUE(server.end.feed(FrameBuilder().request(id, true, {field}).take()));
    const auto answers = support::parse_frames(server.end.produce());
    ASSERT_EQ(answers.size(), 1U) << field.first;
    EXPECT_EQ(answers[0].type, FrameBuilder::rst_stream);
    EXPECT_EQ(answers[0].number(0), static_cast<std::uint32_t>(ErrorCode::protocol_error));
  }
  EXPECT_TRUE(server.end.sides.empty());
}

TEST(HeaderBounds, ClientSeesAnOversizedResponse) {
  SessionLimits limits;
  limits.max_header_bytes = 500;
  support::SessionPair pair({}, 64, limits);
  pair.server.serve = [](Side& side, bool) {
    HeaderList head = support::response_head();
    head.add("large", std::string(1000, 'l'));
    side.stream->respond(head, nullptr);
  };
  Side& call = pair.client.request(support::request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_TRUE(call.oversized);
  EXPECT_EQ(call.head(HeadersKind::response)->get(":status"), "200");
}

TEST(HeaderBounds, LargeListThatWasLetInCanLeave) {
  support::SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    HeaderList head = support::response_head();
    for (int i = 0; i < 12; ++i) head.add("large" + std::to_string(i), std::string(5000, 'l'));
    side.stream->respond(head, nullptr);
  };
  Side& call = pair.client.request(support::request_head());
  ASSERT_TRUE(pair.run());
  ASSERT_NE(call.head(HeadersKind::response), nullptr);
  EXPECT_EQ(call.head(HeadersKind::response)->size(), 13U);
  EXPECT_EQ(call.closed, ErrorCode::no_error);
}

}  // namespace
}  // namespace h2
