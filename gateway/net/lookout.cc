#include "gateway/net/lookout.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace gateway {

bool Promptness::worth_a_look() {
  if (left_ == 0) return true;
  --left_;
  return false;
}

void Promptness::judge(bool came_in_time) {
  if (came_in_time) {
    rest_ = std::max(rest_ / 2, 1U);
  } else {
    rest_ = std::min(rest_ * 2, kLongestRest);
    left_ = rest_;
  }
}

void Lookout::begin(Promptness& source) {
  assert(source_ == nullptr);
  if (!source.worth_a_look()) return;
  source_ = &source;
  until_ = loop_.now() + kLongest;
  loop_.look(*this);
}

std::optional<bool> Lookout::end() {
  if (source_ == nullptr) return std::nullopt;
  loop_.look_no_more(*this);
  const bool in_time = loop_.now() < until_;
  std::exchange(source_, nullptr)->judge(in_time);
  return in_time;
}

}  // namespace gateway
