#include "pool/pipe.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/pool/pipe_fixture.h"

namespace pool {
namespace {

TEST_F(PipeTest, TheDoorbellIsRoomWithoutABlock) {
  Pipe pipe(local, group, kTerms);
  EXPECT_EQ(pipe.room(), kDoorbell);
  EXPECT_EQ(pipe.blocks(), 0U);
  EXPECT_EQ(write(pipe, kDoorbell), kDoorbell);
  EXPECT_EQ(pipe.readable(), kDoorbell);
  EXPECT_EQ(pipe.room(), 0U);
  EXPECT_EQ(used(), 0U);
}

TEST_F(PipeTest, TheDoorbellServesAProducerThatDoesNotPromiseOnce) {
  Pipe pipe(local, group, kTerms);
  std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(write(pipe, kDoorbell), kDoorbell);
  EXPECT_EQ(take_all(pipe), pattern(kDoorbell));
  EXPECT_EQ(pipe.room(), 0U);
  EXPECT_EQ(write(pipe, 1), 0U);
  EXPECT_TRUE(pipe.writable().empty());
}

TEST_F(PipeTest, TheDoorbellRingsAgainForAProducerThatPromises) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  for (int i = 0; i < 10; ++i) {
    pipe.invite();
    ASSERT_EQ(pipe.room(), kDoorbell);
    pipe.promise(kDoorbell);
    EXPECT_EQ(write(pipe, kDoorbell), kDoorbell);
    EXPECT_EQ(pipe.room(), 0U);
    EXPECT_EQ(take_all(pipe), pattern(kDoorbell));
  }
  EXPECT_EQ(pool.stats().waiting[0], 1U) << "it waits for a block all the same";
}

TEST_F(PipeTest, WhoseDoorbellReturnsGoesOnWithoutABlockAndWaitsForNone) {
  Pipe::Terms terms = kTerms;
  terms.doorbell_returns = true;
  Pipe pipe(local, group, terms);
  listener.listen_to(pipe);
  pipe.accept();
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(write(pipe, kDoorbell + 1), kDoorbell);
    EXPECT_EQ(pipe.invite(), 0U);
    const int rooms = listener.rooms;
    EXPECT_EQ(take_all(pipe), pattern(kDoorbell));
    EXPECT_GT(listener.rooms, rooms);
  }
  EXPECT_EQ(pool.stats().waiting[0], 0U);
}

TEST_F(PipeTest, AProducerThatRestsKeepsNeitherABlockNorItsPlace) {
  Pipe::Terms terms = kTerms;
  terms.doorbell = 0;
  Pipe pipe(local, group, terms);
  pipe.accept();
  ASSERT_FALSE(pipe.writable().empty());
  EXPECT_EQ(used(), 1U);
  pipe.rest();
  EXPECT_EQ(used(), 0U);
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(pool.stats().waiting[0], 1U);
  pipe.rest();
  EXPECT_EQ(pool.stats().waiting[0], 0U);
}

TEST_F(PipeTest, AProducerThatRestsKeepsWhatIsPromisedAndItsOnlyDoorbell) {
  Pipe promising(local, group, kTerms);
  promising.accept();
  const std::size_t room = promising.invite();
  promising.promise(room);
  promising.rest();
  EXPECT_EQ(used(), 1U);
  EXPECT_EQ(promising.promised(), room);

  Pipe other(local, group, kTerms);  // nobody accepts yet: the doorbell comes first
  ASSERT_EQ(other.writable().size(), kDoorbell);
  other.rest();
  EXPECT_EQ(other.writable().size(), kDoorbell);
}

TEST_F(PipeTest, NoBlockIsInvitedBeforeTheConsumerAccepts) {
  Pipe pipe(local, group, kTerms);
  listener.listen_to(pipe);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(listener.rooms, 0);
  pipe.accept();
  EXPECT_EQ(listener.rooms, 1);
  EXPECT_TRUE(pipe.accepting());
  EXPECT_EQ(pipe.invite(), kDoorbell + payload());
  EXPECT_EQ(used(), 1U);
  pipe.accept();
  EXPECT_EQ(listener.rooms, 1) << "accepted already";
}

TEST_F(PipeTest, BytesBeforeAcceptanceGoIntoTheDoorbell) {
  Pipe pipe(local, group, kTerms);
  pipe.promise(kDoorbell);
  EXPECT_EQ(write(pipe, 100), 100U);
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(pipe.promised(), kDoorbell - 100);
  EXPECT_EQ(pipe.room(), 0U);
}

TEST_F(PipeTest, BytesBeyondWhatAPeerWasPromisedTakeBlocksOnlyFromPlenty) {
  Pipe pipe(local, group, kTerms);
  pipe.promise(kDoorbell);
  const std::size_t most = kDoorbell + 4 * payload();  // half of the pool's eight blocks
  EXPECT_EQ(write(pipe, 100 * payload()), most);
  EXPECT_EQ(used(), 4U);
  EXPECT_EQ(take_all(pipe), pattern(most));
  EXPECT_EQ(pipe.room(), kDoorbell) << "no block is kept";
  EXPECT_EQ(used(), 0U);
}

