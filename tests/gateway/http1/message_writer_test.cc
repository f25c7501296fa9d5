#include "gateway/http1/message_writer.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "gateway/exchange.h"
#include "gateway/forwarding.h"

namespace gateway {
namespace {

using namespace std::string_view_literals;
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

h2::HeaderList request(std::string_view method, std::string_view path, const Fields& fields) {
  h2::HeaderList list;
  list.add(":method", method);
  list.add(":scheme", "http");
  list.add(":authority", "app:8080");
  list.add(":path", path);
  for (const auto& [name, value] : fields) list.add(name, value);
  return list;
}

std::string written(const h2::HeaderList& list, bool has_body, Framing framing) {
  std::string out = "before|";
  const WrittenHead head = write_request_head(list, has_body, out);
  EXPECT_EQ(head.error, "");
  EXPECT_EQ(head.framing, framing);
  return out;
}

TEST(RequestWriter, WritesLineHostAndFields) {
  EXPECT_EQ(written(request("GET", "/a?b", {{"accept", "*/*"}, {"x-empty", ""}}), false, Framing::none),
            "before|GET /a?b HTTP/1.1\r\nhost: app:8080\r\naccept: */*\r\nx-empty: \r\n\r\n");
  EXPECT_EQ(written(request("OPTIONS", "*", {}), false, Framing::none),
            "before|OPTIONS * HTTP/1.1\r\nhost: app:8080\r\n\r\n");
}

TEST(RequestWriter, NamesTeInConnection) {
  EXPECT_EQ(written(request("GET", "/", {{"te", "trailers"}}), false, Framing::none),
            "before|GET / HTTP/1.1\r\nhost: app:8080\r\nte: trailers\r\nconnection: te\r\n\r\n");
}

TEST(RequestWriter, LeavesOutWhatConcernsTheConnection) {
  EXPECT_EQ(written(request("GET", "/",
                            {{"host", "evil"},
                             {"connection", "close"},
                             {"transfer-encoding", "chunked"},
                             {"upgrade", "h2c"},
                             {"keep-alive", "a"},
                             {"proxy-connection", "b"},
                             {"http2-settings", "c"}}),
                    false, Framing::none),
            "before|GET / HTTP/1.1\r\nhost: app:8080\r\n\r\n");
}

TEST(RequestWriter, ChoosesTheFraming) {
  const std::string start = "before|POST / HTTP/1.1\r\nhost: app:8080\r\n";
  EXPECT_EQ(written(request("POST", "/", {{"content-length", "12"}}), true, Framing::sized),
            start + "content-length: 12\r\n\r\n");
  EXPECT_EQ(written(request("POST", "/", {}), true, Framing::chunked),
            start + "transfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(written(request("POST", "/", {}), false, Framing::none), start + "content-length: 0\r\n\r\n");
  EXPECT_EQ(written(request("POST", "/", {{"content-length", "0"}}), true, Framing::sized),
            start + "content-length: 0\r\n\r\n");
  EXPECT_EQ(written(request("POST", "/", {{"content-length", "0"}}), false, Framing::none),
            start + "content-length: 0\r\n\r\n");
  for (std::string_view method : {"PUT", "PATCH"}) {
    EXPECT_NE(written(request(method, "/", {}), false, Framing::none).find("content-length: 0\r\n"),
              std::string::npos);
  }
  for (std::string_view method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(written(request(method, "/", {}), false, Framing::none).find("content-length"),
              std::string::npos);
  }
  EXPECT_NE(written(request("GET", "/", {}), true, Framing::chunked).find("chunked"), std::string::npos);
}

TEST(RequestWriter, ReturnsTheContentLength) {
  std::string out;
  EXPECT_EQ(write_request_head(request("PUT", "/", {{"content-length", "1099511627776"}}), true, out)
                .content_length,
            1099511627776U);
}

TEST(RequestWriter, RefusesWhatCouldSplitAMessage) {
  struct Row {
    std::string_view method = "GET";
    std::string_view path = "/";
    std::string_view authority = "app";
    std::string_view name = "x-a";
    std::string_view value = "v";
    bool has_body = false;
  };
  const Row rows[] = {
      {.method = "GET / HTTP/1.1\r\nX:"},
      {.method = "GE T"},
      {.method = ""},
      {.method = "CONNECT"},
      {.path = ""},
      {.path = "a"},
      {.path = "/ HTTP/1.1\r\nx: y"},
      {.path = "/a b"},
      {.path = "/\n"},
      {.path = "/\r"},
      {.path = "/\0"sv},
      {.path = "/\t"},
      {.path = "/\x7f"},
      {.path = "/a#b"},
      {.path = "http://app/"},
      {.authority = ""},
      {.authority = "a b"},
      {.authority = "a\r\nx: y"},
      {.authority = "a\0"sv},
      {.authority = "a/b"},
      {.authority = "user@a"},
      {.authority = "a?b"},
      {.authority = "a\"b"},
      {.authority = ":80"},
      {.name = "x a"},
      {.name = "x\r\ny"},
      {.name = "x:"},
      {.name = ""},
      {.name = "x\0"sv},
      {.value = "a\r\nx: y"},
      {.value = "a\nb"},
      {.value = "a\rb"},
      {.value = "a\0b"sv},
      {.value = "a\x01"},
      {.value = "a\x7f"},
      {.name = "content-length", .value = "5"},
      {.name = "content-length", .value = "5, 5", .has_body = true},
      {.name = "content-length", .value = "", .has_body = true},
      {.name = "content-length", .value = "+5", .has_body = true},
      {.name = "content-length", .value = "5\r\n", .has_body = true},
  };
  for (const Row& row : rows) {
    h2::HeaderList list;
    list.add(":method", row.method);
    list.add(":authority", row.authority);
    list.add(":path", row.path);
    list.add(row.name, row.value);
    std::string out = "before";
    EXPECT_NE(write_request_head(list, row.has_body, out).error, "")
        << row.method << "|" << row.path << "|" << row.authority << "|" << row.name << "|" << row.value;
    EXPECT_EQ(out, "before");
  }
}

TEST(RequestWriter, RefusesTwoContentLengths) {
  std::string out;
  EXPECT_EQ(
      write_request_head(request("POST", "/", {{"content-length", "5"}, {"content-length", "5"}}), true, out)
          .error,
      "more than one Content-Length");
  EXPECT_EQ(out, "");
}

TEST(RequestWriter, RefusesAPseudoHeaderFieldBehindOthers) {
  h2::HeaderList list = request("GET", "/", {{"x-a", "v"}});
  list.add(":path", "/other");
  std::string out;
  EXPECT_EQ(write_request_head(list, false, out).error, "a pseudo-header field behind others");
  EXPECT_EQ(out, "");
}

TEST(RequestWriter, WritesWhatIsForwardedAsThoughItHadBeenAList) {
  const h2::HeaderList came =
      request("POST", "/a?b", {{"cookie", "a=1"}, {"te", "trailers"}, {"cookie", "b=2"}, {"x-forwarded-for", "192.0.2.9"}, {"accept", "*/*"}});
  const RequestOrigin origin{.peer = "192.0.2.1", .local = "127.0.0.1:443", .secure = true};
  std::string direct;
  RequestHeadWriter writer(direct, 0);
  forward_request(came, origin, writer);
  EXPECT_EQ(writer.finish(true).framing, Framing::chunked);
  EXPECT_EQ(direct, written(upstream_request(came, origin), true, Framing::chunked).substr(std::string_view("before|").size()));
  EXPECT_NE(direct.find("cookie: a=1; b=2\r\n"), std::string::npos);
  EXPECT_NE(direct.find("x-forwarded-for: 192.0.2.9, 192.0.2.1\r\n"), std::string::npos);
}

std::string_view text_of(const ChunkHeader& header) {
  return {reinterpret_cast<const char*>(header.bytes().data()), header.bytes().size()};
}

TEST(RequestWriter, FramesChunks) {
  EXPECT_EQ(text_of(ChunkHeader(1)), "1\r\n");
  EXPECT_EQ(text_of(ChunkHeader(16384)), "4000\r\n");
  EXPECT_EQ(text_of(ChunkHeader(0xffffffff)), "ffffffff\r\n");
  std::string out;
  write_last_chunk(nullptr, out);
  EXPECT_EQ(out, "0\r\n\r\n");
}

TEST(RequestWriter, WritesTrailersThatMayBe) {
  h2::HeaderList trailers;
  trailers.add("x-sum", "abc");
  trailers.add("content-length", "5");
  trailers.add("transfer-encoding", "chunked");
  trailers.add("host", "evil");
  trailers.add(":path", "/");
  trailers.add("x-split", "a\r\nx: y");
  trailers.add("x y", "z");
  std::string out;
  write_last_chunk(&trailers, out);
  EXPECT_EQ(out, "0\r\nx-sum: abc\r\n\r\n");
}

}  // namespace
}  // namespace gateway
