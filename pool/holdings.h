#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pool/block.h"

namespace pool {

/// What the blocks that a worker uses are used for, by direction. The worker's thread counts, any thread
/// reads.
///
///   in use = promised (in a pipe, without a byte) + filled (in a pipe, with bytes)
///          + queued (neither: on its way to a socket, or kept by who reads into it)
class Holdings {
 public:
  enum class State : std::uint8_t { in_use, promised, filled };

  void add(State state, Direction direction) { change(state, direction, 1); }
  void sub(State state, Direction direction) { change(state, direction, -1); }
  std::size_t count(State state, Direction direction) const {
    return at(state, direction).load(std::memory_order_relaxed);
  }
  /// The oracle of one worker, for its thread: pipes hold no more than is in use.
  bool consistent() const {
    for (const Direction d : {Direction::request, Direction::response}) {
      if (count(State::promised, d) + count(State::filled, d) > count(State::in_use, d)) return false;
    }
    return true;
  }
  bool none() const {
    return count(State::in_use, Direction::request) + count(State::in_use, Direction::response) == 0 &&
           consistent();
  }

 private:
  using Counts = std::array<std::atomic<std::size_t>, kDirections>;
  std::atomic<std::size_t>& at(State state, Direction direction) {
    return counts_[static_cast<std::size_t>(state)][static_cast<std::size_t>(direction)];
  }
  const std::atomic<std::size_t>& at(State state, Direction direction) const {
    return counts_[static_cast<std::size_t>(state)][static_cast<std::size_t>(direction)];
  }
  void change(State state, Direction direction, std::ptrdiff_t by) {
    std::atomic<std::size_t>& count = at(state, direction);
    count.store(count.load(std::memory_order_relaxed) + static_cast<std::size_t>(by),
                std::memory_order_relaxed);
  }

  std::array<Counts, 3> counts_{};
};

}  // namespace pool
