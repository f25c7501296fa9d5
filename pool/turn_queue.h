#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pool/release_subscription.h"

namespace pool {

/// Who is next for a block. Not thread-safe: guarded by the pool's lock.
///
/// The most urgent class first; within it the connections that hold least, in turn; within one its waiters by rank, and those of
/// one rank in the order in which they came. Age: a line that was passed by for kAge grants running has the next one, so that no
/// class starves; and of a connection's turns every one behind kAge that went by rank is its oldest waiter's, so that no rank does.
///
/// What a connection may hold depends on what is free (the dynamic threshold of Choudhury and Hahne, "Dynamic queue length
/// thresholds for shared-memory packet switches", 1998): kShare times as much while more than an eighth of the blocks is, and of
/// that last eighth only a small part each, as those who keep what they get may be many. So one connection alone may have most of
/// the blocks, and a hundred that do not read leave some for who comes after them. Who holds nothing may always have one. Holdings
/// are told apart by powers of two, so that a turn is found without a search.
class TurnQueue {
 public:
  static constexpr unsigned kAge = 16;
  static constexpr std::size_t kShare = 4;
  static constexpr std::size_t kLastShare = 64;  // one part in so many of the last eighth
  /// What is free for one direction, of the blocks of the whole pool.
  struct Supply {
    std::size_t free = 0;
    std::size_t blocks = 1;
    /// Whether a connection that holds `held` blocks may have one.
    bool allows(std::size_t held) const {
      const std::size_t last = blocks / 8;
      return free > 0 && floor(level(held)) <= kShare * (free - std::min(free, last)) + free / kLastShare;
    }
  };
  using Supplies = std::array<Supply, kDirections>;

  void push(ReleaseSubscription& waiter);
  void remove(ReleaseSubscription& waiter);
  /// Takes out the waiter whose turn it is. Null when there is none that may have a block.
  ReleaseSubscription* pop(const Supplies& supplies);
  /// Whether there is one.
  bool ready(const Supplies& supplies) const;
  /// What `group` holds has changed.
  void settle(TurnGroup& group, Direction direction);

  std::size_t waiting(Urgency urgency, Direction direction) const;
  bool empty() const;

 private:
  static constexpr std::size_t kLevels = 16;  // the last one has no upper end
  static std::size_t level(std::size_t held) {
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(held)), kLevels - 1);
  }
  static std::size_t floor(std::size_t level) { return level == 0 ? 0 : std::size_t{1} << (level - 1); }
  struct Lane {  // who waits in one class and direction
    std::array<TurnGroup*, kLevels> first{};  // for each level the ring of its groups, in turn
    std::uint32_t levels = 0;                 // a bit for each that has any
    std::size_t waiters = 0;
    unsigned passed_by = 0;  // grants that went to another line while a waiter here could have had them
    bool ready(const Supply& supply) const { return levels != 0 && supply.allows(floor(lowest())); }
    std::size_t lowest() const { return static_cast<std::size_t>(std::countr_zero(levels)); }
  };
  static TurnGroup::Line& line(TurnGroup& group, std::size_t urgency, std::size_t direction) {
    return group.lines_[urgency][direction];
  }
  ReleaseSubscription* pop_first(std::size_t urgency, std::size_t direction);
  static ReleaseSubscription& next_of(TurnGroup::Line& line);
  void enter(TurnGroup& group, std::size_t urgency, std::size_t direction);
  void leave(TurnGroup& group, std::size_t urgency, std::size_t direction);

  std::array<std::array<Lane, kDirections>, kUrgencies> lanes_;
  std::uint64_t came_ = 0;  // waiters so far
};

}  // namespace pool
