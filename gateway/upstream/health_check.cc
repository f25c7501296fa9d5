#include "gateway/upstream/health_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "gateway/config.h"
#include "gateway/local_reply.h"
#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {

HealthCheck::HealthCheck(const Parts& parts, std::unique_ptr<Endpoint> endpoint)
    : worker_(parts.worker),
      config_(parts.config),
      cluster_(parts.cluster),
      authority_(parts.authority),
      secure_(parts.secure),
      endpoint_(std::move(endpoint)),
      exchange_parts_{worker_.loop,
                      worker_.pool,
                      worker_.turn_end,
                      *this,
                      worker_.stats,
                      no_timeouts_,
                      {parts.doorbell, 1, pool::Urgency::keep}},
      deadline_(worker_.loop, [this] { on_deadline(); }) {}

HealthCheck::~HealthCheck() {
  assert(exchange_ == nullptr);
}

void HealthCheck::stop() {
  deadline_.clear();
  if (exchange_ != nullptr) let_go("the gateway ends");
}

h2::HeaderList HealthCheck::request() const {
  h2::HeaderList head;
  head.add(":method", "GET");
  head.add(":scheme", secure_ ? "https" : "http");
  head.add(":authority", authority_);
  head.add(":path", config_.path);
  head.add("user-agent", "gateway-health-check");
  return head;
}

void HealthCheck::begin() {
  began_ = worker_.loop.now();
  taken_ = 0;
  error_.reset();
  RequestOrigin origin{.peer = "unix", .local = "", .secure = secure_};  // nobody's address to pass on
  ExchangeClient& client = *this;
  exchange_ =
      std::make_unique<Exchange>(exchange_parts_, client, turns_, request(), false, std::move(origin));
  deadline_.set(config_.timeout);
  exchange_->start();
}

// ---- From the exchange ----

// A kept connection that the endpoint closed just now, or a stream that it refused, gets a second request:
// that says nothing of how it is. A connection that cannot be opened does.
std::unique_ptr<Backend> HealthCheck::find(Exchange& exchange, const Error* failed) {
  if (failed == nullptr || failed->source == ErrorSource::backend) return endpoint_->make_backend();
  return answer(exchange, *failed);
}

std::unique_ptr<Backend> HealthCheck::answer(Exchange&, const Error& error) {
  error_ = error;
  return std::make_unique<LocalReply>(error);
}

void HealthCheck::on_response() {
  worker_.turn_end.schedule(*this);
  if (exchange_->response_has_body()) exchange_->response_body().set_consumer(this);
}

void HealthCheck::on_failed(const Error& error) {
  error_ = error;
  worker_.turn_end.schedule(*this);
}

void HealthCheck::on_readable() {
  worker_.turn_end.schedule(*this);
}

// ---- The verdict ----

// What the exchange told in this turn is looked at here, where none of its calls is under way.
void HealthCheck::at_turn_end() {
  if (exchange_ == nullptr) return;
  if (error_) {
    const bool ours = error_->source == ErrorSource::gateway;
    return conclude(ours ? CheckResult::inconclusive : CheckResult::failed, error_->reason);
  }
  if (!has_head()) return;
  if (exchange_->response_has_body()) {
    pool::Pipe& body = exchange_->response_body();
    while (body.readable() > 0 && taken_ < kMostBody) taken_ += body.take(kMostBody).bytes.size();
    if (!body.drained() && taken_ < kMostBody) return;
  }
  conclude(status_is_good() ? CheckResult::ok : CheckResult::failed,
           fmt::format("status {}", exchange_->status()));
}

void HealthCheck::on_deadline() {
  exchange_ == nullptr ? begin() : judge_late();
}

void HealthCheck::judge_late() {
  const auto ms = config_.timeout.count();
  if (!has_head()) {
    const bool was_sent = exchange_->state() == ExchangeState::sent;
    return conclude(CheckResult::failed,
                    fmt::format("no {} within {} ms", was_sent ? "response" : "connection", ms));
  }
  if (!status_is_good()) return conclude(CheckResult::failed, fmt::format("status {}", exchange_->status()));
  if (exchange_->paused_for_blocks() > Duration::zero()) {
    return conclude(CheckResult::inconclusive, fmt::format("no block for the body within {} ms", ms));
  }
  conclude(CheckResult::failed, fmt::format("the body did not end within {} ms", ms));
}

void HealthCheck::conclude(CheckResult result, std::string_view why) {
  let_go(result == CheckResult::ok ? "" : why);
  worker_.stats.count_check(result);
  EndpointHealth& health = endpoint_->health();
  const Time now = worker_.loop.now();
  if (health.on_check(result, why, now)) {
    if (result == CheckResult::ok) {
      worker_.log.info("health", "endpoint {} of cluster {} is up: {} checks in a row were good",
                       endpoint_->name(), cluster_, config_.healthy);
    } else {
      worker_.log.warning("health",
                          "endpoint {} of cluster {} is down: {} checks in a row failed, the last: {}",
                          endpoint_->name(), cluster_, config_.unhealthy, why);
    }
  } else if (result != CheckResult::ok) {
    worker_.log.debug("health", "check of endpoint {} of cluster {}: {}: {}", endpoint_->name(), cluster_,
                      to_string(result), why);
  }
  deadline_.set(std::max<Duration>(began_ + config_.interval - now, Duration(1)));
}

void HealthCheck::let_go(std::string_view reason) {
  exchange_->response_body().set_consumer(nullptr);
  exchange_->end(reason);
  worker_.turn_end.bury(std::move(exchange_));
}

}  // namespace gateway
