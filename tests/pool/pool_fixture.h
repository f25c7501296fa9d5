#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/buffer_pool.h"
#include "pool/local_pool.h"
#include "pool/pipe.h"
#include "pool/release_subscription.h"

namespace pool {

/// A waker that only counts.
struct CountingWaker final : Waker {
  void wake() noexcept override { ++count; }
  int count = 0;
};

/// A waiter that keeps what it gets.
struct Waiter final : ReleaseSubscription::Owner {
  Waiter(LocalPool& local, TurnGroup& group) : subscription(local, group, *this) {}
  void on_block(BlockRef block) override {
    ++calls;
    held.push_back(std::move(block));
  }
  void request(Urgency urgency = Urgency::invite, Direction direction = Direction::response) {
    subscription.request(urgency, direction);
  }

  int calls = 0;
  std::vector<BlockRef> held;
  ReleaseSubscription subscription;
};

/// The oracle: free + used = blocks, and no more used than the cap.
inline void expect_oracle(const BufferPool& pool) {
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.free + stats.used[0] + stats.used[1], stats.blocks);
  EXPECT_LE(stats.mapped, stats.blocks);
  for (std::size_t d = 0; d < kDirections; ++d) EXPECT_LE(stats.used[d], stats.used_max[d]);
}

/// Nobody holds or waits for anything.
inline void expect_all_back(const BufferPool& pool) {
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.free, stats.blocks);
  EXPECT_EQ(stats.used[0] + stats.used[1], 0U);
  for (std::size_t u = 0; u < kUrgencies; ++u) EXPECT_EQ(stats.waiting[u], 0U);
  EXPECT_FALSE(pool.under_pressure());
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One worker over a pool of small blocks; everything must be back when the test ends.
class PoolTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlock = PoolLimits::kMinBlockSize;

  explicit PoolTest(const PoolLimits& limits) : pool(limits) {}
  explicit PoolTest(std::size_t blocks) : PoolTest(PoolLimits{kBlock, blocks, 0, 0}) {}
  void TearDown() override {
    expect_oracle(pool);
    expect_all_back(pool);
  }

  /// Takes every block that the direction may have.
  std::vector<BlockRef> take_all(Direction direction = Direction::response) {
    std::vector<BlockRef> blocks;
    while (BlockRef block = local.try_acquire(direction)) blocks.push_back(std::move(block));
    return blocks;
  }

  CountingWaker waker;
  BufferPool pool;
  LocalPool local{pool, waker};
  TurnGroup group;
};

}  // namespace pool
