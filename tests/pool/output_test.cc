#include "pool/output.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "pool/pipe.h"
#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

class OutputTest : public PoolTest {
 protected:
  OutputTest() : PoolTest(std::size_t{4}) { pipe.accept(); }

  void TearDown() override {
    output.clear();
    PoolTest::TearDown();
  }

  std::size_t used() const { return pool.stats().used[1]; }
  Slice slice(std::string_view text) {
    EXPECT_EQ(pipe.write(bytes_of(text)), text.size());
    return pipe.take(text.size());
  }
  static std::size_t pieces(const Output& output) {
    std::array<std::span<const std::byte>, 64> spans;
    return output.gather(spans);
  }
  static std::string content(const Output& output) {
    std::array<std::span<const std::byte>, 64> spans;
    const std::size_t count = output.gather(spans);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += text_of(spans[i]);
    return text;
  }

  Pipe pipe{local, group, {Direction::response, Urgency::leave, 0, 4}};
  Output output;
};

TEST_F(OutputTest, IsEmptyAtFirst) {
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(pieces(output), 0U);
  output.append({});
  output.consume(0);
  EXPECT_TRUE(output.empty());
}

TEST_F(OutputTest, NeighbouringControlIsOnePiece) {
  output.append(bytes_of("ab"));
  output.append(bytes_of("cd"));
  EXPECT_EQ(pieces(output), 1U);
  EXPECT_EQ(content(output), "abcd");
  EXPECT_EQ(output.bytes(), 4U);
  output.consume(1);
  output.append(bytes_of("e"));
  EXPECT_EQ(pieces(output), 1U);
  EXPECT_EQ(content(output), "bcde");
}

TEST_F(OutputTest, ControlAfterABodyIsAPieceOfItsOwn) {
  output.append(bytes_of("ab"));
  output.append(bytes_of("H"), slice("body"));
  output.append(bytes_of("cd"));
  output.append(bytes_of("ef"));
  EXPECT_EQ(content(output), "abHbodycdef");
  EXPECT_EQ(pieces(output), 3U);
}

TEST_F(OutputTest, AHeaderStandsInTheHeadroom) {
  const Slice body = slice("body");
  const std::byte* at = body.bytes.data();
  output.append(bytes_of("123456789"), body);
  std::array<std::span<const std::byte>, 4> spans;
  ASSERT_EQ(output.gather(spans), 1U);
  EXPECT_EQ(spans[0].data(), at - 9);
  EXPECT_EQ(content(output), "123456789body");
}

TEST_F(OutputTest, AHeaderOfAllTheHeadroomFits) {
  const std::string header(Block::kHeadroom, 'h');
  output.append(bytes_of(header), slice("body"));
  EXPECT_EQ(pieces(output), 1U);
  EXPECT_EQ(content(output), header + "body");
}

TEST_F(OutputTest, AHeaderInTheMiddleOfASharedBlockIsCopied) {
  pipe.write(bytes_of("firstsecond"));
  output.append(bytes_of("h1"), pipe.take(5));
  output.append(bytes_of("h2"), pipe.take(6));
  EXPECT_EQ(content(output), "h1firsth2second") << "the first part is not overwritten";
  EXPECT_EQ(pieces(output), 3U);
}

TEST_F(OutputTest, AHeaderInTheMiddleStandsInBytesThatAreGoneWhenNobodySharesTheBlock) {
  pipe.write(bytes_of("firstsecond"));
  output.append(bytes_of("h1"), pipe.take(5));
  output.consume(output.bytes());
  Slice second = pipe.take(6);
  const std::byte* at = second.bytes.data();
  output.append(bytes_of("h2"), std::move(second));
  std::array<std::span<const std::byte>, 4> spans;
  ASSERT_EQ(output.gather(spans), 1U);
  EXPECT_EQ(spans[0].data(), at - 2);
  EXPECT_EQ(content(output), "h2second");
}

TEST_F(OutputTest, AHeaderInTheMiddleIsCopiedWhileThePipeStillHoldsTheBlock) {
  pipe.write(bytes_of("firstsecondthird"));
  pipe.take(5);
  output.append(bytes_of("h2"), pipe.take(6));
  EXPECT_EQ(pieces(output), 2U);
  EXPECT_EQ(content(output), "h2second");
  EXPECT_EQ(text_of(pipe.take(5).bytes), "third");
}

TEST_F(OutputTest, AHeaderWithoutBodyIsControl) {
  output.append(bytes_of("h1"), Slice{});
  output.append(bytes_of("h2"));
  EXPECT_EQ(pieces(output), 1U);
  EXPECT_EQ(content(output), "h1h2");
}

