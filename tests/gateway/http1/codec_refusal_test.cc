#include "tests/gateway/http1/codec_recorder.h"

namespace gateway {
namespace {

/// What two readers could take for different messages: `text` must be an error before any body byte is told.
TEST(CodecRefusal, RefusesWhatCouldSmuggle) {
  using namespace std::string_view_literals;
  const std::string_view texts[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0b"
      "chunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\nhello"sv,
      "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\r\n\tfolded\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 5\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\r\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rX"sv,
      "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\x01"
      "c\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA: b\x7f"
      "c\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA\x00: b\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nA B: c\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n: c\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n:status: 404\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"sv,
      "SSH-2.0-OpenSSH_9.2\r\n"sv,
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
  };
  for (std::string_view text : texts) {
    SCOPED_TRACE(std::string(text));
    const std::string told = read_all_ways(text, "GET", false);
    EXPECT_TRUE(told.starts_with("error:")) << told;
  }
}

TEST(CodecRefusal, RefusesMalformedChunks) {
  using namespace std::string_view_literals;
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string_view bodies[] = {
      "\r\n"sv,
      "x\r\n"sv,
      "-1\r\n"sv,
      "0x5\r\nhello\r\n"sv,
      "+5\r\nhello\r\n"sv,
      " 5\r\nhello\r\n"sv,
      "5\nhello\r\n"sv,
      "5\r\nhelloX\r\n"sv,
      "5\r\nhello\n0\r\n\r\n"sv,
      "5\r\nhello\rX"sv,
      "5;a\rb\r\nhello\r\n"sv,
      "5;a\nb\r\nhello\r\n"sv,
      "5;a\0b\r\nhello\r\n"sv,
      "5 \rhello\r\n"sv,
      "10000000000000005\r\nhello\r\n"sv,
      "0\r\nA: b\nC: d\r\n\r\n"sv,
      "0\r\nA: b\r\n c\r\n\r\n"sv,
      "0\r\n X: y\r\n\r\n"sv,
      "0\nA: b\r\n\r\n"sv,
      "0\r\nA: b\rC: d\r\n\r\n"sv,
  };
  for (std::string_view body : bodies) {
    SCOPED_TRACE(std::string(body));
    const std::string told = read_all_ways(head + std::string(body), "GET", false);
    EXPECT_NE(told.find("error:"), std::string::npos) << told;
  }
}

TEST(CodecRefusal, BoundsSections) {
  const CodecLimits limits{.max_header_bytes = 200, .max_header_fields = 3};
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto ends_with = [&](const std::string& text, std::string_view end) {
    const std::string told = read_all_ways(text, "GET", false, limits);
    EXPECT_TRUE(told.ends_with(end)) << told;
  };
  constexpr std::string_view kLarge = "error:response header larger than 200 bytes";
  constexpr std::string_view kMany = "error:response header of more than 3 fields";
  ends_with(start + "A: b\r\nC: d\r\n\r\n", "complete,keep");
  ends_with(start + "A: b\r\nC: d\r\nE: f\r\n\r\n", kMany);
  ends_with(start + "A: " + std::string(50, 'x') + "\r\n\r\n", "complete,keep");
  ends_with(start + "A: " + std::string(200, 'x'), kLarge);
  ends_with(start + std::string(200, 'x'), kLarge);
  ends_with("HTTP/1.1 200 " + std::string(300, 'x'), kLarge);
  ends_with(chunked + "0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", "complete,keep");
  ends_with(chunked + "0\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n",
            "error:response trailers of more than 3 fields");
  ends_with(chunked + "0\r\nA: " + std::string(200, 'x'), "error:response trailers larger than 200 bytes");
  ends_with(chunked + "1;" + std::string(300, 'x'), "error:chunk extensions too large");
}

TEST(CodecRefusal, DroppedTrailersCountAsWell) {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 20; ++i) text += "Age: 1\r\n";
  const CodecLimits limits{.max_header_bytes = 400, .max_header_fields = 3};
  EXPECT_TRUE(read_all_ways(text, "GET", false, limits).ends_with("trailers larger than 400 bytes"));
}

TEST(CodecRefusal, BoundsInterimResponses) {
  std::string text;
  for (int i = 0; i <= Http1Codec::kMaxInterim; ++i) text += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_TRUE(read_all_ways(text, "GET", false).ends_with("error:too many interim responses"));
}

TEST(CodecRefusal, ASectionIsAskedAboutWhenItBeginsAndAsItGrows) {
  std::string fields;
  for (int i = 0; i < 16; ++i) fields += "A: " + std::string(1000, 'x') + "\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
  const auto refuses = [](std::string_view text, std::string_view error) {
    CodecRecorder recorder;
    recorder.admits_below = 10'000;
    Http1Codec codec(CodecRole::responses, recorder, {});
    codec.begin("GET");
    EXPECT_EQ(codec.feed(bytes_of(text)).error, error);
    EXPECT_LT(recorder.asked.front(), 4096U);
    EXPECT_GE(recorder.asked.back(), 10'000U);
    EXPECT_LT(recorder.asked.back(), 14'000U);
  };
  refuses(head + fields + "\r\n", "no memory for the response header");
  refuses(head + "\r\n0\r\n" + fields + "\r\n", "no memory for the response trailers");
}

}  // namespace
}  // namespace gateway
