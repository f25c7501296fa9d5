#include "gateway/http1/message_sender.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/pool/pool_fixture.h"

namespace gateway {
namespace {

using Progress = MessageSender::Progress;

class MessageSenderTest : public pool::PoolTest, protected pool::PipeConsumer {
 protected:
  MessageSenderTest() : PoolTest(std::size_t{4}) {}
  void TearDown() override {
    output.clear();
    PoolTest::TearDown();
  }
  void on_readable() override { ++told; }

  void write(std::string_view text) { EXPECT_EQ(body.write(pool::bytes_of(text)), text.size()); }
  std::string queued() const {
    std::array<std::span<const std::byte>, 64> spans;
    const std::size_t count = output.gather(spans);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += pool::text_of(spans[i]);
    return text;
  }

  pool::Pipe body{local, group, {pool::Direction::response, pool::Urgency::leave, 0, 4}};
  pool::Output output;
  int told = 0;
  MessageSender sender{output, *this};
};

TEST_F(MessageSenderTest, WithoutABodyTheHeadIsAll) {
  sender.begin("head|", {}, nullptr);
  EXPECT_TRUE(sender.under_way());
  EXPECT_FALSE(sender.has_more());
  EXPECT_EQ(sender.fill(), Progress::at_end);
  sender.finish(nullptr);
  EXPECT_FALSE(sender.under_way());
  EXPECT_EQ(queued(), "head|");
}

TEST_F(MessageSenderTest, ASizedBodyGoesAsItIs) {
  sender.begin("head|", {.framing = Framing::sized, .content_length = 6}, &body);
  EXPECT_EQ(sender.fill(), Progress::goes_on);
  write("abc");
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(sender.has_more());
  EXPECT_EQ(sender.fill(), Progress::goes_on);
  EXPECT_FALSE(sender.has_more());
  write("def");
  EXPECT_EQ(sender.fill(), Progress::goes_on) << "its end is not known yet";
  body.finish();
  EXPECT_EQ(sender.fill(), Progress::at_end);
  sender.finish(nullptr);
  EXPECT_EQ(queued(), "head|abcdef");
}

TEST_F(MessageSenderTest, ABodyThatBreaksItsLengthIsNotMadeToFit) {
  sender.begin("", {.framing = Framing::sized, .content_length = 4}, &body);
  write("abc");
  body.finish();
  EXPECT_EQ(sender.fill(), Progress::too_short);
  sender.release();

  pool::Pipe longer{local, group, {pool::Direction::response, pool::Urgency::leave, 0, 4}};
  sender.begin("", {.framing = Framing::sized, .content_length = 4}, &longer);
  EXPECT_EQ(longer.write(pool::bytes_of("abcde")), 5U);
  EXPECT_EQ(sender.fill(), Progress::too_long);
  sender.release();
  EXPECT_FALSE(sender.under_way());
  EXPECT_EQ(queued(), "abc") << "nothing of the piece that is too long";
}

TEST_F(MessageSenderTest, AChunkedBodyEndsWithItsTrailers) {
  sender.begin("head|", {.framing = Framing::chunked}, &body);
  write("hello");
  EXPECT_EQ(sender.fill(), Progress::goes_on);
  body.finish();
  EXPECT_EQ(sender.fill(), Progress::at_end);
  h2::HeaderList trailers;
  trailers.add("grpc-status", "0");
  sender.finish(&trailers);
  EXPECT_EQ(queued(), "head|5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n");
}

TEST_F(MessageSenderTest, ATunnelsBytesHaveNoFraming) {
  sender.begin("", {.framing = Framing::until_close}, &body);
  write("bytes");
  body.finish();
  EXPECT_EQ(sender.fill(), Progress::at_end);
  sender.finish(nullptr);
  EXPECT_EQ(queued(), "bytes");
}

TEST_F(MessageSenderTest, WhoIsLetGoIsToldNoMore) {
  sender.begin("", {.framing = Framing::chunked}, &body);
  sender.release();
  write("late");
  EXPECT_EQ(told, 0);
  EXPECT_FALSE(sender.has_more());
  body.close();
}

TEST_F(MessageSenderTest, NoMoreIsQueuedThanASocketTakesAtOnce) {
  const std::string head(64 * 1024, 'h');
  sender.begin(head, {.framing = Framing::until_close}, &body);
  write("waits");
  EXPECT_EQ(sender.fill(), Progress::goes_on);
  EXPECT_TRUE(sender.has_more());
  output.consume(head.size());
  EXPECT_EQ(sender.fill(), Progress::goes_on);
  EXPECT_EQ(queued(), "waits");
}

}  // namespace
}  // namespace gateway
