#include "gateway/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gateway/config_file.h"
#include "gateway/config_tree.h"
#include "gateway/log.h"
#include "gateway/memory_keeper.h"

namespace gateway {
namespace {

bool same_value(const ConfigNode& a, const ConfigNode& b);

bool same_table(const ConfigNode::Table& a, const ConfigNode::Table& b) {
  return a.size() == b.size() && std::ranges::all_of(a, [&](const ConfigNode::Entry& entry) {
           const auto other = std::ranges::find(b, entry.key, &ConfigNode::Entry::key);
           return other != b.end() && same_value(entry.node, other->node);
         });
}

// Wherever it stands in its file.
bool same_value(const ConfigNode& a, const ConfigNode& b) {
  if (a.value.index() != b.value.index()) return false;
  if (const auto* table = std::get_if<ConfigNode::Table>(&a.value)) {
    return same_table(*table, std::get<ConfigNode::Table>(b.value));
  }
  if (const auto* array = std::get_if<ConfigNode::Array>(&a.value)) {
    return std::ranges::equal(*array, std::get<ConfigNode::Array>(b.value), same_value);
  }
  if (const auto* text = std::get_if<std::string>(&a.value)) return *text == std::get<std::string>(b.value);
  if (const auto* whole = std::get_if<std::int64_t>(&a.value))
    return *whole == std::get<std::int64_t>(b.value);
  if (const auto* flag = std::get_if<bool>(&a.value)) return *flag == std::get<bool>(b.value);
  return true;
}

bool same(const ConfigNode* a, const ConfigNode* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return same_value(*a, *b);
}

/// The keys of the document that differ, without [memory].
std::vector<std::string> changed_keys(const ConfigNode& before, const ConfigNode& now) {
  std::vector<std::string> changed;
  for (const ConfigNode* document : {&before, &now}) {
    for (const ConfigNode::Entry& entry : std::get<ConfigNode::Table>(document->value)) {
      if (entry.key == "memory" || std::ranges::count(changed, entry.key) != 0) continue;
      if (!same(before.find(entry.key), now.find(entry.key))) changed.push_back(entry.key);
    }
  }
  std::ranges::sort(changed);
  return changed;
}

void tell_what_needs_a_restart(const Config& running, const Config& now, Log& log) {
  Mistakes none;
  const auto before = parse_config_tree(running.text, running.source, none);
  const auto after = parse_config_tree(now.text, now.source, none);
  if (!before || !after) return;
  std::vector<std::string> changed = changed_keys(*before, *after);
  if (now.memory.block_size != running.memory.block_size) changed.emplace_back("memory.block_size");
  if (!changed.empty())
    log.warning("config", "{}: needs a restart: {}", now.source, fmt::join(changed, ", "));
}

}  // namespace

void reload(const Config& running, MemoryKeeper& memory, Log& log) {
  if (running.text.empty()) {
    return log.warning("config", "SIGHUP: there is no configuration file to read again");
  }
  const LoadedConfig loaded = load_config(running.source);
  for (const Mistake& mistake : loaded.mistakes.all()) {
    if (mistake.severity == Mistake::Severity::error) log.error("config", "{}", mistake.to_string());
  }
  if (!loaded.config) return log.error("config", "{}: nothing is changed", running.source);
  log.info("config", "{}: read again", running.source);
  // Blocks of another size make another pool: the new number of blocks belongs to it.
  if (loaded.config->memory.block_size == running.memory.block_size) memory.apply(loaded.config->memory);
  tell_what_needs_a_restart(running, *loaded.config, log);
}

}  // namespace gateway
