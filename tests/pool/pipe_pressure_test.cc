#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pool/pipe.h"
#include "tests/pool/pipe_fixture.h"

namespace pool {
namespace {

class PipePressureTest : public PipeTest {};

TEST_F(PipePressureTest, WithoutABlockItWaitsAndTheBlockBringsRoom) {
  Pipe pipe(local, group, kNoDoorbell);
  listener.listen_to(pipe);
  pipe.accept();
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_TRUE(listener.waiting);
  EXPECT_TRUE(pipe.pauses().has(Pause::no_block));
  EXPECT_EQ(pipe.invite(), 0U) << "once is enough";
  EXPECT_EQ(pool.stats().waiting[0], 1U);
  const int before = listener.rooms;
  all.pop_back();
  EXPECT_EQ(listener.rooms, before) << "not on the releasing call";
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_FALSE(listener.waiting);
  EXPECT_EQ(listener.rooms, before + 1);
  EXPECT_EQ(pipe.room(), payload());
  EXPECT_TRUE(pipe.pauses().empty());
}

TEST_F(PipePressureTest, ItWaitsForABlockEvenWithRoomOfItsDoorbell) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(pipe.invite(), kDoorbell);
  EXPECT_EQ(pool.stats().waiting[0], 1U);
  pipe.promise(kDoorbell);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(pool.stats().waiting[0], 1U);
}

TEST_F(PipePressureTest, AHolderNeverWaits) {  // rule 4
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  all.pop_back();
  pipe.promise(pipe.invite());
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(write(pipe, payload()), payload());
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(pool.stats().waiting[0], 0U);
  take_all(pipe);
  EXPECT_EQ(pipe.invite(), payload()) << "its own, fresh again";
}

TEST_F(PipePressureTest, ADrainedBlockGoesToWhoWaitsAndNotToItsHolder) {
  Pipe holder(local, group, kNoDoorbell);
  Pipe waiter(local, group, kNoDoorbell);
  holder.accept();
  waiter.accept();
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  all.pop_back();
  EXPECT_EQ(write(holder, payload()), payload());
  EXPECT_EQ(waiter.invite(), 0U);
  holder.take(payload());
  EXPECT_EQ(holder.invite(), 0U);
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(waiter.room(), payload());
  EXPECT_TRUE(holder.pauses().has(Pause::no_block));
}

TEST_F(PipePressureTest, LeavesTheQueueWhenItEnds) {
  for (const int how : {0, 1, 2, 3}) {
    auto pipe = std::make_unique<Pipe>(local, group, kNoDoorbell);
    listener = {};
    listener.listen_to(*pipe);
    pipe->accept();
    std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
    pipe->invite();
    EXPECT_EQ(pool.stats().waiting[0], 1U);
    if (how == 0) pipe->finish();
    if (how == 1) pipe->fail();
    if (how == 2) pipe->close();
    if (how == 3) {
      pipe->set_watcher(nullptr);
      pipe.reset();
      listener.waiting = false;
    }
    EXPECT_EQ(pool.stats().waiting[0], 0U);
    EXPECT_FALSE(listener.waiting);
    all.clear();
    EXPECT_EQ(local.deliver(), 0U);
  }
}

TEST_F(PipePressureTest, H4_ABlockGrantedToAPipeThatEndsIsPassedOn) {
  Pipe ending(local, group, kNoDoorbell);
  Pipe waiting(local, group, kNoDoorbell);
  ending.accept();
  waiting.accept();
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  ending.invite();
  waiting.invite();
  all.pop_back();
  ending.fail();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(waiting.room(), payload());
}

TEST_F(PipePressureTest, GrowsFourfoldWhileTheConsumerKeepsPace) {
  Pipe pipe(local, group, {Direction::request, Urgency::invite, 0, 6});
  pipe.accept();
  for (const std::size_t blocks : {1U, 4U, 6U, 6U}) {
    const std::size_t room = pipe.invite();
    EXPECT_EQ(room, blocks * payload());
    EXPECT_EQ(pipe.blocks(), blocks);
    pipe.promise(room);
    EXPECT_EQ(write(pipe, room), room);
    take_all(pipe);
  }
}

TEST_F(PipePressureTest, GrowsThoughTheProducerIsInvitedAgainAfterEachBlock) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  std::size_t most = 0;
  for (int round = 0; round < 4; ++round) {
    const std::size_t room = pipe.invite();
    pipe.promise(room);
    EXPECT_EQ(write(pipe, room), room);
    while (pipe.readable() > 0) {
      pipe.take(payload());
      pipe.promise(pipe.invite());  // as a stream does from on_room
    }
    most = std::max(most, pipe.blocks());
    EXPECT_EQ(write(pipe, pipe.promised()), pipe.blocks() * payload());
    take_all(pipe);
  }
  EXPECT_EQ(most, 4U);
}

TEST_F(PipePressureTest, GrowsOnlyWhenAsMuchAsItsShareWasUsed) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  const auto send = [&](std::size_t n) {
    EXPECT_EQ(write(pipe, n), n);
    take_all(pipe);
  };
  EXPECT_EQ(pipe.invite(), payload());
  send(payload() / 2);
  EXPECT_EQ(pipe.invite(), payload());
  send(payload() - payload() / 2);
  EXPECT_EQ(pipe.invite(), 4 * payload());
  send(payload());
  EXPECT_EQ(pipe.invite(), 4 * payload()) << "a quarter of the share that it has now";
}

TEST_F(PipePressureTest, DoesNotGrowWhileTheConsumerLags) {
  Pipe pipe(local, group, {Direction::request, Urgency::invite, 0, 6});
  pipe.accept();
  write(pipe, pipe.invite());
  take_all(pipe);
  write(pipe, pipe.invite());
  EXPECT_EQ(pipe.blocks(), 4U);
  for (int round = 0; round < 10; ++round) {
    pipe.take(payload());
    EXPECT_EQ(pipe.invite(), payload());
    write(pipe, payload());
  }
}