TEST_F(OutputTest, GathersNoMoreThanThereIsPlaceFor) {
  output.append(bytes_of("a"));
  output.append(bytes_of("h"), slice("body"));
  output.append(bytes_of("b"));
  std::array<std::span<const std::byte>, 2> spans;
  EXPECT_EQ(output.gather(spans), 2U);
  EXPECT_EQ(text_of(spans[0]) + text_of(spans[1]), "ahbody");
}

TEST_F(OutputTest, TheFrontIsTheFirstPieceAsItStands) {
  EXPECT_TRUE(output.front().empty());
  const Slice body = slice("body");
  const std::byte* at = body.bytes.data();
  output.append(bytes_of("a"));
  output.append({}, body);
  EXPECT_EQ(text_of(output.front()), "a");
  output.consume(2);
  EXPECT_EQ(output.front().data(), at + 1);
  EXPECT_EQ(text_of(output.front()), "ody");
  output.consume(3);
  EXPECT_TRUE(output.front().empty());
}

TEST_F(OutputTest, CopiesUntilThereIsNoPlaceOrALargePieceIsNext) {
  output.append(bytes_of("ab"));
  output.append({}, slice("body"));
  output.append(bytes_of("c"));
  const auto copied = [&](std::size_t place, std::size_t large) {
    std::array<std::byte, 16> bytes;
    return std::string(text_of(std::span(bytes).first(output.copy(std::span(bytes).first(place), large))));
  };
  EXPECT_EQ(copied(16, 5), "abbodyc");
  EXPECT_EQ(copied(16, 4), "ab") << "a piece of four bytes is large";
  EXPECT_EQ(copied(16, 2), "");
  EXPECT_EQ(copied(5, 16), "abbod");
  EXPECT_EQ(copied(0, 16), "");
  output.consume(3);
  EXPECT_EQ(copied(16, 5), "odyc") << "what is written is gone";
  EXPECT_EQ(output.bytes(), 4U) << "to copy consumes nothing";
}

TEST_F(OutputTest, ConsumesAtEverySplit) {
  const std::string all = "ABChonetwoDEhthreeF";
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = first; second <= all.size(); ++second) {
      output.append(bytes_of("ABC"));
      output.append(bytes_of("h"), slice("one"));
      output.append({}, slice("two"));
      output.append(bytes_of("DE"));
      output.append(bytes_of("h"), slice("three"));
      output.append(bytes_of("F"));
      ASSERT_EQ(content(output), all);
      output.consume(first);
      ASSERT_EQ(content(output), all.substr(first));
      output.consume(second - first);
      ASSERT_EQ(content(output), all.substr(second));
      ASSERT_EQ(output.bytes(), all.size() - second);
      output.consume(all.size() - second);
      ASSERT_TRUE(output.empty());
      ASSERT_EQ(used(), 0U);
    }
  }
}

TEST_F(OutputTest, ABlockGoesBackWhenItsBytesAreWritten) {
  output.append(bytes_of("h"), slice("one"));
  output.append(bytes_of("h"), slice("two"));
  EXPECT_EQ(used(), 2U);
  output.consume(3);
  EXPECT_EQ(used(), 2U);
  output.consume(1);
  EXPECT_EQ(used(), 1U);
  output.consume(4);
  EXPECT_EQ(used(), 0U);
}

TEST_F(OutputTest, ClearGivesAllBlocksBack) {
  output.append(bytes_of("h"), slice("one"));
  output.append(bytes_of("control"));
  output.clear();
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(used(), 0U);
  output.append(bytes_of("again"));
  EXPECT_EQ(content(output), "again");
}

TEST_F(OutputTest, StaysInOrderAndBoundedWhenTheSocketAlwaysLags) {
  std::string expected;
  std::string written;
  std::size_t n = 0;
  const auto write_some = [&](std::size_t most) {
    std::array<std::span<const std::byte>, 8> spans;
    std::string text;
    const std::size_t count = output.gather(spans);
    for (std::size_t i = 0; i < count; ++i) text += text_of(spans[i]);
    text.resize(std::min(text.size(), most));
    written += text;
    output.consume(text.size());
  };
  for (int round = 0; round < 3000; ++round, ++n) {
    const std::string control = "<" + std::to_string(n) + std::string(n % 60, 'c') + ">";
    output.append(bytes_of(control));
    expected += control;
    if (n % 3 == 0) {
      const std::string body = "[" + std::to_string(n) + "]";
      output.append(bytes_of("h"), slice(body));
      expected += "h" + body;
    }
    while (output.bytes() > 100) write_some(37);
    ASSERT_FALSE(output.empty()) << "it never runs dry";
  }
  while (!output.empty()) write_some(1000);
  EXPECT_EQ(written, expected);
}

}  // namespace
}  // namespace pool
