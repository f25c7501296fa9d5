#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "gateway/http1/message_writer.h"

namespace gateway {
namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

h2::HeaderList response(std::string_view status, const Fields& fields) {
  h2::HeaderList list;
  list.add(":status", status);
  for (const auto& [name, value] : fields) list.add(name, value);
  return list;
}

struct Row {
  h2::HeaderList head;
  bool has_body;
  ResponseTo to;
  std::string_view text;
  Framing framing;
  bool keep_alive = true;
};

TEST(ResponseWriter, FramesTheBodyForWhoReadsIt) {
  const Row rows[] = {
      {response("200", {{"content-length", "5"}, {"x", "y"}}),
       true,
       {.method = "GET"},
       "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\n",
       Framing::sized},
      {response("200", {}),
       true,
       {.method = "GET"},
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
       Framing::chunked},
      {response("200", {}),
       false,
       {.method = "GET"},
       "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
       Framing::none},
      {response("200", {{"content-length", "5"}}),
       false,
       {.method = "HEAD"},
       "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
       Framing::none},
      {response("200", {}), false, {.method = "HEAD"}, "HTTP/1.1 200 OK\r\n\r\n", Framing::none},
      {response("304", {{"content-length", "5"}}),
       false,
       {.method = "GET"},
       "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
       Framing::none},
      {response("204", {{"content-length", "0"}}),
       false,
       {.method = "GET"},
       "HTTP/1.1 204 No Content\r\n\r\n",
       Framing::none},
      {response("299", {}),
       false,
       {.method = "GET", .keep_alive = false},
       "HTTP/1.1 299 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
       Framing::none,
       false},
      {response("103", {{"link", "</a>"}}),
       false,
       {.method = "GET", .keep_alive = false},
       "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
       Framing::none,
       false},
      {response("200", {}),
       true,
       {.method = "GET", .http_1_1 = false},
       "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
       Framing::until_close,
       false},
      {response("200", {{"content-length", "5"}}),
       true,
       {.method = "GET", .http_1_1 = false},
       "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n",
       Framing::sized},
  };
  for (const Row& row : rows) {
    std::string out;
    const WrittenHead head = write_response_head(row.head, row.has_body, row.to, out);
    EXPECT_EQ(head.error, "");
    EXPECT_EQ(out, row.text);
    EXPECT_EQ(head.framing, row.framing) << row.text;
    EXPECT_EQ(head.keep_alive, row.keep_alive) << row.text;
  }
}

TEST(ResponseWriter, LeavesOutFieldsOfTheConnection) {
  std::string out;
  const auto head = response("200", {{"connection", "x"}, {"transfer-encoding", "gzip"}, {"upgrade", "h2c"}});
  EXPECT_EQ(write_response_head(head, false, {.method = "GET"}, out).error, "");
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST(ResponseWriter, WritesNothingThatCouldSplitTheMessage) {
  const h2::HeaderList heads[] = {
      response("200", {{"x", "y\r\nz"}}),
      response("200", {{"x y", "z"}}),
      response("200", {{"content-length", "5"}, {"content-length", "5"}}),
      response("200", {{"content-length", "five"}}),
      response("200", {{"content-length", "5"}}),
  };
  for (const h2::HeaderList& head : heads) {
    std::string out = "before|";
    EXPECT_NE(write_response_head(head, false, {.method = "GET"}, out).error, "");
    EXPECT_EQ(out, "before|");
  }
}

}  // namespace
}  // namespace gateway
