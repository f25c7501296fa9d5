#pragma once

#include <vector>

#include "gateway/stats.h"
#include "pool/pool_stats.h"

namespace gateway {

/// The pool's figures as the pages print them.
std::vector<Metric> pool_metrics(const pool::PoolStats& stats);

}  // namespace gateway
