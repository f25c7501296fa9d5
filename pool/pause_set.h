#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pool {

/// Why a pipe's producer does not go on. Derived from the pipe's state when asked for; stored nowhere.
enum class Pause : std::uint8_t {
  no_block,   // waits in the pool's queue for a block
  sink_slow,  // all of its room is filled: the consumer does not take
  held_back,  // no consumer accepts bytes yet, so none are invited
};
inline constexpr Pause kPauses[] = {Pause::no_block, Pause::sink_slow, Pause::held_back};

std::string_view to_string(Pause pause);

/// A set of named reasons. Empty: nothing stands in the way.
class PauseSet {
 public:
  void add(Pause pause) { bits_ = static_cast<std::uint8_t>(bits_ | bit(pause)); }
  bool has(Pause pause) const { return (bits_ & bit(pause)) != 0; }
  bool empty() const { return bits_ == 0; }
  /// "no_block+sink_slow", or "none".
  std::string to_string() const;
  bool operator==(const PauseSet&) const = default;

 private:
  static std::uint8_t bit(Pause pause) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(pause));
  }
  std::uint8_t bits_ = 0;
};

}  // namespace pool
