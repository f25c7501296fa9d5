#include "tests/gateway/http1/codec_recorder.h"

namespace gateway {
namespace {

using namespace std::string_view_literals;

std::string read(std::string_view text, const CodecLimits& limits = {}) {
  return read_all_ways(text, {.role = CodecRole::requests, .eof = true, .limits = limits});
}

TEST(RequestCodec, ReadsWholeRequests) {
  struct Row {
    std::string_view text;
    std::string_view told;
  };
  const Row rows[] = {
      {"GET /a?b HTTP/1.1\r\nHost: x\r\nX-A:  b \t\r\n\r\n",
       "bodyless :method=GET :scheme=http :path=/a?b host=x x-a=b|complete,keep"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
       "head :method=POST :scheme=http :path=/ host=x content-length=5|body hello|complete,keep"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
       "bodyless :method=POST :scheme=http :path=/ host=x content-length=0|complete,keep"},
      {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
       "v\r\nHost: y\r\n\r\n",
       "head :method=PUT :scheme=http :path=/ host=x transfer-encoding=chunked|body abcde|trailers "
       "t=v|complete,keep"},
      {"GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n",
       "bodyless :method=GET :scheme=http :path=/ host=x connection=x, Close|complete,close"},
      {"GET / HTTP/1.0\r\n\r\n", "bodyless :method=GET :scheme=http :path=/|complete,close"},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: x\r\n\r\n",
       "bodyless :method=GET :scheme=http :path=/ connection=Keep-Alive host=x|complete,keep"},
      {"GET HTTPS://x:1/a HTTP/1.1\r\nHost: y\r\n\r\n",
       "bodyless :method=GET :scheme=https :authority=x:1 :path=/a|complete,keep"},
      {"GET http://x?q HTTP/1.1\r\nHost: x\r\n\r\n",
       "bodyless :method=GET :scheme=http :authority=x :path=/?q|complete,keep"},
      {"OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n",
       "bodyless :method=OPTIONS :scheme=http :authority=x :path=*|complete,keep"},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
       "bodyless :method=OPTIONS :scheme=http :path=* host=x|complete,keep"},
      {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
       "bodyless :method=GET :scheme=http :path=/ host=x connection=upgrade upgrade=h2c|complete,keep"},
      {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
       "bodyless :method=GET :scheme=http :path=/ host=x|complete,keep"},
      {"", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.text));
    EXPECT_EQ(read(row.text), row.told);
  }
}

TEST(RequestCodec, ReadsPipelinedRequestsInOrder) {
  EXPECT_EQ(read("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
                 "PUT /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
                 "\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"),
            "head :method=POST :scheme=http :path=/1 host=x content-length=2|body ab|complete,keep"
            "head :method=PUT :scheme=http :path=/2 host=x transfer-encoding=chunked|body c|complete,keep"
            "bodyless :method=GET :scheme=http :path=/3 host=x|complete,keep");
}

TEST(RequestCodec, TellsWhatWasCutShort) {
  EXPECT_EQ(read("GET / HT"), "error:connection closed before the end of the request header");
  EXPECT_TRUE(read("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell")
                  .ends_with("body hell|error:request body truncated"));
}

/// What two readers could take for different messages is an error before a head is told.
TEST(RequestCodec, RefusesWhatCouldSmuggle) {
  const std::string line = "POST / HTTP/1.1\r\n";
  const std::string_view heads[] = {
      "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"sv,
      "Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: 5, 5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: +5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: -5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: 0x5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: 5 5\r\n\r\n"sv,
      "Host: x\r\nContent-Length: \r\n\r\n"sv,
      "Host: x\r\nContent-Length: 18446744073709551616\r\n\r\n"sv,
      "Host: x\r\nContent-Length : 5\r\n\r\n"sv,
      "Host: x\r\n Content-Length: 5\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: gzip\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: identity\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: \x0b"
      "chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding:\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding : chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding\t: chunked\r\n\r\n"sv,
      "Host: x\r\nTransfer-Encoding: chunked\n\r\n"sv,
      "Host: x\r\nTransfer\x80-Encoding: chunked\r\n\r\n"sv,
      "Host: x\r\nA: b\r\n folded\r\n\r\n"sv,
      "Host: x\r\nA: b\r\n\tfolded\r\n\r\n"sv,
      "Host: x\r\nA: b\rContent-Length: 5\r\n\r\n"sv,
      "Host: x\r\nA: b\r\r\n\r\n"sv,
      "Host: x\r\nA: b\nC: d\r\n\r\n"sv,
      "Host: x\n\r\n"sv,
      "Host: x\r\n\n"sv,
      "Host: x\r\n\rX"sv,
      "Host: x\r\nA: b\0c\r\n\r\n"sv,
      "Host: x\r\nA: b\x01"
      "c\r\n\r\n"sv,
      "Host: x\r\nA\x00: b\r\n\r\n"sv,
      "Host: x\r\nA B: c\r\n\r\n"sv,
      "Host: x\r\n: c\r\n\r\n"sv,
      "Host: x\r\nno colon\r\n\r\n"sv,
      "Host: x\r\n:path: /\r\n\r\n"sv,
      "Host: x\r\nHost: x\r\n\r\n"sv,
      "Host: x\r\nhost: y\r\n\r\n"sv,
      "A: b\r\n\r\n"sv,
      "\r\n"sv,
  };
  for (std::string_view head : heads) {
    SCOPED_TRACE(std::string(head));
    const std::string told = read(line + std::string(head) + "0\r\n\r\nhello");
    EXPECT_TRUE(told.starts_with("error:")) << told;
  }
}

