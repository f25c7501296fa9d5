#include "gateway/admin/endpoints.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <string_view>

#include "gateway/config.h"
#include "gateway/json.h"
#include "gateway/upstream/cluster.h"

namespace gateway {
namespace {

std::int64_t milliseconds(EndpointHealth::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string_view state_of(const EndpointHealth::View& view) {
  if (!view.up) return "down";
  return view.out ? "out" : "up";
}

void write_checks(JsonPageWriter& writer, const EndpointHealth::View& view) {
  writer.StartObject();
  for (std::size_t i = 0; i < kCheckResults; ++i) {
    write_json_key(writer, to_string(static_cast<CheckResult>(i)));
    writer.Uint64(view.checks[i]);
  }
  writer.Key("good_in_a_row");
  writer.Uint(view.good_in_a_row);
  writer.Key("failed_in_a_row");
  writer.Uint(view.bad_in_a_row);
  writer.EndObject();
}

void write_endpoint(JsonPageWriter& writer, const ClusterPlan& cluster, const EndpointHealth& health) {
  const EndpointHealth::View view = health.view(std::chrono::steady_clock::now());
  writer.StartObject();
  write_json(writer, "cluster", cluster.config.name);
  write_json(writer, "endpoint", health.name());
  write_json(writer, "protocol", to_string(cluster.config.protocol));
  write_json(writer, "state", state_of(view));
  write_json(writer, "why", view.why);
  writer.Key("for_ms");
  writer.Int64(milliseconds(view.lasting));
  writer.Key("trial_in_ms");
  view.out ? writer.Int64(milliseconds(view.until_trial)) : writer.Null();
  writer.Key("active");
  writer.Int64(view.active);
  writer.Key("connect_failures");
  writer.Uint(view.connect_failures);
  writer.Key("checks");
  cluster.config.health ? write_checks(writer, view) : static_cast<void>(writer.Null());
  writer.EndObject();
}

/// A label's value may hold any text with these three escaped.
std::string escape_label(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

template <typename Value>
void append_gauge(std::string& text, std::string_view name, std::string_view help,
                  std::span<const ClusterPlan> clusters, Value value) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
  for (const ClusterPlan& cluster : clusters) {
    for (const auto& health : cluster.health) {
      fmt::format_to(out, "{}{{cluster=\"{}\",endpoint=\"{}\"}} {}\n", name,
                     escape_label(cluster.config.name), escape_label(health->name()), value(*health) ? 1 : 0);
    }
  }
}

}  // namespace

std::string endpoints_json(std::span<const ClusterPlan> clusters) {
  rapidjson::StringBuffer buffer;
  JsonPageWriter writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  writer.Key("endpoints");
  writer.StartArray();
  for (const ClusterPlan& cluster : clusters) {
    for (const auto& health : cluster.health) write_endpoint(writer, cluster, *health);
  }
  writer.EndArray();
  writer.EndObject();
  buffer.Put('\n');
  return {buffer.GetString(), buffer.GetSize()};
}

void append_endpoint_metrics(std::string& text, std::span<const ClusterPlan> clusters) {
  append_gauge(text, "gateway_endpoint_up", "1 unless the health checks of the endpoint found it down.",
               clusters, [](const EndpointHealth& health) { return health.up(); });
  append_gauge(text, "gateway_endpoint_out",
               "1 while the endpoint is left out because connects to it failed.", clusters,
               [](const EndpointHealth& health) { return health.out(); });
}

}  // namespace gateway
