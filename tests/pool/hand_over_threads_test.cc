#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <latch>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/pool/pool_fixture.h"

namespace pool {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kOperations = 200'000;
#else
constexpr std::size_t kOperations = 1'000'000;
#endif
constexpr std::size_t kThreads = 8;

/// Longer than anything here may take. Who has slept for so long was not woken: the test fails instead of
/// hanging.
constexpr std::chrono::seconds kLost{60};
/// What is tried as often as it can be is tried for no longer.
constexpr std::chrono::seconds kLongEnough{30};

/// The waker of a worker that sleeps as a loop does: until it is woken, and not at all when it was woken
/// before.
class Alarm final : public Waker {
 public:
  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    condition_.notify_one();
  }
  /// False when nobody woke it.
  bool sleep() {
    std::unique_lock lock(mutex_);
    const bool woken = condition_.wait_for(lock, kLost, [this] { return is_set_; });
    is_set_ = false;
    return woken;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool is_set_ = false;
};

/// Marks a block as its holder's; a block that is with two holders at once is found out by the marks.
class Marked {
 public:
  Marked(BlockRef block, std::uint64_t mark) : block_(std::move(block)), mark_(mark) {
    std::memcpy(block_->space().data(), &mark_, sizeof mark_);
    block_->fill(sizeof mark_);
  }
  bool is_intact() const {
    return block_->filled().size() == sizeof mark_ &&
           std::memcmp(block_->filled().data(), &mark_, sizeof mark_) == 0;
  }

 private:
  BlockRef block_;
  std::uint64_t mark_;
};

/// One worker: blocks that it holds, and subscriptions that it asks and cancels at random.
class Hand {
 public:
  Hand(BufferPool& pool, unsigned seed) : local_(pool, alarm_), random_(seed), seed_(seed) {
    for (std::size_t i = 0; i < kWaiters; ++i) waiters_.emplace_back(*this, groups_[i % groups_.size()]);
  }

  void run(std::size_t operations) {
    for (std::size_t i = 0; i < operations; ++i) {
      act();
      if (random_() % 4 == 0) local_.deliver();
      if (random_() % 8 == 0)
        std::this_thread::yield();  // in mid-hold, so that the threads do meet on few cores
    }
    // A holder never waits: all is given back first, then everybody who still waits is served in the end.
    held_.clear();
    is_over_ = true;
    while (is_waiting() && !lost_) {
      if (local_.deliver() == 0 && !local_.has_granted()) lost_ = !alarm_.sleep();
    }
  }

  bool lost() const { return lost_; }
  bool doubled() const { return doubled_; }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t requested() const { return requested_; }
  std::uint64_t cancelled() const { return cancelled_; }

 private:
  static constexpr std::size_t kWaiters = 6;
  static constexpr std::size_t kMostHeld = 4;

  struct Seat final : ReleaseSubscription::Owner {
    Seat(Hand& h, TurnGroup& group) : hand(h), subscription(h.local_, group, *this) {}
    void on_block(BlockRef block) override { hand.keep(std::move(block)); }
    Hand& hand;
    ReleaseSubscription subscription;
  };

  void act() {
    const auto direction = static_cast<Direction>(random_() % kDirections);
    Seat& seat = waiters_[random_() % kWaiters];
    switch (random_() % 6) {
      case 0:
        if (held_.size() >= kMostHeld) break;
        if (BlockRef block = local_.try_acquire(direction)) mark(std::move(block));
        break;
      case 1:
      case 2:
        if (seat.subscription.waiting()) break;
        ++requested_;
        seat.subscription.request(static_cast<Urgency>(random_() % kUrgencies), direction);
        break;
      case 3:
        if (seat.subscription.waiting()) ++cancelled_;
        seat.subscription.cancel();
        break;
      default:
        drop();
    }
  }

  void keep(BlockRef block) {
    ++delivered_;
    if (is_over_ || held_.size() >= kMostHeld || random_() % 8 == 0) return;  // no longer wanted: passed on
    mark(std::move(block));
  }
  void mark(BlockRef block) { held_.emplace_back(std::move(block), (std::uint64_t{seed_} << 40) + ++marks_); }
  void drop() {
    if (held_.empty()) return;
    std::swap(held_[random_() % held_.size()], held_.back());
    if (!held_.back().is_intact()) doubled_ = true;
    held_.pop_back();
  }
  bool is_waiting() const {
    for (const Seat& seat : waiters_) {
      if (seat.subscription.waiting()) return true;
    }
    return false;
  }

