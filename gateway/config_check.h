#pragma once

#include "gateway/config.h"

namespace gateway {

/// What no single key shows: names that are taken twice, routes without a cluster, clusters without a route
/// (a warning), files that cannot be read, keys that do not match their certificates. Leaves alone what is
/// empty, since its reader has spoken.
void check_config(const Config& config, Mistakes& mistakes);

/// Whether each address is free to listen on. An error for a gateway that is about to start; a warning where
/// the configuration is only looked at, since the program that holds the address may be the gateway that it
/// is for.
void check_ports(const Config& config, Mistake::Severity severity, Mistakes& mistakes);

}  // namespace gateway
