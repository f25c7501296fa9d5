#pragma once

#include <cstdint>

namespace pool {

/// A shortage made for tests: some requests for a block right now are refused although one is free, so that
/// who asked takes the way of those who have to wait. A subscription is never refused, and one that finds a
/// free block is granted it at once: a refusal delays its caller to the next LocalPool::deliver() and freezes
/// nobody.
struct Shortage {
  std::uint32_t every = 0;  // each n-th request of a worker; 0: none
  double share = 0;         // at random, this share of the requests
  std::uint64_t seed = 1;

  bool operator==(const Shortage&) const = default;
};

/// Which requests of one worker a Shortage refuses. Confined to the worker's thread.
class ShortageDice {
 public:
  /// `worker` tells the dice of workers with one seed apart.
  ShortageDice(const Shortage& shortage, std::uint64_t worker)
      : shortage_(shortage), state_(shortage.seed * 0x9e3779b97f4a7c15ULL + worker) {}

  /// Whether the next request is refused.
  bool refuse() {
    if (shortage_.every != 0 && ++asked_ % shortage_.every == 0) return true;
    return shortage_.share > 0 && random() < shortage_.share;
  }

 private:
  // splitmix64: from 0 to less than 1.
  double random() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  Shortage shortage_;
  std::uint64_t state_;
  std::uint64_t asked_ = 0;
};

}  // namespace pool
