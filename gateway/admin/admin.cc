#include "gateway/admin/admin.h"

#include "gateway/admin/applet.h"
#include "gateway/admin/metrics.h"
#include "gateway/admin/pool_metrics.h"
#include "gateway/exchange.h"
#include "gateway/json.h"
#include "gateway/stats.h"
#include "pool/buffer_pool.h"

namespace gateway {
namespace {

constexpr std::string_view kIndex =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><title>gateway</title></head><body><h1>gateway</h1><ul>\n"
    "<li><a href=\"/healthz\">/healthz</a> whether the process turns</li>\n"
    "<li><a href=\"/readyz\">/readyz</a> whether it takes new requests</li>\n"
    "<li><a href=\"/stats.json\">/stats.json</a> counters and gauges</li>\n"
    "<li><a href=\"/metrics\">/metrics</a> the same for Prometheus, with the pool's</li>\n"
    "<li><a href=\"/pool\">/pool</a> blocks, and who waits for them</li>\n"
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

Page json_page(const AdminContext& context, std::initializer_list<std::vector<Metric>> parts) {
  rapidjson::StringBuffer buffer;
  JsonPageWriter writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  write_json(writer, "version", context.version);
  for (const std::vector<Metric>& metrics : parts) write_metrics(writer, metrics);
  writer.EndObject();
  buffer.Put('\n');
  return {.type = "application/json", .body = {buffer.GetString(), buffer.GetSize()}, .fields = {}};
}

Page metrics_page(const AdminContext& context) {
  std::string text = prometheus_info(context.version);
  append_prometheus(text, process_metrics(context));
  append_prometheus(text, context.stats.snapshot().metrics);
  append_prometheus(text, pool_metrics(context.pool.stats()));
  return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text), .fields = {}};
}

Page find_page(std::string_view path, const AdminContext& context) {
  if (path == "/") return {.type = "text/html; charset=utf-8", .body = std::string(kIndex), .fields = {}};
  if (path == "/healthz") return {.body = "ok\n", .fields = {}};
  if (path == "/readyz") return ready_page(context.draining);
  if (path == "/stats.json") {
    return json_page(context, {process_metrics(context), context.stats.snapshot().metrics});
  }
  if (path == "/metrics") return metrics_page(context);
  if (path == "/pool") return json_page(context, {pool_metrics(context.pool.stats())});
  return {.status = 404, .body = "404 no such page; / lists them\n", .fields = {}};
}

Page refuse_method() {
  Page page{.status = 405, .body = "405 these pages are for GET and HEAD\n", .fields = {}};
  page.fields.add("allow", "GET, HEAD");
  return page;
}

}  // namespace

std::unique_ptr<Backend> make_admin_applet(const Exchange& exchange, TurnEnd& turn_end,
                                           const AdminContext& context) {
  const std::string_view method = exchange.request().get(":method");
  Page page = method == "GET" || method == "HEAD"
                  ? find_page(path_of(exchange.request().get(":path")), context)
                  : refuse_method();
  page.fields.add("cache-control", "no-store");
  return make_page_applet(turn_end, "admin", std::move(page));
}

}  // namespace gateway
