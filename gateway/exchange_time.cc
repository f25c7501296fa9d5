// What time does to an exchange: its limits, rule 8 (a stalled peer pays), and where its time went.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "gateway/admission.h"
#include "gateway/exchange.h"
#include "pool/local_pool.h"

namespace gateway {
namespace {

/// How often an exchange looks whether it is stalled: a stall matters from the moment on that others wait.
/// Only those who hold blocks then have to look often.
Duration look_interval(Duration stall, bool holds, bool pressure) {
  return std::min<Duration>(holds && pressure ? Pace::kLook : Pace::kSlow, stall / 4);
}

}  // namespace

// Until the response head is here: how long the backend may take once it has the request. Else: how long
// nothing may move.
Exchange::Limit Exchange::limit() const {
  const Time last_move = std::max(
      {request_meter_.last_progress(), response_meter_.last_progress(), responded_at_.value_or(started_)});
  const bool request_ended = asks_tunnel_ || request_body_.end() != pool::Pipe::End::open || request_body_.closed();
  if (state_ != ExchangeState::responding && request_ended) {
    const Duration after = parts_.timeouts.response_header;
    return {std::max(started_, request_meter_.last_progress()) + after, after, Timeout::response_header};
  }
  const Duration idle = tunnel_open_ ? parts_.timeouts.tunnel_idle : parts_.timeouts.stream_idle;
  return {last_move + idle, idle, tunnel_open_ ? Timeout::tunnel_idle : Timeout::stream_idle};
}

void Exchange::arm() {
  const Time now = parts_.loop.now();
  Duration next = Duration::max();
  if (const Limit hard = limit(); hard.after != Duration::zero()) next = hard.at - now;
  // The request may end meanwhile, and then the other limit counts, from its last byte on.
  if (const Duration after = parts_.timeouts.response_header;
      state_ != ExchangeState::responding && after != Duration::zero()) {
    next = std::min(next, after);
  }
  if (const Duration stall = parts_.timeouts.stall; stall != Duration::zero()) {
    const bool holds = request_body_.blocks() + response_body_->blocks() > 0;
    next = std::min(next, look_interval(stall, holds, parts_.pool.pool().under_pressure()));
  }
  if (next != Duration::max()) deadline_.set(std::max<Duration>(next, Duration(1)));
}

void Exchange::on_deadline() {
  if (const Limit hard = limit(); hard.after != Duration::zero() && parts_.loop.now() >= hard.at) {
    return expire(hard.kind, hard.after,
                  hard.kind == Timeout::response_header ? "no response header from the backend"
                                                        : "no byte in either direction");
  }
  if (!evict()) arm();
}

// ---- Rule 8 ----

// Who makes no progress loses what others wait for after timeouts.stall, by the first cause in the table that
// applies; and its blocks sooner, where slow peers hold most of them together. A backend may think for longer
// before it answers.
bool Exchange::evict() {
  // What a look finds slow for the first time is not ended yet, so that nobody pays for a moment in which this
  // process did not run.
  const bool was_slow = slow_.blocks() > 0;
  slow_.set(0);
  const Duration stall = parts_.timeouts.stall;
  if (stall == Duration::zero()) return false;

  const pool::BufferPool& pool = parts_.pool.pool();
  const Duration request_slow = parts_.loop.now() - request_meter_.slow_since();
  const Duration response_slow = parts_.loop.now() - response_meter_.slow_since();
  const bool responding = state_ == ExchangeState::responding;
  // Heads, streams and connections are held without a block too. Only the client can be blamed for them, who
  // does not send what it has begun, or does not take what is there for it.
  const bool unsent = client_owes() && !responding;
  const bool untaken = response_body_->readable() > 0;
  struct Cause {
    bool others_wait;
    bool request;  // it pays if it is slow
    bool response;
    std::string_view what;
  };
  const std::array<Cause, 3> causes = {{
      {parts_.admission != nullptr && parts_.admission->under_pressure(), unsent, untaken,
       "memory where it is short"},
      {backend_ != nullptr && backend_->others_wait(), unsent, untaken,
       "a connection to the backend that others wait for"},
      {pool.under_pressure(), request_body_.blocks() > 0, response_body_->blocks() > 0,
       "memory that others wait for"},
  }};
  for (const Cause& cause : causes) {
    if (!cause.others_wait) continue;
    if (cause.request && request_slow >= stall) {
      return evict(Eviction::request, request_slow, fmt::format("a stalled request holds {}", cause.what));
    }
    if (cause.response && response_slow >= stall) {
      return evict(Eviction::response, response_slow, fmt::format("a stalled response holds {}", cause.what));
    }
  }

  if (!pool.under_pressure()) return false;
  const std::size_t of_request = request_slow >= Pace::kSlow ? request_body_.blocks() : 0;
  const std::size_t of_response = responding && response_slow >= Pace::kSlow ? response_body_->blocks() : 0;
  slow_.set(of_request + of_response);
  if (!was_slow || slow_.blocks() == 0 || !pool.slow_exceed()) return false;
  slow_.set(0);
  return of_request > 0 ? evict(Eviction::request_early, request_slow,
                                "slow peers hold most of the memory, as this request does")
                        : evict(Eviction::response_early, response_slow,
                                "slow peers hold most of the memory, as this response does");
}

// The backend has taken all that came of a request that does not go on. A tunnel's client owes nothing.
bool Exchange::client_owes() const {
  return !asks_tunnel_ && request_body_.end() == pool::Pipe::End::open && !request_body_.closed() &&
         request_body_.accepting() && request_body_.readable() == 0;
}

bool Exchange::evict(Eviction kind, Duration slow, std::string_view what) {
  parts_.stats.count_eviction(kind);
  expire(Timeout::stall, slow, what);
  return true;
}

// Rule 7: nothing here needs a block; the local reply has a body only if there is a place for it now.
void Exchange::expire(Timeout kind, Duration after, std::string_view what) {
  parts_.stats.count_timeout(kind);
  const bool by_client = client_owes();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(after).count();
  const ErrorSource waiting = by_client ? ErrorSource::client : ErrorSource::timeout;
  fail({.source = kind == Timeout::stall ? ErrorSource::shortage : waiting,
        .status = by_client ? 408 : 504,
        .reason = fmt::format("{} for {} ms", what, ms),
        .retry_safe = false,
        .code = h2::ErrorCode::cancel});
}

// ---- Where the time went ----

Duration Exchange::waited_for_backend() const {
  if (!sent_at_) return {};
  return responded_at_.value_or(parts_.loop.now()) - *sent_at_;
}

// What took a tenth of the whole time, and more than the turns of a loop take by themselves.
std::string_view Exchange::pause_reasons() const {
  static constexpr std::array<std::string_view, 8> kSets = {"",
                                                            "no_block",
                                                            "client_slow",
                                                            "no_block+client_slow",
                                                            "backend_slow",
                                                            "no_block+backend_slow",
                                                            "client_slow+backend_slow",
                                                            "no_block+client_slow+backend_slow"};
  const Duration least =
      std::max<Duration>(std::chrono::milliseconds(1), (parts_.loop.now() - started_) / 10);
  std::size_t set = 0;
  if (paused_for_blocks() >= least) set |= 1;
  if (response_meter_.unread() >= least) set |= 2;
  if (request_meter_.unread() >= least) set |= 4;
  return kSets[set];
}

}  // namespace gateway
