#include "gateway/upstream/balancer.h"

namespace gateway {

Balancer::Rank Balancer::rank(const Endpoint& endpoint, std::string_view except, Time now) {
  const EndpointHealth& health = endpoint.health();
  if (!health.up()) return Rank::down;
  const bool failed = endpoint.name() == except;
  if (health.available(now)) return failed ? Rank::failed_just_now : Rank::available;
  return failed ? Rank::out_and_failed : Rank::out;
}

Endpoint* Balancer::pick(std::span<const std::unique_ptr<Endpoint>> endpoints, std::string_view except,
                         Time now) {
  for (;;) {  // once more for each trial that another worker was quicker to claim
    Endpoint* chosen = nullptr;
    std::size_t chosen_at = 0;
    Rank best = Rank::down;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const std::size_t at = (next_ + i) % endpoints.size();
      Endpoint* candidate = endpoints[at].get();
      const Rank its = rank(*candidate, except, now);
      const bool better =
          its < best || (its == best && its != Rank::down && policy_ == Policy::least_requests &&
                         candidate->active() < chosen->active());
      if (!better) continue;
      chosen = candidate;
      chosen_at = at;
      best = its;
    }
    if (chosen == nullptr) return nullptr;
    if (best >= Rank::out || chosen->health().claim(now)) {
      next_ = chosen_at + 1;
      return chosen;
    }
  }
}

}  // namespace gateway
