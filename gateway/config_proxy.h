#pragma once

#include "gateway/config.h"
#include "gateway/config_reader.h"

namespace gateway {

/// proxy_protocol and trusted of a [[listener]], whose address was read before.
void read_proxy_listener(TableReader& table, ListenerConfig& listener);
/// proxy_protocol of a [[cluster]], whose protocol and TLS were read before.
void read_proxy_cluster(TableReader& table, ClusterConfig& cluster);

}  // namespace gateway
