#pragma once

#include "gateway/config.h"
#include "gateway/config_reader.h"

namespace gateway {

// The tables of a configuration that say who is served and by whom. An entry that has a mistake is added all
// the same, with what was right in it: the checks of the whole leave alone what is empty.

/// [[listener]]
void read_listeners(TableReader& document, Config& config);
/// [[cluster]]
void read_clusters(TableReader& document, Config& config);
/// [[route]]
void read_routes(TableReader& document, Config& config);
/// [admin]
void read_admin(TableReader& document, Config& config);

}  // namespace gateway
