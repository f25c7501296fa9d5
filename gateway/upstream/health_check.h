#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/exchange.h"
#include "gateway/turn_end.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/worker_parts.h"
#include "pool/pipe.h"

namespace gateway {

struct HealthConfig;

/// Looks after one endpoint: *sends* an exchange of its own every interval, and tells the endpoint's health
/// what came of it. A user of the pool like any other: it takes a block for the response, or waits for one in
/// turn.
///
///   ok            a head with a status from 200 to 399, and the body's end or 64 KiB of it, in time
///
///   inconclusive  the body had to wait for a block of ours until the time was over: nothing changes
///
///   failed        everything else; a first connection and a head are always paid for, so an endpoint that
///                 says nothing fails with all memory in use too
///
/// The requests go over a connection of its own, of the cluster's protocol: neither exchanges that have all
/// connections in use nor those that wait for one make the endpoint look bad, or good. Owned by one worker,
/// confined to its thread.
class HealthCheck final : private ExchangeClient,
                          private BackendFinder,
                          private pool::PipeConsumer,
                          private TurnEndTask {
 public:
  static constexpr std::size_t kMostBody = 64 * 1024;  // bytes that it reads before it judges by the status

  struct Parts {
    const WorkerParts& worker;
    std::string_view cluster;  // its name, for the log
    const HealthConfig& config;
    std::string authority;  // of the requests
    bool secure;            // TLS towards the endpoint
    std::size_t doorbell;
  };

  /// `endpoint`: for this check alone.
  HealthCheck(const Parts& parts, std::unique_ptr<Endpoint> endpoint);
  /// REQUIRES: stop() was called and the turn in which that was is over.
  ~HealthCheck();

  /// Makes the first check now. On the worker's thread.
  void start() { begin(); }
  /// No check from now on; gives up the one under way, which says nothing.
  void stop();

 private:
  void on_interim(const h2::HeaderList&) override {}
  void on_response() override;
  void on_failed(const Error& error) override;
  std::unique_ptr<Backend> find(Exchange& exchange, const Error* failed) override;
  std::unique_ptr<Backend> answer(Exchange& exchange, const Error& error) override;
  void on_readable() override;
  void at_turn_end() override;

  void begin();
  void on_deadline();
  void judge_late();
  void conclude(CheckResult result, std::string_view why);
  void let_go(std::string_view reason);
  bool has_head() const { return exchange_->state() == ExchangeState::responding; }
  bool status_is_good() const { return exchange_->status() >= 200 && exchange_->status() <= 399; }
  h2::HeaderList request() const;

  const WorkerParts& worker_;
  const HealthConfig& config_;
  const std::string cluster_;
  const std::string authority_;
  const bool secure_;
  std::unique_ptr<Endpoint> endpoint_;
  const ExchangeTimeouts no_timeouts_{};  // the deadline of the check stands for all
  const Exchange::Parts exchange_parts_;
  pool::TurnGroup turns_;
  Deadline deadline_;  // the end of the check under way; else the next one's begin
  Time began_;
  std::size_t taken_ = 0;       // bytes of the body
  std::optional<Error> error_;  // why there is no whole response
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace gateway
