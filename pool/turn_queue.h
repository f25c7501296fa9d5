#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pool/release_subscription.h"

namespace pool {

/// Who is next for a block. Not thread-safe: guarded by the pool's lock.
///
/// The most urgent class first; within it the connections in turn; within one its waiters in the order in
/// which they came. Age: a line that was passed by for kAge grants running has the next one, so that no class
/// starves.
class TurnQueue {
 public:
  static constexpr unsigned kAge = 16;

  void push(ReleaseSubscription& waiter);
  void remove(ReleaseSubscription& waiter);
  /// Takes out the waiter whose turn it is, of those whose direction is allowed. Null when there is none.
  ReleaseSubscription* pop(const std::array<bool, kDirections>& allowed);

  std::size_t waiting(Urgency urgency, Direction direction) const;
  bool empty() const;

 private:
  struct Ring {  // the groups that have waiters in this line, in turn
    TurnGroup* first = nullptr;
    std::size_t waiters = 0;
    unsigned passed_by = 0;  // grants that went to another line while a waiter here could have had them
  };
  static TurnGroup::Line& line(TurnGroup& group, std::size_t urgency, std::size_t direction) {
    return group.lines_[urgency][direction];
  }
  ReleaseSubscription* pop_first(std::size_t urgency, std::size_t direction);
  void enter(TurnGroup& group, std::size_t urgency, std::size_t direction);
  void leave(TurnGroup& group, std::size_t urgency, std::size_t direction);

  std::array<std::array<Ring, kDirections>, kUrgencies> rings_;
};

}  // namespace pool
