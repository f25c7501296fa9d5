#pragma once

#include <span>
#include <string>

namespace gateway {

struct ClusterPlan;

/// The page /endpoints, JSON: every endpoint of `clusters`, whether it is in use and why, what is under way
/// at it, and what its checks found.
std::string endpoints_json(std::span<const ClusterPlan> clusters);

/// Appends gateway_endpoint_up and gateway_endpoint_out in Prometheus' text format 0.0.4, by cluster and
/// endpoint. The labels are those of the configuration, so there are no more of them than it names.
void append_endpoint_metrics(std::string& text, std::span<const ClusterPlan> clusters);

}  // namespace gateway
