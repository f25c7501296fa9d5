#pragma once

#include <string>

#include "gateway/config.h"

namespace gateway {

/// What a configuration makes of the gateway, a few lines for a person: listeners, clusters, routes, and the
/// memory that it commits to. Each line ends with a line break.
std::string config_summary(const Config& config);

}  // namespace gateway
