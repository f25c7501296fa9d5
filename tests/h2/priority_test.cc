// Which stream's bytes leave first (RFC 9218): a client that takes what comes, 32 KiB at a time.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/raw_server.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::Frame;
using support::FrameBuilder;
using support::RawServer;
using support::response_head;
using support::Side;

constexpr std::uint8_t kPriorityUpdate = 16;
constexpr std::size_t kBody = 200'000;
constexpr std::size_t kFrame = 16'384;

/// Downloads of kBody bytes each over one connection, and in which order their bytes leave.
class Downloads {
 public:
  Downloads() {
    FrameBuilder hello;
    const std::string wide = {0, 4, 0, 0x10, 0, 0};  // SETTINGS_INITIAL_WINDOW_SIZE 1 MiB
    hello.preface().frame(FrameBuilder::settings, 0, 0, wide).settings_ack().window(0, 1U << 30);
    feed(hello);
    server_.end.serve = [](Side& side, bool) {
      side.source.body = std::string(kBody, 'x');
      side.stream->respond(response_head(), &side.out);
      side.pump();
    };
  }

  /// `priority`: the field's value; "" for a request without it.
  void begin(std::uint32_t id, const std::string& priority) {
    FrameBuilder request;
    feed(request.request(
        id, true, priority.empty() ? FrameBuilder::Fields{} : FrameBuilder::Fields{{"priority", priority}}));
  }
  void update(std::uint32_t id, const std::string& priority) {
    FrameBuilder frames;
    feed(frames.frame(kPriorityUpdate, 0, 0, FrameBuilder::number(id) + priority));
  }
  /// Lets the link carry 32 KiB, `turns` times or until nothing moves.
  void carry(std::size_t turns = 10'000) {
    for (bool moved = true; turns > 0 && moved; --turns) {
      moved = server_.house.local.deliver() > 0;
      for (const auto& side : server_.end.sides) side->pump();
      for (const Frame& frame : support::parse_frames(server_.end.produce(2 * kFrame))) {
        moved = true;
        if (frame.type != FrameBuilder::data) continue;
        sent[frame.stream_id] += frame.payload.size();
        if ((frame.flags & FrameBuilder::end_stream) != 0) finished.push_back(frame.stream_id);
        if (finished.empty()) widest_gap = std::max(widest_gap, gap());
      }
    }
  }

  const Side& side(std::size_t number) const { return *server_.end.sides.at(number); }

  std::map<std::uint32_t, std::size_t> sent;  // bytes of each stream
  std::vector<std::uint32_t> finished;        // in which order
  std::size_t widest_gap = 0;  // between the first and the last, in bytes, until the first one finished

 private:
  void feed(FrameBuilder& frames) { ASSERT_TRUE(server_.end.feed(frames.take())); }
  std::size_t gap() const {
    const auto [least, most] =
        std::ranges::minmax_element(sent, {}, [](const auto& entry) { return entry.second; });
    return most->second - (sent.size() < server_.end.sides.size() ? 0 : least->second);
  }

  RawServer server_{1024};
};

std::vector<std::uint32_t> ids(std::size_t count) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t id = 1; out.size() < count; id += 2) out.push_back(id);
  return out;
}

TEST(PriorityTest, TheUrgentOneOfTwentyFinishesFirst) {
  Downloads link;
  for (const std::uint32_t id : ids(19)) link.begin(id, "");
  link.carry(2);
  link.begin(39, "u=0");
  const auto before = link.sent;
  while (link.finished.empty()) link.carry(1);
  EXPECT_EQ(link.finished.front(), 39U);
  for (const auto& [id, bytes] : before)
    EXPECT_LE(link.sent[id], bytes + 2 * kFrame) << id;  // what its last turn left
  link.carry();
  EXPECT_EQ(link.finished.size(), 20U);
}

TEST(PriorityTest, WithoutPrioritiesTheyShareEvenly) {
  Downloads link;
  for (const std::uint32_t id : ids(20)) link.begin(id, "");
  link.carry();
  EXPECT_EQ(link.finished.size(), 20U);
  EXPECT_LE(link.widest_gap, kFrame);
}

TEST(PriorityTest, IncrementalOnesOfOneUrgencyShareEvenly) {
  Downloads link;
  for (const std::uint32_t id : ids(20)) link.begin(id, "u=5, i");
  link.carry();
  EXPECT_EQ(link.finished.size(), 20U);
  EXPECT_LE(link.widest_gap, kFrame);
}

TEST(PriorityTest, OthersOfOneUrgencyFollowEachOther) {
  Downloads link;
  for (const std::uint32_t id : ids(5))
    link.begin(id, id == 1 ? "u=3" : "");  // who speaks of priorities means the default
  link.carry();
  EXPECT_EQ(link.finished, ids(5));
  EXPECT_GE(link.widest_gap, kBody - 2 * kFrame);
}

TEST(PriorityTest, AnUpdateMovesAStreamThatIsUnderWay) {
  Downloads link;
  for (const std::uint32_t id : ids(5)) link.begin(id, "");
  link.carry(3);
  link.update(9, "u=1");
  link.update(1, "u=7");
  link.carry();
  EXPECT_EQ(link.finished.front(), 9U);
  EXPECT_EQ(link.finished.back(), 1U);
}

TEST(PriorityTest, AnUpdateIsToldToItsStream) {
  Downloads link;
  link.update(1, "u=2");  // before its request: to nobody
  for (const std::uint32_t id : ids(2)) link.begin(id, "");
  link.update(3, "u=1, i");
  EXPECT_EQ(link.side(0).priority, "");
  EXPECT_EQ(link.side(1).priority, "u=1, i");
  link.carry();
  EXPECT_EQ(link.finished.front(), 3U);
}

TEST(PriorityTest, AnUpdateMayComeBeforeItsRequest) {
  Downloads link;
  link.update(5, "u=1");
  for (const std::uint32_t id : ids(5)) link.begin(id, "");
  link.carry();
  EXPECT_EQ(link.finished.front(), 5U);
  EXPECT_EQ(link.finished.size(), 5U);
}

TEST(PriorityTest, AValueThatIsNoneChangesNothing) {
  Downloads link;
  for (const std::uint32_t id : ids(3)) link.begin(id, id == 3 ? "u=eleven;;" : "");
  link.update(5, "\xff\xff");
  link.carry();
  EXPECT_EQ(link.finished.size(), 3U);
}

}  // namespace
}  // namespace h2