TEST_F(PipeTest, AProducerThatDoesNotPromiseGetsNoMoreThanItsRoom) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  EXPECT_EQ(write(pipe, 100 * payload()), payload());
  EXPECT_EQ(used(), 1U);
}

TEST_F(PipeTest, PromisesAreKeptFromRoomAndGivenBackByBytes) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  const std::size_t room = pipe.invite();
  pipe.promise(500);
  EXPECT_EQ(pipe.promised(), 500U);
  EXPECT_EQ(pipe.room(), room - 500);
  EXPECT_EQ(write(pipe, 200), 200U);
  EXPECT_EQ(pipe.promised(), 300U);
  EXPECT_EQ(pipe.room(), room - 500);
  EXPECT_EQ(write(pipe, 400), 400U) << "beyond the promise there is still room";
  EXPECT_EQ(pipe.promised(), 0U);
  EXPECT_EQ(pipe.room(), room - 600);
}

TEST_F(PipeTest, WhatIsPromisedHasItsBytesWhateverOthersTake) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  const std::size_t room = pipe.invite();
  pipe.promise(room);
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(write(pipe, room), room);
  EXPECT_EQ(take_all(pipe), pattern(room));
}

TEST_F(PipeTest, APromiseSurvivesTheDrainingOfABlockInUse) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  pipe.promise(pipe.invite());
  EXPECT_EQ(write(pipe, 10), 10U);
  EXPECT_EQ(take_all(pipe), pattern(10));
  EXPECT_EQ(pipe.blocks(), 1U) << "it backs the promise";
  EXPECT_EQ(pipe.promised(), payload() - 10);
  const std::vector<BlockRef> all = PoolTest::take_all(Direction::request);
  EXPECT_EQ(write(pipe, payload() - 10), payload() - 10);
}

TEST_F(PipeTest, FillsInPlace) {
  Pipe pipe(local, group, kNoDoorbell);
  listener.listen_to(pipe);
  pipe.accept();
  std::span<std::byte> space = pipe.writable();
  ASSERT_EQ(space.size(), payload());
  std::memcpy(space.data(), "hello", 5);
  pipe.commit(5);
  EXPECT_EQ(listener.readables, 1);
  EXPECT_EQ(pipe.writable().data(), space.data() + 5);
  pipe.commit(0);
  EXPECT_EQ(listener.readables, 1);
  EXPECT_EQ(take_all(pipe), "hello");
}

TEST_F(PipeTest, TakesUpToTheEndOfABlock) {
  Pipe pipe(local, group, kTerms);
  pipe.accept();
  pipe.invite();
  const std::size_t n = payload() + 10;  // the block first, then the doorbell
  EXPECT_EQ(write(pipe, n), n);
  EXPECT_EQ(pipe.contiguous(), payload());
  EXPECT_EQ(pipe.take(0).bytes.size(), 0U);
  EXPECT_EQ(pipe.take(100).bytes.size(), 100U);
  EXPECT_EQ(pipe.readable(), n - 100);
  EXPECT_EQ(pipe.contiguous(), payload() - 100);
  EXPECT_EQ(pipe.take(n).bytes.size(), payload() - 100);
  EXPECT_EQ(text_of(pipe.take(n).bytes), pattern(n).substr(payload()));
  EXPECT_TRUE(pipe.take(n).bytes.empty());
  EXPECT_EQ(pipe.bytes_in(), n);
  EXPECT_EQ(pipe.bytes_out(), n);
}

TEST_F(PipeTest, ADrainedBlockGoesBackAtOnce) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  EXPECT_EQ(write(pipe, payload()), payload());
  EXPECT_EQ(used(), 1U);
  pipe.take(payload());
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(write(pipe, 10), 10U);
  pipe.take(10);
  EXPECT_EQ(used(), 0U) << "partly filled and nothing promised: it goes too";
}

TEST_F(PipeTest, ASliceKeepsItsBlockUntilItIsDropped) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  write(pipe, payload());
  Slice first = pipe.take(100);
  Slice second = pipe.take(payload());
  EXPECT_EQ(pipe.blocks(), 0U);
  EXPECT_EQ(used(), 1U);
  first = {};
  EXPECT_EQ(used(), 1U);
  EXPECT_EQ(text_of(second.bytes), pattern(payload()).substr(100));
  second = {};
  EXPECT_EQ(used(), 0U);
}

TEST_F(PipeTest, TakingTellsTheProducerWhenABlockIsDrained) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  write(pipe, payload());
  listener.listen_to(pipe);
  pipe.take(10);
  EXPECT_EQ(listener.rooms, 0);
  pipe.take(payload());
  EXPECT_EQ(listener.rooms, 1);
  EXPECT_EQ(listener.progress, 2);
}

