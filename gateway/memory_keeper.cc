#include "gateway/memory_keeper.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

#include "gateway/config_values.h"
#include "gateway/log.h"
#include "gateway/memory_account.h"
#include "pool/pieces.h"

namespace gateway {
namespace {

constexpr std::int64_t kKiB = 1024;
// Of a worker: its stack, what it reads into, and its share of the allocator, more than was ever seen, and the pieces that it
// keeps.
constexpr std::int64_t kThreadStack = 256 * kKiB + static_cast<std::int64_t>(pool::kKeptBytes);
constexpr Duration kIdleTick = std::chrono::seconds(1);
constexpr Duration kBusyTick = std::chrono::milliseconds(100);
constexpr Duration kQuiet = std::chrono::seconds(5);  // without another one before it is told to be over
constexpr Duration kTrimPause = std::chrono::seconds(2);
constexpr std::int64_t kWorthTrimming = 4 * 1024 * kKiB;

/// Anonymous memory that is resident, in bytes, by /proc/self/statm: "size resident shared ...", in pages.
std::int64_t anonymous_bytes(int statm) {
  char text[128];
  const ssize_t size = ::pread(statm, text, sizeof text, 0);
  std::array<std::int64_t, 3> pages{};
  const char* at = text;
  const char* const end = text + std::max<ssize_t>(size, 0);
  for (std::int64_t& value : pages) {
    while (at != end && *at == ' ') ++at;
    at = std::from_chars(at, end, value).ptr;
  }
  return (pages[1] - pages[2]) * ::sysconf(_SC_PAGESIZE);
}

/// The program and its libraries, as if all of them had been touched. What of them is resident does not
/// depend on load, but is read from their files bit by bit.
std::int64_t file_bytes() {
  std::ifstream maps("/proc/self/maps");
  std::int64_t sum = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    char dash = 0;
    std::string permissions, offset, device, inode;
    std::istringstream fields(line);
    fields >> std::hex >> first >> dash >> last >> permissions >> offset >> device >> inode;
    if (permissions.size() > 1 && permissions[1] != 'w' && inode != "0")
      sum += static_cast<std::int64_t>(last - first);
  }
  return sum;
}

std::string mib(std::uint64_t bytes) {
  return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

}  // namespace

MemoryKeeper::MemoryKeeper(const Parts& parts, const MemoryConfig& memory)
    : parts_(parts),
      memory_(memory),
      statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      edges_{{{"no more clients are accepted", "clients are accepted again",
               [](const WorkerStats& w) { return w.accept_pauses.value(); }, &Admission::admits_connection},
              {"connections to endpoints wait", "connections to endpoints are opened again",
               [](const WorkerStats& w) { return w.upstream_waits.value(); },
               &Admission::admits_backend_connection},
              {"streams are refused", "streams are accepted again",
               [](const WorkerStats& w) { return w.streams_refused.value(); }, &Admission::admits_admin},
              {"trailers and response heads are refused", "trailers and response heads are taken again",
               [](const WorkerStats& w) { return w.sections_refused.value(); }, &Admission::admits_admin},
              {"connections end that send a header section", "header sections are heard to their end again",
               [](const WorkerStats& w) { return w.headers_cut.value(); }, &Admission::admits_admin}}},
      tick_(parts.loop, [this] { on_tick(); }) {}

void MemoryKeeper::open(std::size_t threads) {
  trim_allocator();
  const std::int64_t stacks = static_cast<std::int64_t>(threads) * kThreadStack;
  base_anonymous_ = anonymous_bytes(statm_.get()) + stacks;
  const std::int64_t base = base_anonymous_ + file_bytes();
  const std::uint64_t blocks = memory_.blocks * memory_.block_size;
  parts_.admission.open(base);
  parts_.admission.set_budget(memory_.budget, blocks);
  parts_.log.info("memory", "fixed base {} KiB; budget {}: {} blocks of {} = {}, {} for everything else",
                  base / kKiB, mib(memory_.budget), memory_.blocks, format_size(memory_.block_size),
                  mib(blocks), mib(memory_.budget - blocks));
  tick_.set(kIdleTick);
}

void MemoryKeeper::apply(const MemoryConfig& memory) {
  if (memory.budget == memory_.budget && memory.blocks == memory_.blocks) return;
  parts_.log.info("memory", "budget {} instead of {}, {} blocks instead of {}", mib(memory.budget),
                  mib(memory_.budget), memory.blocks, memory_.blocks);
  memory_.budget = memory.budget;
  memory_.blocks = memory.blocks;
  parts_.pool.set_blocks(memory_.blocks);
  parts_.admission.set_budget(memory_.budget, memory_.blocks * memory_.block_size);
}

// ---- From time to time ----

void MemoryKeeper::on_tick() {
  measure();
  give_back();
  tell_edges();
  const Admission& admission = parts_.admission;
  tick_.set(admission.used() > admission.limit() / 2 ? kBusyTick : kIdleTick);
}

// What an allocator loses between its pieces, and what does not go through one.
void MemoryKeeper::measure() {
  Admission& admission = parts_.admission;
  const std::int64_t known = admission.ledger().total() - admission.base();
  peak_ = std::max(peak_, known);
  if (!can_measure_memory()) return;
  const pool::PoolStats pool = parts_.pool.stats();
  const auto blocks = static_cast<std::int64_t>(pool.resident * pool.block_size);
  const std::int64_t resident = anonymous_bytes(statm_.get()) - base_anonymous_;
  admission.set_overhead(std::max<std::int64_t>(resident - blocks - known, 0));
}

void MemoryKeeper::give_back() {
  const Time now = parts_.loop.now();
  if (now - cooled_at_ >= kIdleTick) {
    cooled_at_ = now;
    parts_.pool.trim();
  }
  const Admission& admission = parts_.admission;
  const std::int64_t known = admission.ledger().total() - admission.base();
  const bool has_fallen = known < peak_ / 2 && peak_ - known > kWorthTrimming;
  const bool is_torn = admission.overhead() > std::max(kWorthTrimming, admission.limit() / 16);
  if ((!has_fallen && !is_torn) || now - trimmed_at_ < kTrimPause) return;
  trimmed_at_ = now;
  peak_ = known;
  trim_allocator();
}

void MemoryKeeper::tell_edges() {
  const Time now = parts_.loop.now();
  const Admission& admission = parts_.admission;
  for (Edge& edge : edges_) {
    const std::uint64_t count = sum(edge.count);
    if (count != edge.last) {
      if (!edge.is_short) {
        edge.before = edge.last;
        edge.is_short = true;
        parts_.log.warning("memory", "{}: {} KiB of {} KiB beside the blocks are in use", edge.begins,
                           admission.used() / kKiB, admission.limit() / kKiB);
      }
      edge.last = count;
      edge.moved_at = now;
    } else if (edge.is_short && now - edge.moved_at >= kQuiet && (admission.*edge.admits)()) {
      edge.is_short = false;
      parts_.log.info("memory", "{}, after {} times", edge.ends, edge.last - edge.before);
    }
  }
}

std::uint64_t MemoryKeeper::sum(Count count) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < parts_.stats.workers(); ++i) sum += count(parts_.stats.worker(i));
  return sum;
}

}  // namespace gateway
