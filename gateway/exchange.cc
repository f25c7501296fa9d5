#include "gateway/exchange.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

#include "gateway/turn_end.h"
#include "pool/local_pool.h"

namespace gateway {

void PipeMeter::on_waiting(bool waiting) {
  if (waiting) {
    waiting_since_ = loop_.now();
  } else if (waiting_since_) {
    waited_ += loop_.now() - *waiting_since_;
    waiting_since_.reset();
  }
}

Duration PipeMeter::waited() const {
  return waiting_since_ ? waited_ + (loop_.now() - *waiting_since_) : waited_;
}

Exchange::Exchange(const Parts& parts, ExchangeClient& client, pool::TurnGroup& group, h2::HeaderList request,
                   bool request_has_body, RequestOrigin origin)
    : parts_(parts),
      client_(client),
      group_(group),
      request_(std::move(request)),
      origin_(std::move(origin)),
      request_has_body_(request_has_body),
      started_(parts.loop.now()),
      request_meter_(parts.loop),
      response_meter_(parts.loop),
      request_body_(parts.pool, group,
                    {pool::Direction::request, pool::Urgency::invite, parts.bounds.doorbell, parts.bounds.max_pipe_blocks}),
      deadline_(parts.loop, [this] { on_deadline(); }) {
  request_body_.set_watcher(&request_meter_);
  renew_response_body();
  if (!request_has_body_) request_body_.finish();
}

Exchange::~Exchange() { assert(backend_ == nullptr); }

void Exchange::follow(ExchangeState next) {
  assert(may_follow(state_, next));
  state_ = next;
}

// ---- For who asked ----

void Exchange::start() {
  arm();
  follow(ExchangeState::waiting);
  use(parts_.backends.find(*this, nullptr));
}

void Exchange::refuse(const Error& error) {
  arm();
  use(parts_.backends.answer(*this, error));
}

const h2::HeaderList* Exchange::response_trailers() const {
  return response_trailers_.empty() ? nullptr : &response_trailers_;
}

const h2::HeaderList* Exchange::request_trailers() const {
  return request_trailers_.empty() ? nullptr : &request_trailers_;
}

void Exchange::end(std::string_view reason) {
  if (state_ != ExchangeState::failed) {
    const bool is_whole = reason.empty() && state_ == ExchangeState::responding;
    if (end_reason_.empty()) end_reason_ = is_whole ? "complete" : reason.empty() ? "client gone" : reason;
    follow(is_whole ? ExchangeState::done : ExchangeState::failed);
  }
  deadline_.clear();
  drop_backend();
  request_body_.close();
  response_body_->close();
}

// ---- For its backend ----

void Exchange::renew_response_body() {
  response_body_.emplace(parts_.pool, group_,
                         pool::Pipe::Terms{pool::Direction::response, pool::Urgency::leave, parts_.bounds.doorbell,
                                           parts_.bounds.max_pipe_blocks});
  response_body_->set_watcher(&response_meter_);
  // The client is there to take the response from the start; who takes the request is not known yet.
  response_body_->accept();
}

void Exchange::use(std::unique_ptr<Backend> backend) {
  endpoint_ = backend->name();
  backend_ = std::move(backend);
  backend_->start(*this);
}

void Exchange::drop_backend() {
  if (backend_ == nullptr) return;
  backend_->give_up();
  parts_.turn_end.bury(std::move(backend_));
}

void Exchange::sent() {
  follow(ExchangeState::sent);
  if (!sent_at_) sent_at_ = parts_.loop.now();
}

void Exchange::interim(h2::HeaderList head) { client_.on_interim(head); }

void Exchange::respond(h2::HeaderList head, bool has_body) {
  follow(ExchangeState::responding);
  responded_at_ = parts_.loop.now();
  response_ = std::move(head);
  response_has_body_ = has_body;
  for (const char digit : response_.get(":status")) status_ = status_ * 10 + (digit - '0');
  client_.on_response();
}

void Exchange::fail(const Error& error) {
  if (state_ == ExchangeState::done || state_ == ExchangeState::failed) return;
  const bool may_retry = error.retry_safe && !retried_ && state_ != ExchangeState::responding &&
                         request_body_.bytes_out() == 0;
  drop_backend();
  // What the backend left in the pipe of a response that has not begun is of no use to the next one.
  if (state_ != ExchangeState::responding) renew_response_body();
  if (!may_retry) return fail_client(error);
  retried_ = true;
  if (state_ != ExchangeState::waiting) follow(ExchangeState::waiting);
  use(parts_.backends.find(*this, &error));
}

void Exchange::fail_client(const Error& error) {
  end_reason_ = error.reason;
  if (state_ != ExchangeState::responding) return use(parts_.backends.answer(*this, error));
  follow(ExchangeState::failed);
  response_body_->fail();
  client_.on_failed(error);
}

Duration Exchange::waited_for_backend() const {
  if (!sent_at_) return {};
  return responded_at_.value_or(parts_.loop.now()) - *sent_at_;
}

// ---- Time ----

// Until the response head is here: how long the backend may take once it has the request. Else: how long nothing may move.
Exchange::Limit Exchange::limit() const {
  const Time last_move = std::max(request_meter_.last_progress(), response_meter_.last_progress());
  const bool request_ended = request_body_.end() != pool::Pipe::End::open || request_body_.closed();
  if (state_ != ExchangeState::responding && request_ended) {
    const Duration after = parts_.timeouts.response_header;
    return {std::max(started_, request_meter_.last_progress()) + after, after, Timeout::response_header};
  }
  return {last_move + parts_.timeouts.stream_idle, parts_.timeouts.stream_idle, Timeout::stream_idle};
}

// Rule 8: who holds blocks and makes no progress while others wait loses them.
bool Exchange::is_stalled(const pool::Pipe& pipe, const PipeMeter& meter) const {
  return pipe.blocks() > 0 && parts_.pool.pool().under_pressure() &&
         parts_.loop.now() >= meter.last_progress() + parts_.timeouts.stall;
}

void Exchange::arm() {
  const Time now = parts_.loop.now();
  Duration next = Duration::max();
  if (const Limit hard = limit(); hard.after != Duration::zero()) next = hard.at - now;
  if (const Duration stall = parts_.timeouts.stall; stall != Duration::zero()) {
    // A stall matters from the moment on that others wait, so it is looked for again and again.
    const Time since = std::min(request_meter_.last_progress(), response_meter_.last_progress());
    next = std::min(next, std::max<Duration>(since + stall - now, stall / 4));
  }
  if (next != Duration::max()) deadline_.set(std::max<Duration>(next, Duration(1)));
}

void Exchange::on_deadline() {
  const Duration stall = parts_.timeouts.stall;
  if (const Limit hard = limit(); hard.after != Duration::zero() && parts_.loop.now() >= hard.at) {
    expire(hard.kind, hard.after,
           hard.kind == Timeout::stream_idle ? "no byte in either direction" : "no response header from the backend");
  } else if (stall != Duration::zero() && is_stalled(request_body_, request_meter_)) {
    expire(Timeout::stall, stall, "a stalled request holds memory that others wait for");
  } else if (stall != Duration::zero() && is_stalled(*response_body_, response_meter_)) {
    expire(Timeout::stall, stall, "a stalled response holds memory that others wait for");
  } else {
    arm();
  }
}

// Rule 7: nothing here needs a block; the local reply has a body only if there is a place for it now.
void Exchange::expire(Timeout kind, Duration after, std::string_view what) {
  parts_.stats.count_timeout(kind);
  // The backend has taken all that came of a request that does not go on: then it is the client who is slow.
  const bool by_client = request_body_.end() == pool::Pipe::End::open && !request_body_.closed() &&
                         request_body_.accepting() && request_body_.readable() == 0;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(after).count();
  fail({.source = by_client ? ErrorSource::client : ErrorSource::timeout,
        .status = by_client ? 408 : 504,
        .reason = fmt::format("{} for {} ms", what, ms),
        .retry_safe = false,
        .code = h2::ErrorCode::cancel});
}

}  // namespace gateway
