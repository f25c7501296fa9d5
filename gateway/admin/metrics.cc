#include "gateway/admin/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace gateway {
namespace {

double seconds(pool::Ticks ticks) {
  return static_cast<double>(ticks) / 1e9;
}

void write_milliseconds(JsonPageWriter& writer, std::string_view key, double seconds) {
  write_json_key(writer, key);
  writer.Double(seconds * 1000);
}

void write_histogram(JsonPageWriter& writer, const pool::HistogramCounts& histogram) {
  const std::uint64_t total = histogram.total();
  writer.StartObject();
  writer.Key("count");
  writer.Uint64(total);
  write_milliseconds(writer, "median_ms", seconds(histogram.quantile(0.5)));
  write_milliseconds(writer, "p99_ms", seconds(histogram.quantile(0.99)));
  write_milliseconds(writer, "mean_ms", total == 0 ? 0 : seconds(histogram.sum) / static_cast<double>(total));
  writer.Key("up_to_ms");
  writer.StartObject();
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    if (histogram.counts[i] == 0) continue;
    const bool is_last = i == histogram.kBounds;
    write_json_key(writer, is_last ? "inf" : fmt::format("{:g}", seconds(histogram.bound(i)) * 1000));
    writer.Uint64(histogram.counts[i]);
  }
  writer.EndObject();
  writer.EndObject();
}

}  // namespace

void append_prometheus(std::string& text, std::span<const Metric> metrics) {
  const auto out = std::back_inserter(text);
  for (const Metric& metric : metrics) {
    const bool is_counter = metric.type == MetricType::counter;
    const std::string name = fmt::format("gateway_{}{}", metric.name, is_counter ? "_total" : "");
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, metric.help, name,
                   is_counter ? "counter" : "gauge");
    for (std::size_t i = 0; i < metric.values.size(); ++i) {
      if (metric.label.empty()) {
        fmt::format_to(out, "{} {}\n", name, metric.values[i]);
      } else {
        fmt::format_to(out, "{}{{{}=\"{}\"}} {}\n", name, metric.label, metric.label_values[i],
                       metric.values[i]);
      }
    }
  }
}

void append_prometheus(std::string& text, std::span<const HistogramMetric> metrics) {
  const auto out = std::back_inserter(text);
  for (const HistogramMetric& metric : metrics) {
    fmt::format_to(out, "# HELP gateway_{} {}\n# TYPE gateway_{} histogram\n", metric.name, metric.help,
                   metric.name);
    for (std::size_t v = 0; v < metric.values.size(); ++v) {
      const pool::HistogramCounts& histogram = metric.values[v];
      const std::string label = fmt::format("{}=\"{}\"", metric.label, metric.label_values[v]);
      std::uint64_t up_to = 0;
      for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        up_to += histogram.counts[i];
        const std::string le =
            i < histogram.kBounds ? fmt::format("{:.6f}", seconds(histogram.bound(i))) : "+Inf";
        fmt::format_to(out, "gateway_{}_bucket{{{},le=\"{}\"}} {}\n", metric.name, label, le, up_to);
      }
      fmt::format_to(out, "gateway_{0}_sum{{{1}}} {2:.9f}\ngateway_{0}_count{{{1}}} {3}\n", metric.name,
                     label, seconds(histogram.sum), up_to);
    }
  }
}

std::string prometheus_info(std::string_view version) {
  return fmt::format(
      "# HELP gateway_info The program that runs.\n# TYPE gateway_info gauge\ngateway_info{{version=\"{}\"}} "
      "1\n",
      version);
}

void write_metrics(JsonPageWriter& writer, std::span<const Metric> metrics) {
  for (const Metric& metric : metrics) {
    write_json_key(writer, metric.name);
    if (metric.label.empty()) {
      writer.Int64(metric.values.front());
      continue;
    }
    writer.StartObject();
    for (std::size_t i = 0; i < metric.values.size(); ++i) {
      write_json_key(writer, metric.label_values[i]);
      writer.Int64(metric.values[i]);
    }
    writer.EndObject();
  }
}

void write_metrics(JsonPageWriter& writer, std::span<const HistogramMetric> metrics) {
  for (const HistogramMetric& metric : metrics) {
    write_json_key(writer, metric.name.substr(0, metric.name.rfind("_seconds")));
    writer.StartObject();
    for (std::size_t v = 0; v < metric.values.size(); ++v) {
      write_json_key(writer, metric.label_values[v]);
      write_histogram(writer, metric.values[v]);
    }
    writer.EndObject();
  }
}

}  // namespace gateway
