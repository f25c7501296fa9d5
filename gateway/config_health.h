#pragma once

#include <optional>

#include "gateway/config.h"
#include "gateway/config_reader.h"

namespace gateway {

/// [cluster.health] of the cluster that `cluster` reads; nothing when it is absent.
std::optional<HealthConfig> read_health(TableReader& cluster);

}  // namespace gateway
