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
  tally_->leave();
}

// A ring is circular and doubly linked; `first` is whose turn is next, so the last place is just before it.
void TurnQueue::enter(TurnGroup& group, std::size_t urgency, std::size_t direction) {
  Lane& lane = lanes_[urgency][direction];
  TurnGroup::Line& own = line(group, urgency, direction);
  own.level = static_cast<std::uint32_t>(level(group.claimed(static_cast<Direction>(direction))));
  TurnGroup*& first = lane.first[own.level];
  if (first == nullptr) {
    first = own.next = own.prev = &group;
    lane.levels |= 1U << own.level;
    return;
  }
  TurnGroup* last = line(*first, urgency, direction).prev;
  own.next = first;
  own.prev = last;
  line(*last, urgency, direction).next = &group;
  line(*first, urgency, direction).prev = &group;
}

void TurnQueue::leave(TurnGroup& group, std::size_t urgency, std::size_t direction) {
  Lane& lane = lanes_[urgency][direction];
  TurnGroup::Line& own = line(group, urgency, direction);
  TurnGroup*& first = lane.first[own.level];
  if (own.next == &group) {
    first = nullptr;
    lane.levels &= ~(1U << own.level);
  } else {
    line(*own.prev, urgency, direction).next = own.next;
    line(*own.next, urgency, direction).prev = own.prev;
    if (first == &group) first = own.next;
  }
  own.next = own.prev = nullptr;
}

void TurnQueue::settle(TurnGroup& group, Direction direction) {
  const std::size_t d = index(direction);
  const std::size_t now = level(group.claimed(direction));
  for (std::size_t u = 0; u < kUrgencies; ++u) {
    const TurnGroup::Line& own = line(group, u, d);
    if (own.first == nullptr || own.level == now) continue;
    leave(group, u, d);
    enter(group, u, d);
  }
}

void TurnQueue::push(ReleaseSubscription& waiter) {
  const std::size_t u = index(waiter.urgency_);
  const std::size_t d = index(waiter.direction_);
  TurnGroup::Line& own = line(waiter.group_, u, d);
  waiter.number_ = ++came_;
  const bool is_first = own.first == nullptr;
  // Most have one rank and the place is at the end; who is urgent passes by at most a connection's streams.
  ReleaseSubscription* before = own.last;
  while (before != nullptr && before->rank_ > waiter.rank_) before = before->prev_;
  ReleaseSubscription*& next = before != nullptr ? before->next_ : own.first;
  waiter.prev_ = before;
  waiter.next_ = next;
  (next != nullptr ? next->prev_ : own.last) = &waiter;
  next = &waiter;
  if (is_first) enter(waiter.group_, u, d);
  if (lanes_[u][d].waiters++ == 0) lanes_[u][d].passed_by = 0;
}

void TurnQueue::remove(ReleaseSubscription& waiter) {
  const std::size_t u = index(waiter.urgency_);
  const std::size_t d = index(waiter.direction_);
  TurnGroup::Line& own = line(waiter.group_, u, d);
  (waiter.prev_ != nullptr ? waiter.prev_->next_ : own.first) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->prev_ : own.last) = waiter.prev_;
  waiter.next_ = waiter.prev_ = nullptr;
  --lanes_[u][d].waiters;
  if (own.first == nullptr) leave(waiter.group_, u, d);
}

ReleaseSubscription& TurnQueue::next_of(TurnGroup::Line& line) {
  if (line.first->rank_ == line.last->rank_ || line.by_rank++ < kAge) return *line.first;
  line.by_rank = 0;
  ReleaseSubscription* oldest = line.first;
  for (ReleaseSubscription* other = oldest->next_; other != nullptr; other = other->next_) {
    if (other->number_ < oldest->number_) oldest = other;
  }
  return *oldest;
}

ReleaseSubscription* TurnQueue::pop_first(std::size_t urgency, std::size_t direction) {
  Lane& lane = lanes_[urgency][direction];
  TurnGroup*& first = lane.first[lane.lowest()];
  ReleaseSubscription* waiter = &next_of(line(*first, urgency, direction));
  // The turn moves on before the waiter leaves, so that its group is last in the ring if it still waits.
  first = line(*first, urgency, direction).next;
  remove(*waiter);
  lane.passed_by = 0;
  return waiter;
}

ReleaseSubscription* TurnQueue::pop(const Supplies& supplies) {
  Lane* chosen = nullptr;
  std::size_t chosen_urgency = 0;
  std::size_t chosen_direction = 0;
  bool chosen_is_old = false;
  for (std::size_t u = kUrgencies; u-- > 0;) {
    for (std::size_t d = kDirections; d-- > 0;) {
      Lane& lane = lanes_[u][d];
      if (!lane.ready(supplies[d])) continue;
      const bool is_old = lane.passed_by >= kAge;
      if (chosen == nullptr || (is_old && !chosen_is_old)) {
        if (chosen != nullptr) ++chosen->passed_by;
        chosen = &lane;
        chosen_urgency = u;
        chosen_direction = d;
        chosen_is_old = is_old;
      } else {
        ++lane.passed_by;
      }
    }
  }
  return chosen != nullptr ? pop_first(chosen_urgency, chosen_direction) : nullptr;
}

bool TurnQueue::ready(const Supplies& supplies) const {
  for (const auto& of_urgency : lanes_) {
    for (std::size_t d = 0; d < kDirections; ++d) {
      if (of_urgency[d].ready(supplies[d])) return true;
    }
  }
  return false;
}

std::size_t TurnQueue::waiting(Urgency urgency, Direction direction) const {
  return lanes_[index(urgency)][index(direction)].waiters;
}

bool TurnQueue::empty() const {
  for (const auto& of_urgency : lanes_) {
    for (const Lane& lane : of_urgency) {
      if (lane.levels != 0) return false;
    }
  }
  return true;
}

}  // namespace pool
