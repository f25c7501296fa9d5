#pragma once

#include <vector>

#include "gateway/stats.h"
#include "pool/pool_stats.h"

namespace gateway {

class Admission;

/// Who holds how much of the budget, as the pages print it. Nothing without an admission.
std::vector<Metric> memory_metrics(const Admission* admission, const pool::PoolStats& pool);

}  // namespace gateway
