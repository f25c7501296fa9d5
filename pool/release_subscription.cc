#include "pool/release_subscription.h"

#include <cassert>

#include "pool/local_pool.h"

namespace pool {

void ReleaseSubscription::request(Urgency urgency, Direction direction, Rank rank) {
  assert(!waiting());
  urgency_ = urgency;
  direction_ = direction;
  rank_ = rank;
  local_.pool().subscribe(*this);
}

void ReleaseSubscription::cancel() noexcept {
  // Only the owner leaves the idle state, so a look without the lock is enough to know that there is nothing
  // to do.
  if (waiting()) local_.pool().unsubscribe(*this);
}

}  // namespace pool