  Alarm alarm_;
  LocalPool local_;
  std::array<TurnGroup, 3> groups_;
  std::mt19937 random_;
  unsigned seed_;
  std::vector<Marked> held_;
  std::deque<Seat> waiters_;
  std::uint64_t marks_ = 0;
  std::uint64_t requested_ = 0;
  std::uint64_t cancelled_ = 0;
  std::uint64_t delivered_ = 0;
  bool is_over_ = false;
  bool lost_ = false;
  bool doubled_ = false;
};

class HandOverTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(HandOverTest, H3_NoBlockIsLostOrDoubledAmongEightThreads) {
  const std::size_t blocks = GetParam();
  BufferPool pool(PoolLimits::with_reserves(PoolLimits::kMinBlockSize, blocks));
  {
    std::deque<Hand> hands;
    for (unsigned i = 0; i < kThreads; ++i) hands.emplace_back(pool, i + 1);
    std::atomic<bool> is_over = false;
    std::atomic<std::size_t> wrong = 0;
    std::thread observer([&] {
      while (!is_over) {
        const PoolStats stats = pool.stats();
        if (stats.free + stats.used[0] + stats.used[1] != blocks) ++wrong;
        std::this_thread::yield();
      }
    });
    std::deque<std::thread> threads;
    std::latch start(kThreads);
    for (Hand& hand : hands) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        hand.run(kOperations / kThreads);
      });
    }
    for (std::thread& thread : threads) thread.join();
    is_over = true;
    observer.join();
    EXPECT_EQ(wrong, 0U) << "free + used = blocks at all times";

    std::uint64_t ended = 0;
    std::uint64_t requested = 0;
    for (const Hand& hand : hands) {
      EXPECT_FALSE(hand.lost()) << "a wake-up or a block";
      EXPECT_FALSE(hand.doubled());
      ended += hand.delivered() + hand.cancelled();
      requested += hand.requested();
    }
    EXPECT_EQ(ended, requested) << "each request ends once";
    expect_all_back(pool);
    EXPECT_GT(pool.stats().woken, 0U);
    EXPECT_GT(pool.stats().passed_on, 0U);
  }
  expect_all_back(pool);
}

INSTANTIATE_TEST_SUITE_P(Blocks, HandOverTest, ::testing::Values(1U, 2U, 7U, 20U));

/// A worker that only waits for one block after the other, and is told so by its alarm alone.
class Sleeper final : ReleaseSubscription::Owner {
 public:
  explicit Sleeper(BufferPool& pool) : local_(pool, alarm_), subscription_(local_, group_, *this) {}
  /// True when `rounds` blocks came.
  bool run(std::size_t rounds) {
    for (count_ = 0; count_ < rounds;) {
      if (!subscription_.waiting()) subscription_.request(Urgency::leave, Direction::response);
      if (local_.deliver() == 0 && !local_.has_granted() && !alarm_.sleep()) return false;
    }
    return true;
  }

 private:
  void on_block(BlockRef) override { ++count_; }

  Alarm alarm_;
  LocalPool local_;
  TurnGroup group_;
  ReleaseSubscription subscription_;
  std::size_t count_ = 0;
};

