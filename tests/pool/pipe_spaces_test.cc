#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "pool/pipe.h"
#include "tests/pool/pipe_fixture.h"

namespace pool {
namespace {

/// A producer that reads into several blocks at once, from a pipe that has grown to four.
class PipeSpacesTest : public PipeTest {
 protected:
  PipeSpacesTest() {
    pipe->accept();
    write(*pipe, payload());
    take_all(*pipe);
  }
  void TearDown() override {
    spaces = {};
    pipe.reset();
    PipeTest::TearDown();
  }
  /// Fills the spaces in order, as a read does; returns how many bytes they took.
  std::size_t read(std::string_view text) {
    const std::size_t count = pipe->spaces(spaces);
    std::size_t done = 0;
    for (std::size_t i = 0; i < count && done < text.size(); ++i) {
      const std::string_view part = text.substr(done, spaces[i].bytes.size());
      std::memcpy(spaces[i].bytes.data(), part.data(), part.size());
      done += part.size();
    }
    return done;
  }
  /// Of the space `i` all but the bytes at its front that are no body.
  void keep(std::size_t i, std::size_t front = 0) { pipe->keep(spaces[i].bytes.subspan(front)); }

  std::optional<Pipe> pipe{std::in_place, local, group, kNoDoorbell};
  std::array<Space, 4> spaces;
};

TEST_F(PipeSpacesTest, AReadFillsAsManyBlocksAsThePipeMayHave) {
  const std::string text = pattern(4 * payload());
  ASSERT_EQ(read(text), text.size());
  for (std::size_t i = 0; i < 4; ++i) keep(i);
  EXPECT_EQ(used(), 4U);
  EXPECT_EQ(pipe->spaces(spaces), 0U);
  EXPECT_EQ(take_all(*pipe), text);
}

TEST_F(PipeSpacesTest, UnderPressureOneBlockIsAll) {
  ASSERT_FALSE(pipe->writable().empty());
  const std::vector<BlockRef> others = PoolTest::take_all(Direction::request);
  Pipe waiter(local, group, kNoDoorbell);
  waiter.accept();
  ASSERT_EQ(waiter.invite(), 0U);
  EXPECT_EQ(pipe->spaces(spaces), 1U);
}

TEST_F(PipeSpacesTest, WhatStandsBehindAHeadIsNotMoved) {
  const std::string text = pattern(payload());
  ASSERT_EQ(read(text), text.size());
  const std::byte* const body = spaces[0].bytes.data() + 100;
  keep(0, 100);
  const Slice slice = pipe->take(payload());
  EXPECT_EQ(slice.bytes.data(), body);
  EXPECT_EQ(text_of(slice.bytes), text.substr(100));
}

TEST_F(PipeSpacesTest, FramingBetweenBodiesIsClosedUpAcrossBlocks) {
  const std::string text = pattern(2 * payload());
  ASSERT_EQ(read(text), text.size());
  pipe->keep(spaces[0].bytes.first(100));
  pipe->keep(spaces[0].bytes.subspan(110));
  pipe->keep(spaces[1].bytes.subspan(20));
  EXPECT_EQ(take_all(*pipe), text.substr(0, 100) + text.substr(110, payload() - 110) + text.substr(payload() + 20));
}

TEST_F(PipeSpacesTest, WhatStandsElsewhereIsCopied) {
  const std::string text = pattern(2 * payload());
  ASSERT_EQ(pipe->spaces(spaces), 4U);
  pipe->keep(bytes_of(text));
  EXPECT_EQ(take_all(*pipe), text);
}

TEST_F(PipeSpacesTest, BlocksThatNothingWasReadIntoGoBack) {
  ASSERT_EQ(read("short"), 5U);
  EXPECT_EQ(used(), 4U);
  pipe->keep(spaces[0].bytes.first(5));
  spaces = {};
  pipe->rest();
  EXPECT_EQ(used(), 1U);
  EXPECT_EQ(take_all(*pipe), "short");
  EXPECT_EQ(used(), 0U);
}

TEST_F(PipeSpacesTest, TheyOutlastAPipeThatClosesWhileTheyAreFilled) {
  const std::string text = pattern(3 * payload());
  ASSERT_EQ(read(text), text.size());
  keep(0);
  pipe->close();
  keep(1);
  keep(2);
  EXPECT_EQ(pipe->readable(), 0U);
  EXPECT_EQ(pipe->bytes_in(), payload() + text.size());
  spaces = {};
  EXPECT_EQ(used(), 0U);
}

}  // namespace
}  // namespace pool
