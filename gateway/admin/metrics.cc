#include "gateway/admin/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace gateway {

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

}  // namespace gateway
