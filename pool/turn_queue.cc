#include "pool/turn_queue.h"

#include <cassert>

namespace pool {
namespace {

std::size_t index(Urgency urgency) {
  return static_cast<std::size_t>(urgency);
}
std::size_t index(Direction direction) {
  return static_cast<std::size_t>(direction);
}

}  // namespace

TurnGroup::~TurnGroup() {
  for ([[maybe_unused]] const auto& of_urgency : lines_) {
    for ([[maybe_unused]] const Line& line : of_urgency) assert(line.first == nullptr);
  }
}

// The ring is circular and doubly linked; `first` is whose turn is next, so the last place is just before it.
void TurnQueue::enter(TurnGroup& group, std::size_t urgency, std::size_t direction) {
  Ring& ring = rings_[urgency][direction];
  TurnGroup::Line& own = line(group, urgency, direction);
  if (ring.first == nullptr) {
    ring.first = own.next = own.prev = &group;
    ring.passed_by = 0;
    return;
  }
  TurnGroup* last = line(*ring.first, urgency, direction).prev;
  own.next = ring.first;
  own.prev = last;
  line(*last, urgency, direction).next = &group;
  line(*ring.first, urgency, direction).prev = &group;
}

void TurnQueue::leave(TurnGroup& group, std::size_t urgency, std::size_t direction) {
  Ring& ring = rings_[urgency][direction];
  TurnGroup::Line& own = line(group, urgency, direction);
  if (own.next == &group) {
    ring.first = nullptr;
  } else {
    line(*own.prev, urgency, direction).next = own.next;
    line(*own.next, urgency, direction).prev = own.prev;
    if (ring.first == &group) ring.first = own.next;
  }
  own.next = own.prev = nullptr;
}

void TurnQueue::push(ReleaseSubscription& waiter) {
  const std::size_t u = index(waiter.urgency_);
  const std::size_t d = index(waiter.direction_);
  TurnGroup::Line& own = line(waiter.group_, u, d);
  waiter.next_ = nullptr;
  waiter.prev_ = own.last;
  if (own.last != nullptr) {
    own.last->next_ = &waiter;
  } else {
    own.first = &waiter;
    enter(waiter.group_, u, d);
  }
  own.last = &waiter;
  ++rings_[u][d].waiters;
}

void TurnQueue::remove(ReleaseSubscription& waiter) {
  const std::size_t u = index(waiter.urgency_);
  const std::size_t d = index(waiter.direction_);
  TurnGroup::Line& own = line(waiter.group_, u, d);
  (waiter.prev_ != nullptr ? waiter.prev_->next_ : own.first) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->prev_ : own.last) = waiter.prev_;
  waiter.next_ = waiter.prev_ = nullptr;
  --rings_[u][d].waiters;
  if (own.first == nullptr) leave(waiter.group_, u, d);
}

ReleaseSubscription* TurnQueue::pop_first(std::size_t urgency, std::size_t direction) {
  Ring& ring = rings_[urgency][direction];
  TurnGroup* group = ring.first;
  ReleaseSubscription* waiter = line(*group, urgency, direction).first;
  // The turn moves on before the waiter leaves, so that its group is last in the ring if it still waits.
  ring.first = line(*group, urgency, direction).next;
  remove(*waiter);
  ring.passed_by = 0;
  return waiter;
}

ReleaseSubscription* TurnQueue::pop(const std::array<bool, kDirections>& allowed) {
  Ring* chosen = nullptr;
  std::size_t chosen_urgency = 0;
  std::size_t chosen_direction = 0;
  bool chosen_is_old = false;
  for (std::size_t u = kUrgencies; u-- > 0;) {
    for (std::size_t d = kDirections; d-- > 0;) {
      Ring& ring = rings_[u][d];
      if (ring.first == nullptr || !allowed[d]) continue;
      const bool is_old = ring.passed_by >= kAge;
      if (chosen == nullptr || (is_old && !chosen_is_old)) {
        if (chosen != nullptr) ++chosen->passed_by;
        chosen = &ring;
        chosen_urgency = u;
        chosen_direction = d;
        chosen_is_old = is_old;
      } else {
        ++ring.passed_by;
      }
    }
  }
  return chosen != nullptr ? pop_first(chosen_urgency, chosen_direction) : nullptr;
}

std::size_t TurnQueue::waiting(Urgency urgency, Direction direction) const {
  return rings_[index(urgency)][index(direction)].waiters;
}

bool TurnQueue::empty() const {
  for (const auto& of_urgency : rings_) {
    for (const Ring& ring : of_urgency) {
      if (ring.first != nullptr) return false;
    }
  }
  return true;
}

}  // namespace pool
