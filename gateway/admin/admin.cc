#include "gateway/admin/admin.h"

#include "gateway/admin/applet.h"
#include "gateway/admin/endpoints.h"
#include "gateway/admin/memory_metrics.h"
#include "gateway/admin/metrics.h"
#include "gateway/admin/pool_metrics.h"
#include "gateway/admin/streams.h"
#include "gateway/exchange.h"
#include "gateway/json.h"
#include "gateway/stats.h"
#include "gateway/upstream/cluster.h"
#include "pool/buffer_pool.h"

namespace gateway {
namespace {

constexpr std::string_view kIndex =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><title>gateway</title></head><body><h1>gateway</h1><ul>\n"
    "<li><a href=\"/healthz\">/healthz</a> whether the process turns</li>\n"
    "<li><a href=\"/readyz\">/readyz</a> whether it takes new requests</li>\n"
    "<li><a href=\"/stats.json\">/stats.json</a> counters and gauges</li>\n"
    "<li><a href=\"/metrics\">/metrics</a> the same for Prometheus, with the pool's</li>\n"
    "<li><a href=\"/pool\">/pool</a> blocks, what they are used for, and who waits for them</li>\n"
    "<li><a href=\"/streams\">/streams</a> who holds them, and why they do not go on</li>\n"
    "<li><a href=\"/endpoints\">/endpoints</a> which are in use, and why others are not</li>\n"
    "</ul></body></html>\n";

Page ready_page(bool draining) {
  if (draining) return {.status = 503, .body = "draining\n", .fields = {}};
  return {.body = "ready\n", .fields = {}};
}

/// What the process as a whole tells: the two pages of figures begin with it.
std::vector<Metric> process_metrics(const AdminContext& context) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  const auto now = std::chrono::system_clock::now();
  const std::int64_t started = duration_cast<seconds>(context.started.time_since_epoch()).count();
  const std::int64_t uptime = duration_cast<seconds>(now - context.started).count();
  using enum MetricType;
  return {
      {"start_time_seconds", "When the process started, in Unix time.", gauge, {}, {}, {started}},
      {"uptime_seconds", "How long it has been running.", gauge, {}, {}, {uptime}},
      {"workers", "Worker threads.", gauge, {}, {}, {static_cast<std::int64_t>(context.stats.workers())}},
      {"draining",
       "1 while it finishes what it has accepted and takes no more.",
       gauge,
       {},
       {},
       {context.draining ? 1 : 0}},
  };
}

Page json_page(const AdminContext& context, std::initializer_list<std::vector<Metric>> parts,
               std::span<const HistogramMetric> histograms = {}) {
  rapidjson::StringBuffer buffer;
  JsonPageWriter writer(buffer);
  writer.SetIndent(' ', 2);
  writer.SetMaxDecimalPlaces(6);
  writer.StartObject();
  write_json(writer, "version", context.version);
  for (const std::vector<Metric>& metrics : parts) write_metrics(writer, metrics);
  write_metrics(writer, histograms);
  writer.EndObject();
  buffer.Put('\n');
  return {.type = "application/json", .body = {buffer.GetString(), buffer.GetSize()}, .fields = {}};
}

// All of a shortage on one page: what the pool has and what the workers did about it.
Page pool_page(const AdminContext& context) {
  const pool::PoolStats pool = context.pool.stats();
  std::vector<Metric> metrics = pool_metrics(pool);
  for (Metric& metric : context.stats.snapshot().metrics) {
    if (metric.name == "evictions") metrics.push_back(std::move(metric));
  }
  return json_page(context, {std::move(metrics)}, pool_histograms(pool));
}

std::span<const ClusterPlan> clusters_of(const AdminContext& context) {
  if (context.clusters == nullptr) return {};
  return *context.clusters;
}

Page metrics_page(const AdminContext& context) {
  std::string text = prometheus_info(context.version);
  append_prometheus(text, process_metrics(context));
  append_prometheus(text, context.stats.snapshot().metrics);
  const pool::PoolStats pool = context.pool.stats();
  append_prometheus(text, pool_metrics(pool));
  append_prometheus(text, pool_histograms(pool));
  append_prometheus(text, memory_metrics(context.admission, pool));
  append_endpoint_metrics(text, clusters_of(context));
  return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text), .fields = {}};
}

Page find_page(std::string_view path, const AdminContext& context) {
  if (path == "/") return {.type = "text/html; charset=utf-8", .body = std::string(kIndex), .fields = {}};
  if (path == "/healthz") return {.body = "ok\n", .fields = {}};
  if (path == "/readyz") return ready_page(context.draining);
  if (path == "/stats.json") {
    return json_page(context, {process_metrics(context), context.stats.snapshot().metrics,
                               memory_metrics(context.admission, context.pool.stats())});
  }
  if (path == "/metrics") return metrics_page(context);
  if (path == "/pool") return pool_page(context);
  if (path == "/endpoints") {
    return {.type = "application/json", .body = endpoints_json(clusters_of(context)), .fields = {}};
  }
  return {.status = 404, .body = "404 no such page; / lists them\n", .fields = {}};
}

Page refuse_method() {
  Page page{.status = 405, .body = "405 these pages are for GET and HEAD\n", .fields = {}};
  page.fields.add("allow", "GET, HEAD");
  return page;
}

}  // namespace

std::unique_ptr<Backend> make_admin_applet(const Exchange& exchange, TurnEnd& turn_end,
                                           EventLoop& loop, const AdminContext& context) {
  const std::string_view method = exchange.request().get(":method");
  const std::string_view path = path_of(exchange.request().get(":path"));
  const bool is_allowed = method == "GET" || method == "HEAD";
  if (is_allowed && path == "/streams" && context.streams != nullptr) {
    return make_streams_applet(turn_end, loop, *context.streams);
  }
  Page page = is_allowed ? find_page(path, context) : refuse_method();
  page.fields.add("cache-control", "no-store");
  return make_page_applet(turn_end, "admin", std::move(page));
}

}  // namespace gateway
