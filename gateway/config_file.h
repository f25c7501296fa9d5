#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.h"

namespace gateway {

/// What came of reading a configuration.
struct LoadedConfig {
  std::optional<Config> config;  // none if there was an error; warnings do not prevent it
  Mistakes mistakes;
};

/// Reads and checks the TOML file: its keys and values, and what check_config() checks. Opens the files that
/// it names, but no socket. All mistakes are collected.
LoadedConfig load_config(const std::string& file);
/// The same for a text; `file` is the name for places, relative paths start at its directory.
LoadedConfig read_config(std::string_view text, const std::string& file);

/// Every key that a file may have, sorted: "cluster.endpoints", "memory.budget", "workers"… Found by asking
/// the readers, so it is never out of date.
std::vector<std::string> config_keys();

}  // namespace gateway
