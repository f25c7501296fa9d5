#include "gateway/keep_alive.h"

#include <algorithm>
#include <utility>

namespace gateway {

KeepAlive::KeepAlive(EventLoop& loop, const KeepAliveLimits& limits, Owner& owner)
    : loop_(loop),
      interval_(limits.ping_interval),
      timeout_(limits.ping_timeout),
      owner_(owner),
      heard_(loop.now()),
      deadline_(loop, [this] { on_deadline(); }) {}

void KeepAlive::heard() {
  heard_ = loop_.now();
  if (!std::exchange(is_asked_, false)) return;
  deadline_.set(interval_);
}

// An armed deadline looks for itself: streams that come and go arm nothing.
void KeepAlive::watch() {
  if (interval_ == Duration::zero() || deadline_.armed() || !owner_.has_streams()) return;
  deadline_.set(std::max(heard_ + interval_ - loop_.now(), Duration(1)));
}

void KeepAlive::on_deadline() {
  if (is_asked_) return owner_.on_peer_gone();
  if (!owner_.has_streams()) return;
  const Duration left = heard_ + interval_ - loop_.now();
  if (left > Duration::zero()) return deadline_.set(left);
  is_asked_ = owner_.ping();
  deadline_.set(timeout_);
}

}  // namespace gateway