TEST_F(PipePressureTest, ShrinksToOneBlockWhileOthersWait) {
  Pipe pipe(local, group, {Direction::request, Urgency::invite, 0, 4});
  pipe.accept();
  for (int round = 0; round < 3; ++round) {
    write(pipe, pipe.invite());
    take_all(pipe);
  }
  EXPECT_EQ(pipe.invite(), 4 * payload());
  EXPECT_EQ(write(pipe, 4 * payload()), 4 * payload());
  std::vector<BlockRef> rest = PoolTest::take_all(Direction::request);
  std::array<TurnGroup, 5> groups;
  std::deque<Waiter> waiters;
  for (TurnGroup& one : groups) waiters.emplace_back(local, one);
  std::size_t given = 0;
  for (; pipe.readable() > 0; ++given) {
    waiters[given].request(Urgency::invite, Direction::request);
    EXPECT_EQ(pipe.invite(), 0U);
    pipe.take(payload());
    EXPECT_EQ(local.deliver(), 1U);
  }
  EXPECT_EQ(given, 4U);
  Waiter& other = waiters.back();
  other.request(Urgency::invite, Direction::request);
  EXPECT_EQ(pipe.invite(), 0U);
  waiters[0].held.clear();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(other.calls + waiters[0].calls, 2);
  waiters[1].held.clear();
  EXPECT_EQ(local.deliver(), 1U);
  EXPECT_EQ(pipe.invite(), payload()) << "one block again";
  waiters.clear();
}

TEST_F(PipePressureTest, SaysWhyItPauses) {
  Pipe pipe(local, group, kNoDoorbell);
  EXPECT_EQ(pipe.pauses().to_string(), "held_back");
  pipe.accept();
  EXPECT_EQ(pipe.pauses().to_string(), "none");
  const std::size_t room = pipe.invite();
  pipe.promise(room);
  EXPECT_EQ(write(pipe, 1), 1U);
  EXPECT_EQ(pipe.pauses().to_string(), "none") << "the peer still has credit";
  EXPECT_EQ(write(pipe, room - 1), room - 1);
  EXPECT_EQ(pipe.pauses().to_string(), "sink_slow");
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  take_all(pipe);
  pipe.invite();
  EXPECT_EQ(pipe.pauses().to_string(), "none");
  pipe.finish();
  EXPECT_EQ(pipe.pauses().to_string(), "none");
}

TEST_F(PipePressureTest, BytesInTheDoorbellMayWaitForABlock) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  pipe.promise(kDoorbell);
  write(pipe, kDoorbell);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(pipe.pauses().to_string(), "no_block+sink_slow");
  all.pop_back();
  local.deliver();
  EXPECT_EQ(pipe.room(), payload());
}

/// A stream that sends `left` bytes by credit to a consumer that takes all at once.
struct Upload final : PipeProducer, PipeConsumer {
  Upload(LocalPool& local, TurnGroup& group, std::size_t bytes)
      : pipe(local, group, {Direction::request, Urgency::invite, 0, 16}), left(bytes) {
    pipe.set_producer(this);
    pipe.set_consumer(this);
    pipe.accept();
  }
  void on_room() override { has_room = true; }
  void on_readable() override { readable = true; }
  void turn() {
    if (std::exchange(has_room, false) && left > 0) {
      pipe.promise(std::min(left, pipe.invite()));
      const std::string bytes(pipe.promised(), 'x');
      left -= pipe.write(bytes_of(bytes));
      if (left == 0) pipe.finish();
    }
    if (std::exchange(readable, false)) {
      while (pipe.readable() > 0) pipe.take(pipe.readable());
    }
  }
  Pipe pipe;
  std::size_t left;
  bool has_room = false;
  bool readable = false;
};

TEST_F(PipePressureTest, ManyPipesThroughOneBlockAllEnd) {
  BufferPool one({kBlock, 1, 0, 0});
  CountingWaker no_waker;
  {
    LocalPool worker(one, no_waker);
    std::deque<TurnGroup> groups(7);
    std::deque<Upload> uploads;
    for (std::size_t i = 0; i < 100; ++i) uploads.emplace_back(worker, groups[i % 7], 20000);
    std::size_t turns = 0;
    std::size_t running = uploads.size();
    for (; running > 0 && turns < 10000; ++turns) {
      worker.deliver();
      running = 0;
      for (Upload& upload : uploads) {
        upload.turn();
        if (!upload.pipe.drained()) ++running;
      }
      expect_oracle(one);
    }
    EXPECT_EQ(running, 0U);
    for (Upload& upload : uploads) EXPECT_EQ(upload.pipe.bytes_out(), 20000U);
  }
  expect_all_back(one);
}

TEST_F(PipePressureTest, PipesThatNobodyAcceptsDoNotStopTheOneThatIsAccepted) {
  BufferPool four({kBlock, 4, 1, 1});
  CountingWaker no_waker;
  {
    LocalPool worker(four, no_waker);
    std::deque<Pipe> early;
    for (int i = 0; i < 20; ++i) {
      Pipe& pipe = early.emplace_back(worker, group, kTerms);
      pipe.promise(kDoorbell);
      pipe.write(bytes_of(pattern(5000)));
    }
    Upload accepted(worker, group, 50000);
    for (int turns = 0; turns < 1000 && !accepted.pipe.drained(); ++turns) {
      worker.deliver();
      accepted.turn();
    }
    EXPECT_TRUE(accepted.pipe.drained()) << "else those wait for it, and it waits for their blocks";
  }
  expect_all_back(four);
}

}  // namespace
}  // namespace pool
