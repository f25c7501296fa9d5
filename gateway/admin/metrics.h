#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/json.h"
#include "gateway/stats.h"
#include "pool/histogram.h"

namespace gateway {

/// Appends `metrics` in Prometheus' text format 0.0.4, each name as gateway_<name>, counters with "_total".
void append_prometheus(std::string& text, std::span<const Metric> metrics);

/// How long something took, by one label. Its texts are constants.
struct HistogramMetric {
  std::string_view name;  // without prefix; ends with "_seconds"
  std::string_view help;
  std::string_view label;
  std::span<const std::string_view> label_values;
  std::vector<pool::HistogramCounts> values;  // by label value
};

/// The same for histograms: cumulative buckets up to +Inf, _sum and _count.
void append_prometheus(std::string& text, std::span<const HistogramMetric> metrics);

/// gateway_info{version="..."} 1, as that format tells texts.
std::string prometheus_info(std::string_view version);

/// Adds `metrics` to the object that `writer` is in: a number, or an object by label values.
void write_metrics(JsonPageWriter& writer, std::span<const Metric> metrics);
/// An object by label values: count, median, p99 and mean in milliseconds, and the buckets that are not empty
/// by their bounds.
void write_metrics(JsonPageWriter& writer, std::span<const HistogramMetric> metrics);

}  // namespace gateway
