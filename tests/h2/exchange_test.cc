// Whole requests and responses between two sessions.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::request_head;
using support::response_head;
using support::SessionPair;
using support::Side;

std::string pattern(std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

// Answers with `body` at once.
End::OnRequest answer(std::string body) {
  return [body = std::move(body)](Side& side, bool) {
    side.source.body = body;
    side.stream->respond(response_head(), body.empty() ? nullptr : &side.out);
  };
}

HeaderList fields(std::string_view name, std::string_view value, bool sensitive = false) {
  HeaderList list;
  list.add(name, value, sensitive);
  return list;
}

TEST(Exchange, RequestAndResponseWithBodies) {
  SessionPair pair;
  pair.server.serve = answer(pattern(300000));
  Side& call = pair.client.request(request_head("POST", "/upload"), pattern(200000));
  ASSERT_TRUE(pair.run());

  Side& served = *pair.server.sides.at(0);
  EXPECT_EQ(served.head(HeadersKind::request)->get(":path"), "/upload");
  EXPECT_EQ(call.head(HeadersKind::response)->get(":status"), "200");
  EXPECT_TRUE(call.sink.body == pattern(300000));
  EXPECT_EQ(call.closed_count, 1);
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_EQ(served.closed_count, 1);
}

TEST(Exchange, EchoUploadArrivesWhole) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  Side& call = pair.client.request(request_head("POST"), pattern(500000));
  ASSERT_TRUE(pair.run());
  Side& served = *pair.server.sides.at(0);
  EXPECT_TRUE(served.sink.body == pattern(500000));
  EXPECT_EQ(served.in.end(), pool::Pipe::End::finished);
  EXPECT_TRUE(served.stream->remote_ended());
  served.source.ends = true;
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_EQ(call.in_at_close, pool::Pipe::End::finished);
  EXPECT_FALSE(call.by_peer);
  EXPECT_EQ(served.in_at_close, pool::Pipe::End::finished);
}

TEST(Exchange, LastBytesAndEndOfStreamShareAFrame) {
  SessionPair pair;
  pair.server.serve = answer("hello");
  pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  int data_frames = 0;
  for (const support::Frame& frame : support::parse_frames(pair.down_bytes)) {
    if (frame.type != support::FrameBuilder::data) continue;
    ++data_frames;
    EXPECT_EQ(frame.flags, support::FrameBuilder::end_stream);
    EXPECT_EQ(frame.payload, "hello");
  }
  EXPECT_EQ(data_frames, 1);
}

TEST(Exchange, TrailersBothWays) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.body = "body";
    side.trailers_out = fields("grpc-status", "0");
    side.stream->respond(response_head(), &side.out);
    side.writes = false;
  };
  Side& call = pair.client.request(request_head("POST"), "upload");
  call.trailers_out = fields("checksum", "42");
  ASSERT_TRUE(pair.run());

  Side& served = *pair.server.sides.at(0);
  ASSERT_NE(served.head(HeadersKind::trailers), nullptr);
  EXPECT_EQ(served.head(HeadersKind::trailers)->get("checksum"), "42");
  EXPECT_EQ(served.in_at_headers, pool::Pipe::End::open) << "trailers come before the body is finished";
  EXPECT_EQ(served.in.end(), pool::Pipe::End::finished);
  EXPECT_EQ(served.sink.body, "upload");
  served.writes = true;
  ASSERT_TRUE(pair.run());
  ASSERT_NE(call.head(HeadersKind::trailers), nullptr);
  EXPECT_EQ(call.head(HeadersKind::trailers)->get("grpc-status"), "0");
  EXPECT_EQ(call.sink.body, "body");
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_EQ(call.trailers_asked, 1);
  EXPECT_EQ(served.trailers_asked, 1);
}

TEST(Exchange, TrailersAfterAnEmptyBody) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.trailers_out = fields("grpc-status", "12");
    side.stream->respond(response_head(), &side.out);
  };
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.head(HeadersKind::trailers)->get("grpc-status"), "12");
  EXPECT_EQ(call.sink.body, "");
  EXPECT_EQ(call.in_at_close, pool::Pipe::End::finished);
  EXPECT_EQ(call.closed, ErrorCode::no_error);
}

TEST(Exchange, SeveralInterimResponses) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.stream->respond(response_head("100"), nullptr);
    side.stream->respond(response_head("103"), nullptr);
    side.stream->respond(response_head("103"), nullptr);
    side.source.body = "done";
    side.stream->respond(response_head("200"), &side.out);
  };
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  ASSERT_EQ(call.heads.size(), 4U);
  EXPECT_EQ(call.heads[0].first, HeadersKind::interim);
  EXPECT_EQ(call.heads[0].second.get(":status"), "100");
  EXPECT_EQ(call.heads[2].first, HeadersKind::interim);
  EXPECT_EQ(call.heads[3].first, HeadersKind::response);
  EXPECT_EQ(call.sink.body, "done");
}

