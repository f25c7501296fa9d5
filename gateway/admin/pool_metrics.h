#pragma once

#include <vector>

#include "gateway/admin/metrics.h"
#include "gateway/stats.h"
#include "pool/pool_stats.h"

namespace gateway {

/// The pool's figures as the pages print them.
std::vector<Metric> pool_metrics(const pool::PoolStats& stats);
/// How long waiters waited, and how long a block was on its way to one.
std::vector<HistogramMetric> pool_histograms(const pool::PoolStats& stats);

}  // namespace gateway
