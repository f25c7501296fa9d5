// H1: how long a block is on its way from the thread that releases it to a worker that sleeps in its loop.
// Prints the median and the p99, in microseconds. Usage: hand_over_bench [hand-overs]
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "gateway/net/event_loop.h"
#include "pool/local_pool.h"

namespace {

using Clock = std::chrono::steady_clock;

/// A worker that asks for a block, sleeps, and notes when it came.
class Sleeper final : pool::ReleaseSubscription::Owner {
 public:
  explicit Sleeper(pool::BufferPool& pool) : pool_(pool) {}
  /// Runs until it had `count` blocks.
  void run(std::size_t count) {
    gateway::EventLoop loop;
    pool::LocalPool local(pool_, loop);
    pool::TurnGroup group;
    pool::ReleaseSubscription subscription(local, group, *this);
    loop.set_turn_end([&] {
      local.deliver();
      block_ = {};
      if (came_.load() == count) {
        loop.stop();
      } else if (!subscription.waiting() && holder_has_it_.exchange(false)) {
        subscription.request(pool::Urgency::leave, pool::Direction::response);
      }
      return local.has_granted();
    });
    loop_.store(&loop);
    loop.run();
    loop_.store(nullptr);
  }
  /// The other thread holds the block: ask for it.
  void ask() {
    holder_has_it_.store(true);
    while (loop_.load() == nullptr) std::this_thread::yield();
    loop_.load()->wake();
  }
  std::size_t came() const { return came_.load(); }
  Clock::time_point came_at() const { return came_at_; }

 private:
  void on_block(pool::BlockRef block) override {
    came_at_ = Clock::now();
    block_ = std::move(block);
    came_.fetch_add(1);
  }

  pool::BufferPool& pool_;
  pool::BlockRef block_;
  Clock::time_point came_at_;
  std::atomic<std::size_t> came_{0};
  std::atomic<bool> holder_has_it_{false};
  std::atomic<gateway::EventLoop*> loop_{nullptr};
};

struct NoWaker final : pool::Waker {
  void wake() noexcept override {}
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2000;
  pool::BufferPool pool({16 * 1024, 1, 0, 0});
  std::vector<double> microseconds;
  {
    NoWaker waker;
    pool::LocalPool local(pool, waker);
    Sleeper sleeper(pool);
    std::thread thread([&] { sleeper.run(count); });
    for (std::size_t i = 0; i < count; ++i) {
      pool::BlockRef block;
      while (!(block = local.try_acquire(pool::Direction::response))) std::this_thread::yield();
      sleeper.ask();
      while (!pool.under_pressure()) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // until the worker sleeps
      const Clock::time_point released = Clock::now();
      block = {};
      while (sleeper.came() == i) std::this_thread::yield();
      microseconds.push_back(std::chrono::duration<double, std::micro>(sleeper.came_at() - released).count());
    }
    thread.join();
  }
  std::ranges::sort(microseconds);
  fmt::print("{} hand-overs to a sleeping worker: median {:.1f} us, p99 {:.1f} us, max {:.1f} us\n", count,
             microseconds[count / 2], microseconds[count * 99 / 100], microseconds.back());
  return 0;
}
