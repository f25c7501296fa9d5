#pragma once

#include <cstddef>

#include "gateway/net/event_loop.h"

namespace gateway {

/// Since when somebody who holds memory has moved next to nothing: a peer that takes one byte at a time, to
/// seem busy, is as slow as one that takes none. Confined to its owner's thread.
class Pace {
 public:
  /// Bytes that count as a move, together.
  static constexpr std::size_t kStep = 1024;
  /// Who moved less than a step in this time is slow: its memory counts against the cap on what slow peers
  /// hold together.
  static constexpr Duration kSlow = std::chrono::seconds(1);
  /// How often a slow peer is looked at while others wait.
  static constexpr Duration kLook = std::chrono::milliseconds(250);

  explicit Pace(Time now) : since_(now) {}
  void begin(Time now) {
    since_ = now;
    moved_ = 0;
  }
  void moved(std::size_t bytes, Time now) {
    moved_ += bytes;
    if (moved_ >= kStep) begin(now);
  }
  Time since() const { return since_; }

 private:
  Time since_;
  std::size_t moved_ = 0;
};

}  // namespace gateway
