#include "gateway/config_health.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/config_values.h"

namespace gateway {
namespace {

constexpr std::int64_t kMostInARow = 100;
constexpr std::size_t kLongestHost = 259;  // a name (RFC 1035 §2.3.4) and a port
constexpr std::size_t kLongestPath = 2048;

/// Bytes that may stand in a request's target: what is printable, without blanks.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void read_path(TableReader& table, std::string& path) {
  std::string text;
  if (!table.string("path", text)) return;
  if (!text.starts_with('/')) {
    table.wrong("path", fmt::format("is \"{0}\", which does not begin with a slash; write \"/{0}\"", text));
  } else if (!is_printable(text) || text.find('#') != std::string::npos || text.size() > kLongestPath) {
    table.wrong("path", fmt::format("is \"{}\"; it must be up to {} printable characters without blanks and "
                                    "'#', like \"/healthz\"",
                                    text, kLongestPath));
  } else {
    path = std::move(text);
  }
}

void read_host(TableReader& table, std::string& host) {
  std::string text;
  if (!table.string("host", text)) return;
  if (!is_printable(text) || text.find_first_of("/?#@\\") != std::string::npos ||
      text.size() > kLongestHost) {
    table.wrong("host", fmt::format("is \"{}\"; it must be a host name, with a port if need be, like "
                                    "\"app.internal\" or \"app.internal:8080\"",
                                    text));
  } else {
    host = std::move(text);
  }
}

}  // namespace

std::optional<HealthConfig> read_health(TableReader& cluster) {
  const ConfigNode* node = cluster.table("health");
  if (node == nullptr) return std::nullopt;
  TableReader table(cluster.reading(), *node, cluster.full("health"));
  HealthConfig health;
  using Zero = TableReader::Zero;
  read_path(table, health.path);
  const bool right =
      table.duration("interval", Zero::no, health.interval) || table.ask("interval") == nullptr;
  table.duration("timeout", Zero::no, health.timeout);
  if (right && health.timeout > health.interval) {
    // A default that an interval makes too long gives way; what was written does not.
    if (table.ask("timeout") != nullptr) {
      table.wrong("timeout",
                  fmt::format("is \"{}\", longer than {} \"{}\"; a check ends before the next begins",
                              format_duration(health.timeout), table.full("interval"),
                              format_duration(health.interval)));
    }
    health.timeout = health.interval;
  }
  table.integer("healthy", 1, kMostInARow, health.healthy);
  table.integer("unhealthy", 1, kMostInARow, health.unhealthy);
  read_host(table, health.host);
  table.finish();
  return health;
}

}  // namespace gateway