TEST_F(PipeTest, FinishLeavesTheRestToTake) {
  Pipe pipe(local, group, kTerms);
  listener.listen_to(pipe);
  pipe.accept();
  pipe.promise(pipe.invite());
  write(pipe, 10);
  pipe.finish();
  EXPECT_EQ(listener.readables, 2);
  EXPECT_EQ(pipe.end(), Pipe::End::finished);
  EXPECT_FALSE(pipe.drained());
  EXPECT_EQ(pipe.promised(), 0U);
  EXPECT_EQ(pipe.room(), 0U);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_EQ(write(pipe, 1), 0U);
  pipe.fail();
  EXPECT_EQ(pipe.end(), Pipe::End::finished) << "whole is whole";
  EXPECT_EQ(take_all(pipe), pattern(10));
  EXPECT_TRUE(pipe.drained());
  EXPECT_EQ(used(), 0U);
}

TEST_F(PipeTest, FinishGivesUnusedBlocksBack) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  pipe.promise(pipe.invite());
  EXPECT_EQ(used(), 1U);
  pipe.finish();
  EXPECT_EQ(used(), 0U);
  EXPECT_TRUE(pipe.drained());
}

TEST_F(PipeTest, FailDropsWhatIsStored) {
  Pipe pipe(local, group, kTerms);
  listener.listen_to(pipe);
  pipe.accept();
  write(pipe, payload());
  const int before = listener.readables;
  pipe.fail();
  EXPECT_EQ(listener.readables, before + 1);
  EXPECT_EQ(pipe.end(), Pipe::End::failed);
  EXPECT_EQ(pipe.readable(), 0U);
  EXPECT_TRUE(pipe.take(10).bytes.empty());
  EXPECT_FALSE(pipe.drained());
  EXPECT_EQ(used(), 0U);
  pipe.finish();
  EXPECT_EQ(pipe.end(), Pipe::End::failed);
}

TEST_F(PipeTest, CloseDiscardsWhatIsStoredAndWhatStillComes) {
  Pipe pipe(local, group, kTerms);
  listener.listen_to(pipe);
  pipe.accept();
  write(pipe, payload());
  const int before = listener.rooms;
  pipe.close();
  EXPECT_EQ(listener.rooms, before + 1);
  EXPECT_TRUE(pipe.closed());
  EXPECT_EQ(used(), 0U);
  EXPECT_EQ(pipe.room(), 0U);
  EXPECT_EQ(pipe.invite(), 0U);
  EXPECT_TRUE(pipe.writable().empty());
  EXPECT_EQ(write(pipe, 5000), 5000U) << "discarded";
  EXPECT_EQ(pipe.readable(), 0U);
  EXPECT_EQ(pipe.bytes_in(), payload() + 5000);
  pipe.finish();
  EXPECT_TRUE(pipe.drained());
}

TEST_F(PipeTest, BytesThatWereOnTheirWayIntoABlockWhenThePipeClosedAreDiscarded) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  {
    Space space;
    ASSERT_EQ(pipe.spaces({&space, 1}), 1U);
    pipe.close();
    std::memcpy(space.bytes.data(), "late", 4);
    pipe.keep(space.bytes.first(4));
  }
  EXPECT_EQ(pipe.readable(), 0U);
  EXPECT_EQ(pipe.bytes_in(), 4U);
  EXPECT_EQ(used(), 0U);
}

/// A producer that writes from within on_room, as an HTTP/2 stream or an applet does.
struct Refiller final : PipeProducer {
  Refiller(Pipe& p, std::function<void()> a) : pipe(p), act(std::move(a)) { pipe.set_producer(this); }
  void on_room() override { act(); }
  Pipe& pipe;
  std::function<void()> act;
};

TEST_F(PipeTest, TheProducerMayWriteFromWithinTake) {
  Pipe pipe(local, group, kNoDoorbell);
  std::string sent;
  Refiller refiller(pipe, [&] {
    if (pipe.invite() == 0) return;
    const std::string text(pipe.room(), static_cast<char>('0' + sent.size() / payload()));
    sent += text;
    EXPECT_EQ(pipe.write(bytes_of(text)), text.size());
    if (sent.size() >= 8 * payload()) pipe.finish();
  });
  pipe.accept();
  std::string received;
  while (pipe.readable() > 0) received += text_of(pipe.take(700).bytes);
  EXPECT_TRUE(pipe.drained());
  EXPECT_EQ(received, sent);
}

TEST_F(PipeTest, TheProducerMayFailFromWithinTake) {
  Pipe pipe(local, group, kNoDoorbell);
  pipe.accept();
  write(pipe, payload());
  Refiller refiller(pipe, [&] { pipe.fail(); });
  const Slice slice = pipe.take(payload());
  EXPECT_EQ(text_of(slice.bytes), pattern(payload()));
  EXPECT_EQ(pipe.end(), Pipe::End::failed);
}

}  // namespace
}  // namespace pool
