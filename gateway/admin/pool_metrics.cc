#include "gateway/admin/pool_metrics.h"

namespace gateway {
namespace {

// In the order of pool::Direction and pool::Urgency.
constexpr std::array<std::string_view, pool::kDirections> kDirectionNames = {"request", "response"};
constexpr std::array<std::string_view, pool::kUrgencies> kUrgencyNames = {"invite", "keep", "leave"};
constexpr std::array<std::string_view, 2> kThreadNames = {"own", "other"};

std::vector<std::int64_t> figures(std::span<const std::size_t> values) {
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> of_direction(const pool::PoolStats& stats, pool::Direction direction) {
  std::vector<std::int64_t> values;
  for (const auto& by_direction : stats.waiting_by_direction) {
    values.push_back(static_cast<std::int64_t>(by_direction[static_cast<std::size_t>(direction)]));
  }
  return values;
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
      one("pool_blocks_mapped", "Blocks that have addresses.", gauge, stats.mapped),
      one("pool_blocks_resident", "Blocks that have memory behind them.", gauge, stats.resident),
      one("pool_blocks_free", "Blocks that nobody uses.", gauge, stats.free),
      one("pool_blocks_cached", "Free blocks in the caches of workers.", gauge, stats.cached),
      {"pool_blocks_used", "Blocks held or granted, by direction of the body.", gauge, "direction",
       kDirectionNames, figures(stats.used)},
      {"pool_blocks_used_max", "The most blocks that were used at a time, by direction.", gauge, "direction",
       kDirectionNames, figures(stats.used_max)},
      {"pool_blocks_granted", "Of the used: given to a waiter that did not take it yet.", gauge, "direction",
       kDirectionNames, figures(stats.granted)},
      {"pool_blocks_promised", "Of the used: in a body's pipe without a byte yet, room that a peer may fill.",
       gauge, "direction", kDirectionNames, figures(stats.promised)},
      {"pool_blocks_filled", "Of the used: in a body's pipe with bytes.", gauge, "direction", kDirectionNames,
       figures(stats.filled)},
      {"pool_blocks_queued", "Of the used: on their way to a socket.", gauge, "direction", kDirectionNames,
       figures(stats.queued)},
      one("pool_blocks_slow", "Of the used: held by peers that move next to nothing while others wait.",
          gauge, stats.slow),
      {"pool_waiting", "Waiters for a block, by class.", gauge, "class", kUrgencyNames,
       figures(stats.waiting)},
      {"pool_waiting_requests", "Of these: for the body of a request.", gauge, "class", kUrgencyNames,
       of_direction(stats, pool::Direction::request)},
      {"pool_waiting_responses", "Of these: for the body of a response.", gauge, "class", kUrgencyNames,
       of_direction(stats, pool::Direction::response)},
      one("pool_acquired", "Blocks taken without waiting.", counter, stats.acquired),
      one("pool_subscribed", "Requests that had to wait for a block.", counter, stats.subscribed),
      one("pool_handed_over", "Blocks that went from a release to a waiter.", counter, stats.handed_over),
      one("pool_passed_on", "Blocks that a waiter no longer wanted.", counter, stats.passed_on),
      one("pool_cancelled", "Waiters that gave up.", counter, stats.cancelled),
      one("pool_woken", "Wake-ups of another worker.", counter, stats.woken),
      one("pool_refused", "Requests for a block at once that found none.", counter, stats.refused),
  };
}

std::vector<HistogramMetric> pool_histograms(const pool::PoolStats& stats) {
  return {
      {"pool_wait_seconds",
       "How long waiters waited until they had a block or gave up, by class.",
       "class",
       kUrgencyNames,
       {stats.waited.begin(), stats.waited.end()}},
      {"pool_hand_over_seconds",
       "From the release of a block to the waiter that has it, by whose thread released it.",
       "thread",
       kThreadNames,
       {stats.hand_over_own, stats.hand_over_other}},
  };
}

}  // namespace gateway
