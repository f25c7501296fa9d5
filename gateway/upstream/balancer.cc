#include "gateway/upstream/balancer.h"

namespace gateway {

Endpoint* Balancer::pick(std::span<const std::unique_ptr<Endpoint>> endpoints, std::string_view except) {
  if (endpoints.empty()) return nullptr;
  Endpoint* chosen = nullptr;
  std::size_t chosen_at = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const std::size_t at = (next_ + i) % endpoints.size();
    Endpoint* candidate = endpoints[at].get();
    if (endpoints.size() > 1 && candidate->name() == except) continue;
    if (chosen != nullptr && (policy_ == Policy::round_robin || candidate->active() >= chosen->active())) continue;
    chosen = candidate;
    chosen_at = at;
  }
  next_ = chosen_at + 1;
  return chosen;
}

}  // namespace gateway
