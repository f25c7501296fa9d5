#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "gateway/admin/streams.h"
#include "gateway/listener_group.h"

namespace gateway {

/// The `limit` live streams of a worker's clients that hold most memory, and how many there are in all. For
/// the worker's thread.
StreamSample sample_streams(std::span<const std::unique_ptr<ListenerGroup>> groups, std::size_t worker,
                            std::size_t limit, Time now);

}  // namespace gateway