TEST(Exchange, HeadWithContentLengthHasNoBody) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    HeaderList head = response_head();
    head.add("content-length", "1000000");
    side.stream->respond(head, nullptr);
  };
  Side& head = pair.client.request(request_head("HEAD"));
  Side& get = pair.client.request(request_head("GET"));
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(head.closed, ErrorCode::no_error);
  EXPECT_EQ(head.in_at_close, pool::Pipe::End::finished);
  EXPECT_EQ(get.closed, ErrorCode::protocol_error) << "a GET's body may not be missing";
  EXPECT_EQ(get.in_at_close, pool::Pipe::End::failed);
}

TEST(Exchange, NotModifiedWithContentLength) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    HeaderList head = response_head("304");
    head.add("content-length", "1000");
    side.stream->respond(head, nullptr);
  };
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::no_error);
}

TEST(Exchange, SensitiveFieldsStaySensitive) {
  SessionPair pair;
  pair.server.serve = answer("");
  HeaderList head = request_head();
  head.add("authorization", "secret", true);
  head.add("accept", "text/html");
  pair.client.request(head);
  ASSERT_TRUE(pair.run());
  const HeaderList& seen = *pair.server.sides.at(0)->head(HeadersKind::request);
  for (const HeaderField field : seen)
    EXPECT_EQ(field.sensitive, field.name == "authorization") << field.name;
}

// A client that asks now and then gets another Date each time: its table would hold nothing else (RFC 7541 §2.3.2).
TEST(Exchange, ADateHasAPlaceInTheTableOnceItIsRepeated) {
  SessionPair pair;
  std::string date;
  pair.server.serve = [&date](Side& side, bool) {
    HeaderList head = response_head();
    head.add("date", date);
    side.stream->respond(std::move(head), nullptr);
  };
  const auto never_indexed = [&](int second) {
    date = "Thu, 26 Nov 2026 10:00:" + std::to_string(10 + second) + " GMT";
    const Side& call = pair.client.request(request_head());
    EXPECT_TRUE(pair.run());
    for (const HeaderField field : *call.head(HeadersKind::response)) {
      if (field.name == "date") return field.value == date && field.sensitive;
    }
    ADD_FAILURE() << "no date";
    return false;
  };
  EXPECT_TRUE(never_indexed(0));
  EXPECT_FALSE(never_indexed(0));
  EXPECT_FALSE(never_indexed(0));
  EXPECT_TRUE(never_indexed(1));
  const std::size_t before = pair.server.session->nghttp2_bytes();
  for (int second = 2; second < 50; ++second) EXPECT_TRUE(never_indexed(second));
  EXPECT_EQ(pair.server.session->nghttp2_bytes(), before);
}

TEST(Exchange, EarlyAnswerEndsTheRequestWithNoError) {
  SessionPair pair;
  pair.server.accepts = false;  // the server never invites the body: the client stays at zero window
  pair.server.serve = [](Side& side, bool) {
    side.source.body = pattern(100000);
    side.stream->respond(response_head("413"), &side.out);
  };
  Side& call = pair.client.request(request_head("POST"), pattern(1000000));
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.head(HeadersKind::response)->get(":status"), "413");
  EXPECT_TRUE(call.sink.body == pattern(100000));
  EXPECT_EQ(call.in_at_close, pool::Pipe::End::finished) << "the whole answer arrived";
  EXPECT_EQ(call.closed, ErrorCode::no_error);
  EXPECT_TRUE(call.by_peer);
  Side& served = *pair.server.sides.at(0);
  EXPECT_EQ(served.closed, ErrorCode::no_error);
  EXPECT_EQ(served.in_at_close, pool::Pipe::End::failed) << "the request was cut short";
  EXPECT_EQ(pair.server.session->open_streams(), 0U);
}

TEST(Exchange, FailedPipeResetsAndNeverEndsCleanly) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.body = pattern(10000);
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.sink.body.size(), 10000U);
  pair.server.sides.at(0)->out.fail();
  EXPECT_TRUE(pair.server.wants_write);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::internal_error);
  EXPECT_TRUE(call.by_peer);
  EXPECT_EQ(call.in_at_close, pool::Pipe::End::failed);
  EXPECT_EQ(pair.server.sides.at(0)->closed_count, 1);
}

