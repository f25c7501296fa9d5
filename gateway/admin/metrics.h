#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/json.h"
#include "gateway/stats.h"

namespace gateway {

/// Appends `metrics` in Prometheus' text format 0.0.4, each name as gateway_<name>, counters with "_total".
void append_prometheus(std::string& text, std::span<const Metric> metrics);

/// gateway_info{version="..."} 1, as that format tells texts.
std::string prometheus_info(std::string_view version);

/// Adds `metrics` to the object that `writer` is in: a number, or an object by label values.
void write_metrics(JsonPageWriter& writer, std::span<const Metric> metrics);

}  // namespace gateway
