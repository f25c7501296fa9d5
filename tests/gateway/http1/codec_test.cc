#include "tests/gateway/http1/codec_recorder.h"

namespace gateway {
namespace {

struct Row {
  std::string_view text;
  std::string_view told;
  std::string_view method = "GET";
  bool eof = false;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.text));
    EXPECT_EQ(read_all_ways(row.text, row.method, row.eof), row.told);
  }
}

TEST(ResponseCodec, ReadsWholeResponses) {
  check({
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \t\r\n\r\nhello",
       "head :status=200 content-length=5 x-a=b|body hello|complete,keep"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "bodyless :status=200 content-length=0|complete,keep"},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "bodyless :status=200 content-length=0|complete,keep"},
      {"HTTP/1.1 599 \r\nEmpty:\r\nContent-Length: 1\r\n\r\nx",
       "head :status=599 empty= content-length=1|body x|complete,keep"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "bodyless :status=204|complete,keep"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
       "bodyless :status=204 content-length=7|complete,keep"},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
       "bodyless :status=304 content-length=7|complete,keep"},
      {"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
       "bodyless :status=304 transfer-encoding=chunked|complete,keep"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "bodyless :status=200 content-length=7|complete,keep",
       "HEAD"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "bodyless :status=200 transfer-encoding=chunked|complete,keep", "HEAD"},
      {"HTTP/1.1 200 OK\r\n\r\n", "bodyless :status=200|complete,keep", "HEAD"},
      {"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno",
       "head :status=426 connection=upgrade upgrade=h2c content-length=2|body no|complete,keep"},
  });
}

TEST(ResponseCodec, ReadsChunksAndTrailers) {
  check({
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;ext=\"1;2\"\r\n, "
       "world!!!\r\n0\r\n\r\n",
       "head :status=200 transfer-encoding=Chunked|body hello, world!!!|complete,keep"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "head :status=200 transfer-encoding=chunked|complete,keep"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n000;last\r\nGrpc-Status: 0\r\nX-B: "
       "c\r\n\r\n",
       "head :status=200 transfer-encoding=chunked|body x|trailers grpc-status=0 x-b=c|complete,keep"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\nSet-Cookie: b=c\r\nAge: "
       "1\r\n\r\n",
       "head :status=200 transfer-encoding=chunked|complete,keep"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\nEtag: e\r\n\r\n",
       "head :status=200 transfer-encoding=chunked|trailers etag=e|complete,keep"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
       "head :status=200 transfer-encoding=chunked connection=close|complete,close"},
  });
}

TEST(ResponseCodec, PassesInterimResponses) {
  check({
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: "
       "2\r\n\r\nok",
       "interim :status=100|interim :status=103 link=</a>|head :status=200 content-length=2|body "
       "ok|complete,keep"},
      {"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
       "interim :status=103 content-length=5 connection=close|bodyless :status=204|complete,keep"},
      {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
       "error:status 101, but no upgrade was asked for"},
      {"HTTP/1.1 100 Continue\r\n\r\n",
       "interim :status=100|error:connection closed before the end of the response header", "GET", true},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2",
       "interim :status=100|error:connection closed before the end of the response header", "GET", true},
  });
}

TEST(ResponseCodec, BehindA101EveryByteIsBodyUntilTheEnd) {
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  const std::string told = "head :status=101 upgrade=websocket|body |";
  // What would be framing elsewhere is not looked at.
  for (const std::string bytes : {"a", "HTTP/1.1 200 OK\r\n\r\n", "0\r\n\r\n\0\xff"}) {
    std::string expected = told;
    expected.insert(expected.size() - 1, bytes);
    EXPECT_EQ(read_all_ways(head + bytes, "CONNECT", true), expected + "complete,close");
  }
  EXPECT_EQ(read_all_ways(head, "CONNECT", true), "head :status=101 upgrade=websocket|complete,close");
  EXPECT_EQ(read_all_ways("HTTP/1.1 100 Continue\r\n\r\n" + head + "x", "CONNECT", false),
            "interim :status=100|head :status=101 upgrade=websocket|body x|");
  EXPECT_EQ(read_all_ways("HTTP/1.1 101 Switching Protocols\r\nContent-Length: 1\r\n\r\nxy", "CONNECT", false),
            "head :status=101 content-length=1|body xy|");
}

