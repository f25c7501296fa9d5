#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "pool/block.h"

namespace pool {

class TurnGroup;

/// How many blocks one connection holds, by direction. It stands beside its TurnGroup because a block can outlive that: bytes of a
/// request are still on their way to a backend when the client is gone.
///
/// The worker's thread counts; the pool reads it from any thread while the group has waiters.
class Tally {
 public:
  explicit Tally(TurnGroup& group) : group_(&group) {}

  void add(Direction direction) { change(direction, 1); }
  /// May end the tally.
  void sub(Direction direction) {
    change(direction, -1);
    if (group_ == nullptr && none()) delete this;
  }
  std::size_t held(Direction direction) const { return at(direction).load(std::memory_order_relaxed); }
  /// Null: gone.
  TurnGroup* group() const { return group_; }
  /// The group is gone: the tally goes with its last block.
  void leave() {
    group_ = nullptr;
    if (none()) delete this;
  }

 private:
  ~Tally() = default;
  using Count = std::atomic<std::size_t>;
  Count& at(Direction direction) { return held_[static_cast<std::size_t>(direction)]; }
  const Count& at(Direction direction) const { return held_[static_cast<std::size_t>(direction)]; }
  bool none() const { return held(Direction::request) + held(Direction::response) == 0; }
  void change(Direction direction, std::ptrdiff_t by) {
    at(direction).store(held(direction) + static_cast<std::size_t>(by), std::memory_order_relaxed);
  }

  TurnGroup* group_;
  std::array<Count, kDirections> held_{};
};

}  // namespace pool
