#pragma once

#include "gateway/config.h"
#include "gateway/config_reader.h"

namespace gateway {

/// keep_alive of a [[listener]], whose protocols were read before.
void read_keep_alive_listener(TableReader& table, ListenerConfig& listener);
/// keep_alive of a [[cluster]], whose protocol was read before: the defaults where nothing is set.
void read_keep_alive_cluster(TableReader& table, ClusterConfig& cluster);

}  // namespace gateway
