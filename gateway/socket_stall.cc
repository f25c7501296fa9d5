#include "gateway/socket_stall.h"

#include <algorithm>
#include <utility>

#include "gateway/admission.h"
#include "pool/buffer_pool.h"

namespace gateway {

SocketStall::SocketStall(EventLoop& loop, pool::BufferPool& pool, const Admission& admission,
                         const pool::Output& output, Duration stall, OnStall on_stall)
    : loop_(loop),
      pool_(pool),
      admission_(admission),
      output_(output),
      stall_(stall),
      on_stall_(std::move(on_stall)),
      pace_(loop.now()),
      slow_(pool),
      deadline_(loop, [this] { on_look(); }) {}

void SocketStall::blocked(std::size_t bytes) {
  if (!deadline_.armed()) {
    pace_.begin(loop_.now());
    look_again();
  }
  pace_.moved(bytes, loop_.now());
}

void SocketStall::clear() {
  deadline_.clear();
  slow_.set(0);
}

void SocketStall::look_again() {
  if (stall_ == Duration::zero()) return;
  const Duration look = pool_.under_pressure() ? Pace::kLook : Pace::kSlow;
  deadline_.set(std::min<Duration>(look, stall_ / 4));
}

// As for an exchange. Ended early is only who was slow at the last look too.
void SocketStall::on_look() {
  const std::size_t was_slow = slow_.blocks();
  slow_.set(0);
  if (output_.empty()) return;
  const bool for_blocks = pool_.under_pressure();
  if (!for_blocks && !admission_.under_pressure()) return look_again();
  const Time since = pace_.since();
  if (loop_.now() >= since + stall_) {
    return on_stall_(Eviction::connection, "the peer's socket takes nothing while others wait for memory");
  }
  if (for_blocks && loop_.now() >= since + Pace::kSlow) slow_.set(output_.blocks());
  if (was_slow > 0 && slow_.blocks() > 0 && pool_.slow_exceed()) {
    return on_stall_(Eviction::connection_early,
                     "the peer's socket takes nothing and slow peers hold most of the memory");
  }
  look_again();
}

}  // namespace gateway
