#include "gateway/admin/pool_metrics.h"

namespace gateway {
namespace {

// In the order of pool::Direction and pool::Urgency.
constexpr std::array<std::string_view, pool::kDirections> kDirectionNames = {"request", "response"};
constexpr std::array<std::string_view, pool::kUrgencies> kUrgencyNames = {"invite", "keep", "leave"};

std::vector<std::int64_t> figures(std::span<const std::size_t> values) {
  return {values.begin(), values.end()};
}

Metric one(std::string_view name, std::string_view help, MetricType type, std::uint64_t value) {
  return {name, help, type, {}, {}, {static_cast<std::int64_t>(value)}};
}

}  // namespace

std::vector<Metric> pool_metrics(const pool::PoolStats& stats) {
  using enum MetricType;
  return {
      one("pool_block_size_bytes", "Bytes of one block.", gauge, stats.block_size),
      one("pool_blocks", "The cap on blocks.", gauge, stats.blocks),
      one("pool_blocks_mapped", "Blocks that have memory behind them.", gauge, stats.mapped),
      one("pool_blocks_free", "Blocks that nobody uses.", gauge, stats.free),
      one("pool_blocks_cached", "Free blocks in the caches of workers.", gauge, stats.cached),
      {"pool_blocks_used", "Blocks held or granted, by direction of the body.", gauge, "direction",
       kDirectionNames, figures(stats.used)},
      {"pool_blocks_used_max", "The most blocks that were used at a time, by direction.", gauge, "direction",
       kDirectionNames, figures(stats.used_max)},
      {"pool_waiting", "Waiters for a block, by class.", gauge, "class", kUrgencyNames,
       figures(stats.waiting)},
      one("pool_acquired", "Blocks taken without waiting.", counter, stats.acquired),
      one("pool_subscribed", "Requests that had to wait for a block.", counter, stats.subscribed),
      one("pool_handed_over", "Blocks that went from a release to a waiter.", counter, stats.handed_over),
      one("pool_passed_on", "Blocks that a waiter no longer wanted.", counter, stats.passed_on),
      one("pool_cancelled", "Waiters that gave up.", counter, stats.cancelled),
      one("pool_woken", "Wake-ups of another worker.", counter, stats.woken),
      one("pool_refused", "Requests for a block at once that found none.", counter, stats.refused),
  };
}

}  // namespace gateway