TEST(ResponseCodec, A101IsForWhoAskedForIt) {
  EXPECT_EQ(read_all_ways("HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET", false),
            "error:status 101, but no upgrade was asked for");
  EXPECT_EQ(read_all_ways("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "CONNECT", false),
            "head :status=404 content-length=2|body no|complete,keep");
}

TEST(ResponseCodec, KnowsWhetherTheConnectionLives) {
  check({
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
       "head :status=200 content-length=1|body x|complete,close"},
      {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
       "head :status=200 connection=Keep-Alive content-length=1|body x|complete,keep"},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
       "head :status=200 connection=keep-alive|body x|complete,close", "GET", true},
      {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\nx",
       "head :status=200 connection=x, Close content-length=1|body x|complete,close"},
      {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
       "head :status=200 connection=keep-alive connection=close content-length=1|body x|complete,close"},
      {"HTTP/1.1 200 OK\r\n\r\nall of it", "head :status=200|body all of it|complete,close", "GET", true},
      {"HTTP/1.1 200 OK\r\n\r\n", "head :status=200|complete,close", "GET", true},
  });
}

TEST(ResponseCodec, TellsTruncation) {
  check({
      {"", "error:connection closed before a response", "GET", true},
      {"H", "error:connection closed before the end of the response header", "GET", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
       "error:connection closed before the end of the response header", "GET", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
       "head :status=200 content-length=5|error:response body truncated", "GET", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
       "head :status=200 content-length=5|body hell|error:response body truncated", "GET", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nx",
       "head :status=200 transfer-encoding=chunked|body x|error:response body truncated", "GET", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
       "head :status=200 transfer-encoding=chunked|body x|error:response body truncated", "GET", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
       "head :status=200 transfer-encoding=chunked|error:response body truncated", "GET", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
       "head :status=200 transfer-encoding=chunked|error:response body truncated", "GET", true},
  });
}

TEST(ResponseCodec, BodyStandsInTheFedMemory) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  CodecRecorder recorder;
  Http1Codec codec(CodecRole::responses, recorder, {});
  codec.begin("GET");
  EXPECT_EQ(codec.feed(bytes_of(text)).error, "");
  ASSERT_EQ(recorder.spans.size(), 2U);
  EXPECT_EQ(recorder.spans[0].data(), bytes_of(text).data() + text.find("abc"));
  EXPECT_EQ(recorder.spans[1].data(), bytes_of(text).data() + text.find("de\r"));
}

TEST(ResponseCodec, BytesAfterTheResponseEndTheConnection) {
  const std::string_view responses[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
  };
  for (std::string_view response : responses) {
    SCOPED_TRACE(std::string(response));
    CodecRecorder recorder;
    Http1Codec codec(CodecRole::responses, recorder, {});
    codec.begin("GET");
    const std::string more = std::string(response) + "HTTP/1.1 200 OK\r\n\r\n";
    const auto result = codec.feed(bytes_of(more));
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.consumed, response.size());
    EXPECT_TRUE(recorder.told().ends_with("complete,close")) << recorder.told();
    EXPECT_TRUE(codec.idle());
    EXPECT_EQ(codec.feed(bytes_of("x")).error, "bytes after the response");
    EXPECT_FALSE(codec.idle());
    EXPECT_EQ(codec.end_of_input().error, "bytes after the response");
  }
}

TEST(ResponseCodec, CarriesOneResponseAfterAnother) {
  CodecRecorder recorder;
  Http1Codec codec(CodecRole::responses, recorder, {});
  EXPECT_TRUE(codec.idle());
  EXPECT_EQ(codec.end_of_input().error, "");
  for (int i = 0; i < 3; ++i) {
    codec.begin(i == 1 ? "HEAD" : "GET");
    EXPECT_FALSE(codec.started());
    const std::string text =
        i == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
               : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n";
    EXPECT_EQ(codec.feed(bytes_of(text)).error, "");
    EXPECT_TRUE(codec.started());
    EXPECT_TRUE(codec.idle());
  }
  const std::string chunked = "head :status=200 transfer-encoding=chunked|body x|trailers t=v|complete,keep";
  EXPECT_EQ(recorder.told(), chunked + "bodyless :status=200 content-length=9|complete,keep" + chunked);
}

TEST(ResponseCodec, StopsBehindTheHead) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  CodecRecorder recorder;
  Http1Codec codec(CodecRole::responses, recorder, {});
  recorder.stop_codec = &codec;
  codec.begin("GET");
  EXPECT_EQ(codec.feed(bytes_of(head + "hello")).consumed, head.size());
  EXPECT_TRUE(recorder.told().ends_with("content-length=5|"));
  EXPECT_EQ(codec.feed(bytes_of("hello")).consumed, 5U);
  EXPECT_TRUE(recorder.told().ends_with("|body hello|complete,keep"));
}

}  // namespace
}  // namespace gateway
