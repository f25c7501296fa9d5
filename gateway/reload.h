#pragma once

#include "gateway/config.h"

namespace gateway {

class Log;
class MemoryKeeper;

/// Reads the file of `running` again and applies what can change while the gateway runs: memory.budget and
/// memory.blocks. Tells the log what it applied, and which other keys differ from what runs: they need a
/// restart. With a mistake in the file nothing changes, and the log has each mistake with its place.
void reload(const Config& running, MemoryKeeper& memory, Log& log);

}  // namespace gateway
