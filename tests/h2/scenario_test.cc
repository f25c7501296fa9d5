// The promise, in memory: control while the pool is empty, the hand-over within a turn, windows that do not
// drift.

#include <gtest/gtest.h>

#include <cstdint>
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

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kLess = 16;  // how much less a test does where every step costs more
#else
constexpr std::size_t kLess = 1;
#endif

constexpr std::uint16_t kInitialWindowSize = 4;

/// A waiter of another connection.
struct Other final : pool::ReleaseSubscription::Owner {
  Other(pool::LocalPool& local, pool::Urgency urgency, pool::Direction direction)
      : subscription(local, group, *this) {
    subscription.request(urgency, direction);
  }
  void on_block(pool::BlockRef given) override { block = std::move(given); }
  pool::TurnGroup group;
  pool::BlockRef block;
  pool::ReleaseSubscription subscription;
};

std::vector<pool::BlockRef> take_all(pool::LocalPool& local) {
  std::vector<pool::BlockRef> blocks;
  for (const auto direction : {pool::Direction::request, pool::Direction::response}) {
    while (pool::BlockRef block = local.try_acquire(direction)) blocks.push_back(std::move(block));
  }
  return blocks;
}

std::size_t count(const std::vector<Frame>& frames, std::uint8_t type, std::uint8_t flags = 0) {
  std::size_t found = 0;
  for (const Frame& frame : frames) found += frame.type == type && (frame.flags & flags) == flags ? 1 : 0;
  return found;
}

