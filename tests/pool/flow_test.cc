#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <string>

#include "pool/output.h"
#include "pool/pipe.h"
#include "tests/pool/pool_fixture.h"

// Random producers and consumers over scarce blocks, in one thread: whatever the interleaving, bytes come out
// as they went in, no more blocks are used than there are, and everything ends.

namespace pool {
namespace {

using Random = std::mt19937;

std::byte byte_at(std::size_t flow, std::size_t offset) {
  return static_cast<std::byte>((offset * 7 + flow * 13 + offset / 251) & 0xff);
}

/// One body on its way: a peer that sends only what it was granted, and a socket that takes when it likes.
class Flow final : PipeProducer, PipeConsumer {
 public:
  enum class Kind { credit, in_place };

  Flow(std::size_t id, LocalPool& local, TurnGroup& group, const Pipe::Terms& terms, Kind kind,
       std::size_t bytes)
      : id_(id), kind_(kind), left_(bytes), pipe_(local, group, terms) {
    pipe_.set_producer(this);
    pipe_.set_consumer(this);
    if (kind == Kind::credit) promise(pipe_.room());
  }

  bool over() const { return pipe_.drained() && output_.empty(); }
  std::size_t received() const { return received_; }
  const Pipe& pipe() const { return pipe_; }

  /// Lets one of the two sides do something.
  void step(Random& random) {
    if (random() % 2 == 0) {
      produce(random);
    } else {
      consume(random);
    }
  }

 private:
  void on_room() override { has_room_ = true; }
  void on_readable() override { readable_ = true; }

  void promise(std::size_t n) {
    pipe_.promise(n);
    credit_ += n;
  }

  void produce(Random& random) {
    if (pipe_.end() != Pipe::End::open) return;
    if (left_ == 0) return pipe_.finish();
    if (kind_ == Kind::in_place) return fill_in_place(random);
    if (credit_ == 0 && has_room_) {
      has_room_ = false;
      promise(pipe_.invite());
    }
    const std::size_t n = std::min({left_, credit_, std::size_t{1 + random() % 3000}});
    std::string bytes(n, '\0');
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(byte_at(id_, sent_ + i));
    ASSERT_EQ(pipe_.write(bytes_of(bytes)), n) << "what was promised has its place";
    credit_ -= n;
    sent(n);
  }

  void fill_in_place(Random& random) {
    const std::span<std::byte> space = pipe_.writable();
    if (space.empty()) {
      if (has_room_) has_room_ = pipe_.invite() != 0;
      return;
    }
    const std::size_t n = std::min({left_, space.size(), std::size_t{1 + random() % 3000}});
    for (std::size_t i = 0; i < n; ++i) space[i] = byte_at(id_, sent_ + i);
    pipe_.commit(n);
    sent(n);
  }

  void sent(std::size_t n) {
    left_ -= n;
    sent_ += n;
    if (left_ == 0) pipe_.finish();
  }

  void consume(Random& random) {
    if (!pipe_.accepting() && random() % 4 == 0) pipe_.accept();
    if (pipe_.accepting() && readable_ && output_.bytes() < 2000) {
      output_.append({}, pipe_.take(1 + random() % 1500));
      readable_ = pipe_.readable() > 0;
    }
    std::array<std::span<const std::byte>, 4> pieces;
    const std::size_t count = output_.gather(pieces);
    if (count == 0 || random() % 3 == 0) return;  // the socket is full
    const std::size_t n = 1 + random() % pieces[0].size();
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(pieces[0][i], byte_at(id_, received_ + i));
    received_ += n;
    output_.consume(n);
  }

  std::size_t id_;
  Kind kind_;
  std::size_t left_;
  std::size_t sent_ = 0;
  std::size_t credit_ = 0;  // of the peer
  std::size_t received_ = 0;
  bool has_room_ = false;
  bool readable_ = false;
  Pipe pipe_;
  Output output_;
};

void run(unsigned seed, std::size_t blocks) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", blocks " + std::to_string(blocks));
  Random random(seed);
  BufferPool pool(PoolLimits::with_reserves(PoolLimits::kMinBlockSize, blocks));
  CountingWaker waker;
  {
    LocalPool local(pool, waker);
    std::deque<TurnGroup> groups(3);
    std::deque<Flow> flows;
    std::deque<std::size_t> sizes;
    const std::size_t count = 2 + random() % 12;
    for (std::size_t i = 0; i < count; ++i) {
      // Of an only block both directions would be each other's wait: there it serves one.
      const bool request = blocks == 1 || random() % 2 == 0;
      const auto urgency = static_cast<Urgency>(random() % kUrgencies);
      const Pipe::Terms terms{request ? Direction::request : Direction::response, urgency,
                              random() % 2 == 0 ? 0 : 1 + random() % 600, 1 + random() % 4};
      sizes.push_back(random() % 20000);
      flows.emplace_back(i, local, groups[random() % groups.size()], terms,
                         random() % 2 == 0 ? Flow::Kind::credit : Flow::Kind::in_place, sizes.back());
    }
    std::size_t running = count;
    for (std::size_t step = 0; running > 0 && step < 200'000; ++step) {
      if (step % 8 == 0) local.deliver();
      flows[random() % count].step(random);
      if (step % 16 != 0) continue;
      const PoolStats stats = pool.stats();
      ASSERT_LE(stats.used[0] + stats.used[1], blocks);
      ASSERT_EQ(stats.free + stats.used[0] + stats.used[1], blocks);
      running = 0;
      for (const Flow& flow : flows) running += flow.over() ? 0 : 1;
    }
    ASSERT_EQ(running, 0U) << "all end";
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(flows[i].received(), sizes[i]);
      EXPECT_EQ(flows[i].pipe().promised(), 0U);
      EXPECT_EQ(flows[i].pipe().blocks(), 0U);
    }
  }
  expect_all_back(pool);
}

class FlowTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(FlowTest, EveryByteArrivesAndEverythingEnds) {
  for (unsigned seed = 1; seed <= 40 && !HasFailure(); ++seed) run(seed, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Blocks, FlowTest, ::testing::Values(1U, 2U, 3U, 4U, 8U, 64U));

}  // namespace
}  // namespace pool