TEST(Exchange, PipeThatFailedBeforeItsFirstByteResets) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.stream->respond(response_head(), &side.out);
    side.out.fail();
  };
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::internal_error);
  EXPECT_NE(call.in_at_close, pool::Pipe::End::finished);
}

TEST(Exchange, ResetByTheClient) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  Side& call = pair.client.request(request_head("POST"), "half");
  call.source.ends = false;
  ASSERT_TRUE(pair.run());
  call.stream->reset(ErrorCode::cancel);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::cancel);
  EXPECT_FALSE(call.by_peer);
  EXPECT_EQ(call.closed_count, 1);
  Side& served = *pair.server.sides.at(0);
  EXPECT_EQ(served.closed, ErrorCode::cancel);
  EXPECT_TRUE(served.by_peer);
  EXPECT_EQ(served.in_at_close, pool::Pipe::End::failed);
}

TEST(Exchange, ResetBeforeTheRequestLeft) {
  SessionPair pair;
  pair.server.serve = answer("x");
  Side& first = pair.client.request(request_head());
  first.stream->reset(ErrorCode::cancel);
  EXPECT_EQ(first.closed_count, 1) << "at once";
  EXPECT_EQ(pair.client.session->open_streams(), 0U);
  Side& second = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(first.closed_count, 1);
  EXPECT_EQ(second.sink.body, "x");
  EXPECT_EQ(pair.server.sides.size(), 1U) << "the first was never sent";
  EXPECT_TRUE(pair.server_ok && pair.client_ok);
}

TEST(Exchange, RefusedByTheServer) {
  SessionPair pair;
  pair.server.refuse = ErrorCode::refused_stream;
  Side& call = pair.client.request(request_head("POST"), pattern(100000));
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed, ErrorCode::refused_stream);
  EXPECT_TRUE(call.by_peer);
  EXPECT_EQ(pair.server.session->open_streams(), 0U);
}

TEST(Exchange, LostConnectionClosesEveryStreamOnce) {
  SessionPair pair;
  pair.server.serve = [](Side& side, bool) {
    side.source.ends = false;
    side.stream->respond(response_head(), &side.out);
  };
  Side& call = pair.client.request(request_head("POST"), "half");
  call.source.ends = false;
  ASSERT_TRUE(pair.run());
  pair.server.session.reset();
  Side& served = *pair.server.sides.at(0);
  EXPECT_EQ(served.closed_count, 1);
  EXPECT_EQ(served.closed, ErrorCode::cancel);
  EXPECT_EQ(served.in_at_close, pool::Pipe::End::failed);
  EXPECT_EQ(call.closed_count, 0);
  pair.client.session.reset();
  EXPECT_EQ(call.closed_count, 1);
}

TEST(Exchange, DetachedStreamCallsNobody) {
  SessionPair pair;
  pair.server.serve = answer(pattern(100000));
  Side& call = pair.client.request(request_head());
  Stream& stream = *std::exchange(call.stream, nullptr);
  stream.detach();
  stream.reset(ErrorCode::cancel);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(call.closed_count, 0);
  EXPECT_EQ(pair.client.session->open_streams(), 0U);
}

TEST(Exchange, OutputLimitIsKeptAndNothingIsLost) {
  SessionPair pair;
  pair.produce_limit = 1000;
  pair.server.serve = answer(pattern(200000));
  Side& call = pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  EXPECT_TRUE(call.sink.body == pattern(200000));

  pair.server.sides.clear();
  pair.client.request(request_head());
  pair.server.feed(pair.client.produce());
  pair.server.sides.at(0)->pump();
  pool::Output output;
  EXPECT_TRUE(pair.server.session->produce(output, 100));
  EXPECT_GE(output.bytes(), 100U);
  EXPECT_LT(output.bytes(), 100 + support::kBlockSize + 200);
  output.clear();
}

TEST(Exchange, CountsWhatNghttp2Allocates) {
  SessionPair pair;
  const std::size_t idle = pair.server.session->nghttp2_bytes();
  EXPECT_GT(idle, 16000U);
  EXPECT_LT(idle, 64000U);
  pair.server.serve = [](Side& side, bool) {
    side.stream->respond(response_head(), &side.out);
    side.writes = false;
  };
  for (int i = 0; i < 50; ++i) pair.client.request(request_head());
  ASSERT_TRUE(pair.run());
  const std::size_t busy = pair.server.session->nghttp2_bytes();
  EXPECT_GT(busy, idle);
  for (auto& side : pair.server.sides) side->writes = true;
  ASSERT_TRUE(pair.run());
  EXPECT_LT(pair.server.session->nghttp2_bytes(), busy);
}

}  // namespace
}  // namespace h2
