#pragma once

#include <string>

#include "pool/pipe.h"
#include "tests/pool/pool_fixture.h"

namespace pool {

/// Counts what a pipe tells its producer, consumer and watcher.
struct Listener final : PipeProducer, PipeConsumer, PipeWatcher {
  void on_room() override { ++rooms; }
  void on_readable() override { ++readables; }
  void on_waiting(bool now) override {
    EXPECT_NE(now, waiting) << "each begins and ceases in turn";
    waiting = now;
  }
  void on_progress(std::size_t, bool) override { ++progress; }

  void listen_to(Pipe& pipe) {
    pipe.set_producer(this);
    pipe.set_consumer(this);
    pipe.set_watcher(this);
  }

  int rooms = 0;
  int readables = 0;
  int progress = 0;
  bool waiting = false;
};

/// A pipe of requests with a doorbell of 300 bytes over a pool of eight blocks; the listener hears all.
class PipeTest : public PoolTest {
 protected:
  static constexpr std::size_t kDoorbell = 300;
  static constexpr Pipe::Terms kTerms{Direction::request, Urgency::invite, kDoorbell, 4};
  static constexpr Pipe::Terms kNoDoorbell{Direction::request, Urgency::invite, 0, 4};

  PipeTest() : PoolTest(std::size_t{8}) {}

  std::size_t payload() const { return pool.payload(); }
  std::size_t used() const {
    const PoolStats stats = pool.stats();
    return stats.used[0] + stats.used[1];
  }
  static std::string pattern(std::size_t n) {
    std::string text(n, '\0');
    for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>('a' + i % 23);
    return text;
  }
  static std::size_t write(Pipe& pipe, std::size_t n) { return pipe.write(bytes_of(pattern(n))); }
  static std::string take_all(Pipe& pipe) {
    std::string text;
    while (pipe.readable() > 0) text += text_of(pipe.take(pipe.readable()).bytes);
    return text;
  }

  Listener listener;
};

}  // namespace pool