TEST(Control, C1_AWindowUpdateFreesWhatItsConnectionHoldsWithinOneTurn) {
  RawServer server(4);
  FrameBuilder hello;
  const std::string no_window = {0, kInitialWindowSize, 0, 0, 0, 0};
  hello.preface().frame(FrameBuilder::settings, 0, 0, no_window).settings_ack();
  ASSERT_TRUE(server.end.feed(hello.take()));
  server.end.serve = [](Side& side, bool) {
    side.source.body = std::string(60'000, 'x');
    side.stream->respond(response_head(), &side.out);
    side.pump();
  };
  for (std::uint32_t id = 1; id < 17; id += 2) {
    ASSERT_TRUE(server.end.feed(FrameBuilder().request(id, true).take()));
  }
  server.end.produce();
  EXPECT_FALSE(server.house.local.try_acquire(pool::Direction::response))
      << "the responses hold all they may";
  Other other(server.house.local, pool::Urgency::leave, pool::Direction::response);
  EXPECT_EQ(server.house.local.deliver(), 0U);

  // One turn of a loop: what came is fed, what may leave is written, what was granted is delivered.
  FrameBuilder updates;
  for (std::uint32_t id = 1; id < 17; id += 2) updates.window(id, 16'384);
  ASSERT_TRUE(server.end.feed(updates.take()));
  EXPECT_GT(count(server.answers(), FrameBuilder::data), 0U);
  server.house.local.deliver();
  EXPECT_TRUE(other.block) << "the blocks that left go to who waits";
}

TEST(Control, C2_ControlIsHeardAndAnsweredWithThePoolEmpty) {
  RawServer server(4);
  server.hello(true);
  server.open(1);
  Side& side = server.open(3);
  const std::vector<pool::BlockRef> held = take_all(server.house.local);
  ASSERT_EQ(server.house.used(), 4U);

  ASSERT_TRUE(server.end.feed(FrameBuilder().ping_frame().empty_settings().take()));
  const auto answers = server.answers();
  EXPECT_EQ(count(answers, FrameBuilder::ping, FrameBuilder::ack), 1U);
  EXPECT_EQ(count(answers, FrameBuilder::settings, FrameBuilder::ack), 1U);

  ASSERT_TRUE(server.end.feed(FrameBuilder().body(3, std::string(4096, 'x')).take()));
  ASSERT_TRUE(server.end.feed(FrameBuilder().reset(3, 8).take()));
  EXPECT_EQ(side.closed_count, 1);
  EXPECT_TRUE(side.by_peer);
  EXPECT_EQ(server.end.session->open_streams(), 1U);
  EXPECT_EQ(server.house.pool.stats().waiting[0], 0U) << "it left the queue";

  server.end.session->terminate(ErrorCode::no_error, "the end");
  EXPECT_EQ(count(server.answers(), FrameBuilder::goaway), 1U);
}

// The last block is granted to a stream that is reset in the same turn, and nobody releases anything any
// more.
TEST(HandOver, H4_ABlockGrantedToAStreamThatIsResetGoesToTheNext) {
  RawServer server(1);
  server.hello(true);
  std::vector<pool::BlockRef> held = take_all(server.house.local);
  ASSERT_EQ(held.size(), 1U);
  Side& first = server.open(1);
  Side& second = server.open(3);
  for (Side* side : {&first, &second}) {
    const auto id = static_cast<std::uint32_t>(side->stream->id());
    ASSERT_TRUE(server.end.feed(FrameBuilder().body(id, std::string(4096, 'x')).take()));
    side->pump();
    ASSERT_TRUE(side->in.pauses().has(pool::Pause::no_block));
  }
  held.clear();
  ASSERT_TRUE(server.house.local.has_granted());
  ASSERT_TRUE(server.end.feed(FrameBuilder().reset(1, 8).take()));
  EXPECT_EQ(server.house.local.deliver(), 1U);
  EXPECT_EQ(second.in.blocks(), 1U);
  EXPECT_GT(second.stream->window(), 0);
  EXPECT_EQ(server.house.pool.stats().passed_on, 1U);
}

/// 1 byte a frame on 100 streams, as much as the windows let through; alone, and with padding.
class Tiny : public testing::TestWithParam<int> {
 protected:
  static constexpr std::size_t kStreams = 100;
  static constexpr std::size_t kBytes = 16'384;

  /// What the peer knows of a stream.
  struct Peer {
    Side* side;
    std::int64_t window = 4096;
    std::size_t sent = 0;
  };
  /// What it sends next; without padding where the window is too small for it.
  std::string frames(std::uint32_t id, Peer& peer) const {
    const std::int64_t padding = GetParam() + 1;  // and the byte that counts it
    FrameBuilder frames;
    for (int i = 0; i < 64 && peer.window > 0 && peer.sent < kBytes / kLess; ++i) {
      const bool ends = ++peer.sent == kBytes / kLess;
      const bool pads = padding > 0 && peer.window > padding && !ends;
      pads ? frames.padded_body(id, "x", static_cast<std::uint8_t>(GetParam())) : frames.body(id, "x", ends);
      peer.window -= pads ? padding + 1 : 1;
    }
    return frames.take();
  }
};

TEST_P(Tiny, W1_WindowsAndPromisesDoNotDrift) {
  RawServer server(4);
  server.hello(true);
  std::vector<Peer> peers;
  for (std::uint32_t i = 0; i < kStreams; ++i) peers.push_back({&server.open(2 * i + 1)});
  std::size_t sent = 0;
  for (bool moved = true; moved;) {
    moved = server.house.local.deliver() > 0;
    for (std::uint32_t i = 0; i < kStreams; ++i) {
      Peer& peer = peers[i];
      const std::string bytes = frames(2 * i + 1, peer);
      moved |= !bytes.empty();
      ASSERT_TRUE(server.end.feed(bytes));
      peer.side->pump();
      if (peer.side->in.end() != pool::Pipe::End::open) continue;
      ASSERT_LE(peer.side->stream->window(), static_cast<std::int64_t>(peer.side->in.promised()))
          << "stream " << i;
    }
    for (const Frame& frame : server.answers()) {
      ASSERT_EQ(frame.type, FrameBuilder::window_update);
      moved = true;
      if (frame.stream_id != 0) peers.at(frame.stream_id / 2).window += frame.number(0);
    }
    for (const Peer& peer : peers) {
      if (peer.sent == kBytes / kLess) continue;
      ASSERT_EQ(peer.side->stream->window(), peer.window);
    }
    const pool::PoolStats stats = server.house.pool.stats();
    ASSERT_EQ(stats.free + stats.used[0] + stats.used[1], 4U);
  }
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    ASSERT_EQ(peers[i].sent, kBytes / kLess)
        << "stuck: stream " << i << " with a window of " << peers[i].window;
    EXPECT_EQ(peers[i].side->sink.body.size(), peers[i].sent);
    EXPECT_EQ(peers[i].side->stream->received(), static_cast<std::int64_t>(peers[i].sent));
    EXPECT_EQ(peers[i].side->in.promised(), 0U);
    sent += peers[i].sent;
  }
  EXPECT_EQ(sent, kStreams * (kBytes / kLess));
  EXPECT_EQ(server.house.used(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Padding, Tiny, testing::Values(-1, 0, 255));

TEST(Window, W2_ASprayBeforeTheAcknowledgementIsRefusedOnThoseStreamsOnly) {
  RawServer server(4);
  server.end.accepts = false;
  server.hello(false);
  const std::vector<pool::BlockRef> held = take_all(server.house.local);
  // 65,535 bytes over 100 streams: every other one keeps to the doorbell that it does not know of.
  FrameBuilder frames;
  std::size_t left = 65'535;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const std::size_t size = i % 10 == 0 ? std::min<std::size_t>(left, 5000) : 100;
    left -= size;
    frames.request(2 * i + 1, false).body(2 * i + 1, std::string(size, 'x'));
  }
  ASSERT_TRUE(server.end.feed(frames.take()));
  std::size_t refused = 0;
  for (const Frame& frame : server.answers()) {
    if (frame.type != FrameBuilder::rst_stream) continue;
    ++refused;
    EXPECT_EQ(frame.number(0), static_cast<std::uint32_t>(ErrorCode::refused_stream));
    EXPECT_EQ(frame.stream_id / 2 % 10, 0U);
  }
  EXPECT_EQ(refused, 10U);
  EXPECT_EQ(server.end.session->open_streams(), 90U);
  EXPECT_EQ(server.end.session->abuse(), Abuse::none);
}

/// Uploads `size` bytes on a stream of its own as the window lets them through. Returns how many times it had
/// to wait for window.
std::size_t upload(RawServer& server, std::uint32_t id, std::size_t size) {
  Side& side = server.open(id);
  std::int64_t window = 4096;
  std::size_t waits = 0;
  while (size > 0 && waits < 10'000) {
    const std::size_t n = std::min({size, static_cast<std::size_t>(window), std::size_t{16'384}});
    size -= n;
    window -= static_cast<std::int64_t>(n);
    EXPECT_TRUE(server.end.feed(FrameBuilder().body(id, std::string(n, 'x'), size == 0).take()));
    side.pump();
    if (window == 0) ++waits;
    for (const Frame& frame : server.answers()) {
      if (frame.type == FrameBuilder::window_update && frame.stream_id == id) window += frame.number(0);
    }
  }
  EXPECT_EQ(side.in.end(), pool::Pipe::End::finished);
  side.stream->respond(response_head(), nullptr);
  server.end.produce();
  server.end.sides.clear();
  return waits;
}

TEST(Window, W3_UploadsResetInMidBodyLeaveNothingBehind) {
  RawServer server(16);
  server.hello(true);
  const std::size_t alone = upload(server, 1, 1 << 20);
  constexpr std::uint32_t kUploads = 100'000 / kLess;
  for (std::uint32_t i = 1; i <= kUploads; ++i) {
    const std::uint32_t id = 2 * i + 1;
    server.end.now += std::chrono::milliseconds(10);
    ASSERT_TRUE(server.end.feed(FrameBuilder().request(id, false).body(id, std::string(3000, 'x')).take()));
    ASSERT_TRUE(server.end.feed(FrameBuilder().reset(id, 8).take()));
    ASSERT_EQ(server.end.sides.back()->in_at_close, pool::Pipe::End::failed);
    server.end.produce();
    server.end.sides.clear();
    ASSERT_EQ(server.house.used(), 0U);
  }
  EXPECT_EQ(server.end.session->open_streams(), 0U);
  EXPECT_EQ(upload(server, 2 * kUploads + 3, 1 << 20), alone);
}

}  // namespace
}  // namespace h2