TEST(HandOver, H1_OneBlockGoesToAndFroAmongSleepers) {
  BufferPool pool({PoolLimits::kMinBlockSize, 1, 0, 0});
  {
    std::deque<Sleeper> sleepers;
    std::atomic<int> done = 0;
    std::deque<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) sleepers.emplace_back(pool);
    for (Sleeper& sleeper : sleepers) {
      threads.emplace_back([&] { done += sleeper.run(kOperations / 100) ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(done, 4);
  }
  expect_all_back(pool);
}

TEST(HandOver, H2_BlocksInTheCacheOfASleepingWorkerAreFound) {
  BufferPool pool({PoolLimits::kMinBlockSize, 4, 0, 0});
  {
    Alarm wake_a;
    Alarm cached;
    std::atomic<std::size_t> got = 0;
    std::thread a([&] {
      LocalPool local(pool, wake_a);
      {
        std::vector<BlockRef> blocks;
        while (BlockRef block = local.try_acquire(Direction::request)) blocks.push_back(std::move(block));
      }
      cached.wake();
      wake_a.sleep();  // until the end; nobody needs it
    });
    ASSERT_TRUE(cached.sleep());
    EXPECT_EQ(pool.stats().cached, 4U);
    Alarm wake_b;
    LocalPool local(pool, wake_b);
    TurnGroup group;
    std::deque<Waiter> waiters;
    for (int i = 0; i < 4; ++i) {
      // One after the other: the next one who asks must not be what finds the block.
      waiters.emplace_back(local, group).request();
      EXPECT_EQ(local.deliver(), 1U) << "at once, and without waking the other worker";
    }
    EXPECT_EQ(pool.stats().woken, 0U);
    waiters.clear();
    wake_a.wake();
    a.join();
  }
  expect_all_back(pool);
}

/// Two threads that begin each round together, as close to each other as it can be made.
class Meeting {
 public:
  void wait() {
    const unsigned round = round_.load();
    if (arrived_.fetch_add(1) == 1) {
      arrived_ = 0;
      ++round_;
    }
    while (round_.load() == round) {
      if (++spins_ % 1024 == 0) std::this_thread::yield();
    }
  }

 private:
  std::atomic<unsigned> arrived_ = 0;
  std::atomic<unsigned> round_ = 0;
  std::atomic<unsigned> spins_ = 0;
};

TEST(HandOver, H3_ABlockThatIsCachedJustAsAWaiterComesIsHandedOver) {
  BufferPool pool({PoolLimits::kMinBlockSize, 1, 0, 0});
  {
    constexpr std::size_t kRounds = kOperations / 20;
    Meeting meeting;
    std::atomic<bool> goes_on = true;
    // Releases in the moment in which the other asks, and then does nothing: nothing it does later can repair
    // what it missed.
    std::thread holder([&] {
      CountingWaker waker;
      LocalPool local(pool, waker);
      while (goes_on) {
        BlockRef block = local.try_acquire(Direction::response);
        meeting.wait();
        block = {};
        meeting.wait();
      }
    });
    // Whoever looks at the pool holds up who caches for a moment, after it has seen that nobody waits.
    std::atomic<bool> is_over = false;
    std::thread observer([&] {
      while (!is_over) pool.stats();
    });
    Alarm alarm;
    LocalPool local(pool, alarm);
    TurnGroup group;
    Waiter waiter(local, group);
    std::mt19937 random(1);
    bool is_lost = false;
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t round = 1; goes_on; ++round) {
      meeting.wait();
      for (std::atomic<unsigned> delay = static_cast<unsigned>(random() % 64); delay > 0;) --delay;
      waiter.request();
      while (local.deliver() == 0 && !is_lost) {
        if (!local.has_granted()) is_lost = !alarm.sleep();
      }
      waiter.subscription.cancel();
      waiter.held.clear();
      // A meeting takes milliseconds where others keep both CPUs busy: then there are fewer.
      goes_on = !is_lost && round < kRounds && std::chrono::steady_clock::now() - began < kLongEnough;
      meeting.wait();
    }
    EXPECT_FALSE(is_lost) << "it waits for a block that lies in a cache";
    is_over = true;
    observer.join();
    holder.join();
  }
  expect_all_back(pool);
}

TEST(HandOver, H3_AWaiterThatComesWhileAnotherWorkerCachesIsServed) {
  BufferPool pool({PoolLimits::kMinBlockSize, 1, 0, 0});
  {
    std::atomic<bool> is_over = false;
    std::thread busy([&] {
      CountingWaker waker;
      LocalPool local(pool, waker);
      // Acquires and caches without a pause; nothing but a hand-over ends the sleep of the other worker.
      while (!is_over) {
        const BlockRef block = local.try_acquire(Direction::response);
        if (!block) std::this_thread::yield();
      }
    });
    Sleeper sleeper(pool);
    EXPECT_TRUE(sleeper.run(kOperations / 50));
    is_over = true;
    busy.join();
  }
  expect_all_back(pool);
}

}  // namespace
}  // namespace pool
