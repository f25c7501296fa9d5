#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gateway/admission.h"
#include "gateway/config.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"
#include "gateway/stats.h"
#include "pool/buffer_pool.h"

namespace gateway {

/// Keeps the process inside its budget over time: measures what is resident and tells Admission what the
/// ledger cannot know, gives idle memory back to the kernel, follows a changed budget, and tells the log when
/// memory begins and ceases to be short. Confined to the server's thread.
class MemoryKeeper {
 public:
  struct Parts {  // outlive it
    EventLoop& loop;
    Log& log;
    pool::BufferPool& pool;
    const Stats& stats;
    Admission& admission;
  };

  MemoryKeeper(const Parts& parts, const MemoryConfig& memory);

  /// What is there now, with a stack for each of `threads`, is the fixed base: resident memory <= base +
  /// budget from now on. Tells the log, and begins to look after it.
  void open(std::size_t threads);
  /// The budget and the number of blocks of a new configuration; both at once or, where they are the same,
  /// nothing.
  void apply(const MemoryConfig& memory);

 private:
  using Count = std::uint64_t (*)(const WorkerStats&);
  struct Edge {  // something that happens for lack of memory, or does not
    std::string_view begins;
    std::string_view ends;
    Count count;
    bool (Admission::*admits)() const;
    std::uint64_t before = 0;  // when it began
    std::uint64_t last = 0;
    bool is_short = false;
    Time moved_at{};
  };

  void on_tick();
  void measure();
  void give_back();
  void tell_edges();
  std::uint64_t sum(Count count) const;

  const Parts parts_;
  MemoryConfig memory_;
  Fd statm_;
  std::int64_t base_anonymous_ = 0;  // bytes
  std::int64_t peak_ = 0;            // in use beside the blocks since the allocator was trimmed
  Time trimmed_at_{};                // the allocator
  Time cooled_at_{};                 // the pool
  std::array<Edge, 5> edges_;
  Deadline tick_;
};

}  // namespace gateway
