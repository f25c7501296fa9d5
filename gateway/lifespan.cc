#include "gateway/lifespan.h"

#include <utility>

namespace gateway {

Lifespan::Lifespan(EventLoop& loop, Jitter& jitter, const KeepAliveLimits& limits, Retirements& retirements,
                   OnOver on_over)
    : jitter_(jitter),
      max_age_(limits.max_age),
      max_requests_(limits.max_requests),
      retirements_(retirements),
      on_over_(std::move(on_over)),
      deadline_(loop, [this] { end(Retirement::max_age); }) {}

void Lifespan::begin() {
  if (max_age_ != Duration::zero()) deadline_.set(jitter_.spread(max_age_));
}

void Lifespan::request() {
  if (++requests_ == max_requests_) end(Retirement::max_requests);
}

void Lifespan::clear() {
  deadline_.clear();
  is_over_ = true;
}

void Lifespan::end(Retirement reason) {
  if (is_over_) return;
  clear();
  retirements_[static_cast<std::size_t>(reason)].add();
  on_over_(reason);
}

}  // namespace gateway
