#include "gateway/config_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gateway/config_check.h"
#include "gateway/config_reader.h"
#include "gateway/config_services.h"
#include "gateway/config_values.h"

namespace gateway {

namespace {

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kTiB = 1ULL << 40;

// True if the key is absent or right, so that a check over several keys does not blame one for another's
// mistake.
template <typename Read>
bool absent_or_right(TableReader& table, std::string_view key, Read read) {
  return read() || table.ask(key) == nullptr;
}

// A knob for tests.
void read_shortage(TableReader& memory, pool::Shortage& shortage) {
  std::string text;
  if (!memory.string("shortage", text)) return;
  if (const auto parsed = parse_shortage(text)) {
    shortage = *parsed;
  } else {
    memory.wrong("shortage",
                 fmt::format("is \"{}\"; it must be \"none\", \"every 3\" or \"random 0.33 seed 7\"", text));
  }
}

void check_fit(TableReader& table, bool right, bool set, const MemoryConfig& memory) {
  const std::uint64_t fit = (memory.budget - kLeastBesideBlocks) / memory.block_size;
  if (!right || memory.blocks <= fit) return;
  const std::string rest = format_size(kLeastBesideBlocks);
  if (!set) {
    return table.wrong("block_size", fmt::format("is {}, but memory.budget is {}, of which {} are for everything else: "
                                                 "not one block fits",
                                                 format_size(memory.block_size), format_size(memory.budget), rest));
  }
  table.wrong("blocks",
              fmt::format("is {}, but {} blocks of {} need {} and memory.budget is {}, of which {} are for everything "
                          "else: the budget is too small for the blocks; at most {} would fit",
                          memory.blocks, memory.blocks, format_size(memory.block_size),
                          format_size(memory.blocks * memory.block_size), format_size(memory.budget), rest, fit));
}

void read_memory(TableReader& document, Config& config) {
  MemoryConfig& memory = config.memory;
  memory.blocks = default_blocks(memory.budget, memory.block_size);
  const ConfigNode* node = document.table("memory");
  if (node == nullptr) return;
  TableReader table(document.reading(), *node, "memory");
  bool right =
      absent_or_right(table, "budget", [&] { return table.size("budget", kMiB, kTiB, memory.budget); });
  right &= absent_or_right(table, "block_size",
                           [&] { return table.size("block_size", 4 * kKiB, kMiB, memory.block_size); });
  if (memory.block_size % kKiB != 0) {
    table.wrong("block_size",
                fmt::format("is {}; it must be a multiple of 1KiB, like \"{}\"",
                            format_size(memory.block_size), format_size(memory.block_size / kKiB * kKiB)));
    right = false;
  }
  constexpr std::int64_t kMostBlocks = 1LL << 28;
  const bool set = table.integer("blocks", 1, kMostBlocks, memory.blocks);
  if (!set) memory.blocks = default_blocks(memory.budget, memory.block_size);
  check_fit(table, right, set, memory);
  read_shortage(table, memory.shortage);
  table.finish();
}

void read_timeouts(TableReader& document, TimeoutsConfig& timeouts) {
  using Zero = TableReader::Zero;
  const ConfigNode* node = document.table("timeouts");
  if (node == nullptr) return;
  TableReader table(document.reading(), *node, "timeouts");
  table.duration("tls_handshake", Zero::no, timeouts.tls_handshake);
  table.duration("request_header", Zero::no, timeouts.request_header);
  table.duration("connect", Zero::no, timeouts.connect);
  table.duration("response_header", Zero::no, timeouts.response_header);
  table.duration("stream_idle", Zero::means_off, timeouts.stream_idle);
  table.duration("tunnel_idle", Zero::means_off, timeouts.tunnel_idle);
  table.duration("connection_idle", Zero::means_off, timeouts.connection_idle);
  table.duration("stall", Zero::means_off, timeouts.stall);
  table.duration("drain", Zero::no, timeouts.drain);
  table.finish();
}

void read_limits(TableReader& document, LimitsConfig& limits) {
  const ConfigNode* node = document.table("limits");
  if (node == nullptr) return;
  TableReader table(document.reading(), *node, "limits");
  table.size("max_header_bytes", kKiB, kMiB, limits.max_header_bytes);
  table.integer("max_header_fields", 10, 10'000, limits.max_header_fields);
  constexpr std::int64_t kMostPerSecond = 1'000'000;
  h2::AbuseLimits& abuse = limits.abuse;
  table.integer("resets_per_second", 1, kMostPerSecond, abuse.resets_per_second);
  table.integer("provoked_resets_per_second", 1, kMostPerSecond, abuse.provoked_resets_per_second);
  table.integer("pings_per_second", 1, kMostPerSecond, abuse.pings_per_second);
  table.integer("settings_per_second", 1, kMostPerSecond, abuse.settings_per_second);
  table.integer("empty_frames_per_second", 1, kMostPerSecond, abuse.empty_frames_per_second);
  table.integer("window_updates_per_second", 1, kMostPerSecond, abuse.window_updates_per_second);
  table.integer("continuations", 1, 1'000, abuse.continuations);
  table.finish();
}

void read_log(TableReader& document, LogConfig& log) {
  const ConfigNode* node = document.table("log");
  if (node == nullptr) return;
  TableReader table(document.reading(), *node, "log");
  log.access_place = table.place("access");
  if (table.string("access", log.access) && log.access != "off" && log.access != "stdout") {
    log.access = absolute_path(log.access, table.reading().directory);
  }
  constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};
  std::size_t level = 0;
  if (table.choice("level", kLevels, level)) log.level = *parse_log_level(kLevels[level]);
  table.finish();
}

Config read_document(ConfigReading& reading, const ConfigNode& root) {
  Config config;
  config.workers = default_workers();
  TableReader document(reading, root, "");
  document.integer("workers", 1, 256, config.workers);
  document.duration("busy_poll", TableReader::Zero::means_off, config.busy_poll);
  read_memory(document, config);
  read_listeners(document, config);
  read_clusters(document, config);
  read_routes(document, config);
  read_timeouts(document, config.timeouts);
  read_limits(document, config.limits);
  read_admin(document, config);
  read_log(document, config.log);
  document.finish();
  return config;
}

std::optional<std::string> read_file(const std::string& file, Mistakes& mistakes) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(file, ignored);
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (directory || !stream || (stream.peek() != EOF && !(text << stream.rdbuf()))) {
    mistakes.error({file},
                   fmt::format("cannot be read: {}; --config names a TOML file, like conf/gateway.toml",
                               std::strerror(directory ? EISDIR : errno)));
    return std::nullopt;
  }
  return std::move(text).str();
}

}  // namespace

LoadedConfig load_config(const std::string& file) {
  LoadedConfig result;
  const auto text = read_file(file, result.mistakes);
  return text ? read_config(*text, file) : result;
}

LoadedConfig read_config(std::string_view text, const std::string& file) {
  LoadedConfig result;
  const auto root = parse_config_tree(text, file, result.mistakes);
  if (!root) return result;
  ConfigReading reading{std::filesystem::absolute(file).parent_path().string(), result.mistakes, {}};
  Config config = read_document(reading, *root);
  config.source = file;
  config.text = text;
  check_config(config, result.mistakes);
  if (!result.mistakes.has_errors()) result.config = std::move(config);
  return result;
}

std::vector<std::string> config_keys() {
  // Each table once, all of them empty: the readers ask for every key.
  constexpr std::string_view kTables =
      "[[listener]]\ntls = {}\nkeep_alive = {}\n[[cluster]]\ntls = {}\nhealth = {}\nkeep_alive = "
      "{}\n[[route]]\n[memory]\n[timeouts]\n[limits]\n[admin]\n[log]\n";
  Mistakes mistakes;
  const auto root = parse_config_tree(kTables, "", mistakes);
  ConfigReading reading{"", mistakes, {}};
  read_document(reading, *root);
  std::vector<std::string> keys;
  for (auto key = reading.asked.begin(); key != reading.asked.end(); ++key) {
    const auto next = std::next(key);  // a table's name is followed by its keys
    if (next == reading.asked.end() || !next->starts_with(*key + ".")) keys.push_back(*key);
  }
  return keys;
}

}  // namespace gateway
