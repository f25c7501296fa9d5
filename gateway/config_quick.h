#pragma once

#include <string>
#include <vector>

#include "gateway/config_file.h"

namespace gateway {

/// A gateway in one line: `gateway run --listen URL --to URL`.
struct QuickOptions {
  std::string listen;           // https://ADDRESS or h2c://ADDRESS
  std::vector<std::string> to;  // http://, h2c:// or https:// HOST[:PORT], the endpoints of one cluster
  std::string certificate;      // for https in front
  std::string key;
};

/// One listener, one cluster "app", one route for everything, defaults for the rest. Checked as a file's
/// configuration is; the places of mistakes are the options' names. https behind is h2 over TLS, verified
/// against the system's store.
LoadedConfig quick_config(const QuickOptions& options);

}  // namespace gateway
