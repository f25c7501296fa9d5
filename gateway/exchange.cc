#include "gateway/exchange.h"

#include <algorithm>
#include <cassert>

#include "gateway/forwarding.h"
#include "gateway/turn_end.h"
#include "pool/local_pool.h"

namespace gateway {
namespace {

// One pipe may grow to a sixteenth of the blocks: of those that there are when it begins, since their number can change.
constexpr std::size_t kPipeShare = 16;
// And of a tunnel to so many: what its peer was invited to send and does not, it keeps.
constexpr std::size_t kTunnelBlocks = 16;

pool::Pipe::Terms pipe_terms(const Exchange::Parts& parts, pool::Direction direction, pool::Urgency urgency, bool tunnel) {
  const std::size_t share = parts.pool.pool().blocks() / kPipeShare;
  const std::size_t most = tunnel ? std::min(kTunnelBlocks, parts.bounds.max_pipe_blocks) : parts.bounds.max_pipe_blocks;
  return {direction, urgency, parts.bounds.doorbell, std::clamp<std::size_t>(share, 1, most),
          parts.bounds.doorbell_returns || tunnel};
}

}  // namespace

Exchange::Exchange(const Parts& parts, ExchangeClient& client, pool::TurnGroup& group, h2::HeaderList request,
                   bool request_has_body, RequestOrigin origin)
    : parts_(parts),
      client_(client),
      group_(group),
      request_(std::move(request)),
      origin_(std::move(origin)),
      request_has_body_(request_has_body),
      asks_tunnel_(gateway::asks_tunnel(request_)),
      started_(parts.loop.now()),
      request_meter_(parts.loop),
      response_meter_(parts.loop),
      request_body_(parts.pool, group, pipe_terms(parts, pool::Direction::request, pool::Urgency::invite, asks_tunnel_)),
      slow_(parts.pool.pool()),
      deadline_(parts.loop, [this] { on_deadline(); }),
      answer_(parts.loop) {
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

void Exchange::set_rank(pool::Rank rank) {
  rank_ = rank;
  response_body_->set_rank(rank);
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
  slow_.set(0);
  drop_backend();
  request_body_.close();
  response_body_->close();
}

// ---- For its backend ----

void Exchange::renew_response_body() {
  response_body_.emplace(parts_.pool, group_,
                         pipe_terms(parts_, pool::Direction::response, parts_.bounds.response_urgency, asks_tunnel_));
  response_body_->set_watcher(&response_meter_);
  response_body_->set_rank(rank_);
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
  look_no_more();
  backend_->give_up();
  parts_.turn_end.bury(std::move(backend_));
}

void Exchange::sent(Promptness* source) {
  follow(ExchangeState::sent);
  if (!sent_at_) sent_at_ = parts_.loop.now();
  if (source != nullptr) answer_.begin(*source);
}

void Exchange::look_no_more() {
  if (const std::optional<bool> in_time = answer_.end()) parts_.stats.count_look(*in_time);
}

void Exchange::interim(h2::HeaderList head) { client_.on_interim(head); }

void Exchange::respond(h2::HeaderList head, bool has_body) {
  follow(ExchangeState::responding);
  look_no_more();
  responded_at_ = parts_.loop.now();
  response_ = std::move(head);
  response_has_body_ = has_body;
  for (const char digit : response_.get(":status")) status_ = status_ * 10 + (digit - '0');
  tunnel_open_ = asks_tunnel_ && status_ / 100 == 2;
  if (tunnel_open_ && origin_.protocol != "2") status_ = 101;
  arm();
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

void Exchange::end_tunnel() {
  tunnel_over_ = true;
  client_.on_tunnel_over();
}

}  // namespace gateway
