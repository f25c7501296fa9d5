#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <unordered_map>

namespace gateway {

/// Who waits, in turns: round the groups, then in order within each, as the pool's queue does (rule 6). So a
/// client with a thousand waiters weighs as one with one. Borrows waiters; confined to its owner's thread.
template <typename T>
class FairQueue {
 public:
  /// `group`: an address that all who belong together share, not used otherwise. REQUIRES: the waiter is not
  /// in the queue.
  void push(const void* group, T& waiter) {
    const auto [found, is_new] = line_of_.try_emplace(group);
    if (is_new) found->second = lines_.insert(lines_.end(), Line{group, {}});
    found->second->waiters.push_back(&waiter);
    ++size_;
  }
  /// Whose turn it is. REQUIRES: !empty().
  T& front() const { return *lines_.front().waiters.front(); }
  /// Takes front() out; the turn goes to the next group. REQUIRES: !empty().
  T& pop() {
    const auto line = lines_.begin();
    T& waiter = *line->waiters.front();
    line->waiters.pop_front();
    --size_;
    lines_.splice(lines_.end(), lines_, line);
    drop_if_empty(line);
    return waiter;
  }
  /// No effect if it is not in the queue.
  void remove(const void* group, T& waiter) {
    const auto found = line_of_.find(group);
    if (found == line_of_.end()) return;
    const auto line = found->second;
    size_ -= std::erase(line->waiters, &waiter);
    drop_if_empty(line);
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  struct Line {  // never empty
    const void* group;
    std::deque<T*> waiters;
  };
  using Lines = std::list<Line>;  // in the order of their turns

  void drop_if_empty(typename Lines::iterator line) {
    if (!line->waiters.empty()) return;
    line_of_.erase(line->group);
    lines_.erase(line);
  }

  Lines lines_;
  std::unordered_map<const void*, typename Lines::iterator> line_of_;
  std::size_t size_ = 0;
};

}  // namespace gateway