TEST(RequestCodec, RefusesOtherRequestLines) {
  const std::string_view lines[] = {
      "GET  / HTTP/1.1"sv,
      "GET /  HTTP/1.1"sv,
      "GET\t/ HTTP/1.1"sv,
      " GET / HTTP/1.1"sv,
      "GET / HTTP/1.1 "sv,
      "GET / HTTP/1.1\r"sv,
      "GET /"sv,
      "GET"sv,
      "GET / HTTP/0.9"sv,
      "GET / HTTP/1.2"sv,
      "GET / HTTP/2.0"sv,
      "GET / HTTP/11"sv,
      "GET / http/1.1"sv,
      "GET / HTTPS/1.1"sv,
      "GET / ICE/1.0"sv,
      "GET / RTSP/1.0"sv,
      "get / HTTP/1.1"sv,
      "G\0ET / HTTP/1.1"sv,
      "NONSENSE / HTTP/1.1"sv,
      "PRI * HTTP/2.0"sv,
      "GET a HTTP/1.1"sv,
      "GET x:80 HTTP/1.1"sv,
      "GET ftp://x/ HTTP/1.1"sv,
      "GET http:/// HTTP/1.1"sv,
      "GET http://?q HTTP/1.1"sv,
      "CONNECT x:80 HTTP/1.1"sv,
      "GET /a b HTTP/1.1"sv,
      "GET /\x01 HTTP/1.1"sv,
      "SSH-2.0-OpenSSH_9.2"sv,
      "HTTP/1.1 200 OK"sv,
      "\r\n\r\nGET / HTTP/1.1"sv,
      "\nGET / HTTP/1.1"sv,
      "\rGET / HTTP/1.1"sv,
  };
  for (std::string_view line : lines) {
    SCOPED_TRACE(std::string(line));
    const std::string told = read(std::string(line) + "\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(told.starts_with("error:")) << told;
  }
}

TEST(RequestCodec, RefusesMalformedChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string_view bodies[] = {
      "\r\n"sv,
      "x\r\n"sv,
      "-1\r\n"sv,
      "0x5\r\nhello\r\n"sv,
      " 5\r\nhello\r\n"sv,
      "5\nhello\r\n"sv,
      "5\r\nhelloX\r\n"sv,
      "5\r\nhello\n0\r\n\r\n"sv,
      "5;a\rb\r\nhello\r\n"sv,
      "5;a\nb\r\nhello\r\n"sv,
      "10000000000000005\r\nhello\r\n"sv,
      "0\r\nA: b\nC: d\r\n\r\n"sv,
      "0\r\nA: b\r\n c\r\n\r\n"sv,
      "0\nA: b\r\n\r\n"sv,
  };
  for (std::string_view body : bodies) {
    SCOPED_TRACE(std::string(body));
    const std::string told = read(head + std::string(body));
    EXPECT_NE(told.find("error:"), std::string::npos) << told;
    EXPECT_EQ(told.find("complete"), std::string::npos) << told;
  }
}

TEST(RequestCodec, BoundsItsSections) {
  const CodecLimits limits{.max_header_bytes = 300, .max_header_fields = 3};
  const auto ends_with = [&](const std::string& text, std::string_view end) {
    EXPECT_TRUE(read(text, limits).ends_with(end)) << read(text, limits);
  };
  const std::string line = "GET / HTTP/1.1\r\nHost: x\r\n";
  constexpr std::string_view kLarge = "error:request header larger than 300 bytes";
  ends_with(line + "A: b\r\nC: d\r\n\r\n", "complete,keep");
  ends_with(line + "A: b\r\nC: d\r\nE: f\r\n\r\n", "error:request header of more than 3 fields");
  ends_with(line + "A: " + std::string(300, 'x'), kLarge);
  ends_with(line + std::string(300, 'x'), kLarge);
  ends_with("GET /" + std::string(400, 'x'), kLarge);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  ends_with(chunked + "1;" + std::string(400, 'x'), "error:chunk extensions too large");
  ends_with(chunked + "0\r\nA: " + std::string(400, 'x'), "error:request trailers larger than 300 bytes");
}

TEST(RequestCodec, SaysWhatStatusARefusalHas) {
  const std::pair<std::string_view, int> rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", 501},
  };
  for (const auto& [text, status] : rows) {
    CodecRecorder recorder;
    Http1Codec codec(CodecRole::requests, recorder, {});
    codec.begin();
    EXPECT_EQ(codec.feed(bytes_of(text)).status, status) << text;
  }
  CodecRecorder recorder;
  Http1Codec codec(CodecRole::requests, recorder, {.max_header_bytes = 100, .max_header_fields = 3});
  codec.begin();
  EXPECT_EQ(codec.feed(bytes_of("GET / HTTP/1.1\r\nA: " + std::string(100, 'x'))).status, 431);
}

}  // namespace
}  // namespace gateway
