#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/access_log.h"
#include "gateway/admission.h"
#include "gateway/lifespan.h"
#include "gateway/log.h"
#include "gateway/stats.h"
#include "gateway/upstream/endpoint.h"
#include "gateway/worker_parts.h"
#include "pool/buffer_pool.h"
#include "pool/local_pool.h"

namespace gateway {

/// What a worker lends, over a real pool and loop. Checks at the end that every block is back.
class UpstreamHouse {
 public:
  explicit UpstreamHouse(std::size_t blocks = 4) : pool(pool::PoolLimits::with_reserves(1024, blocks)) {}
  ~UpstreamHouse() {
    while (turn_end.run()) {
    }
    const pool::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.used[0] + stats.used[1], 0U) << "blocks that did not come back";
    EXPECT_EQ(stats.waiting[0] + stats.waiting[1] + stats.waiting[2], 0U) << "waiters left in the queue";
  }

  pool::BufferPool pool;
  EventLoop loop;
  pool::LocalPool local{pool, loop};
  TurnEnd turn_end;
  std::array<std::byte, 1024> scratch{};
  WorkerStats worker_stats;
  Log log{LogLevel::error};
  AccessLog access_log{"off", log};
  Resolver resolver;
  pool::Ledger ledger;
  Admission admission{ledger};
  Jitter jitter{1};
  const WorkerParts parts{loop, local, turn_end, scratch, worker_stats, access_log, log, admission, jitter};
};

/// An endpoint whose backends the test makes.
class FakeEndpoint final : public Endpoint {
 public:
  FakeEndpoint(UpstreamHouse& house, const std::string& host, EndpointHealth& health)
      : Endpoint(house.parts, EndpointLimits(), Dialer(house.loop, house.resolver, {host, 1}, {}, nullptr),
                 health) {}
  std::unique_ptr<Backend> make_backend() override;
  void dial_if_needed() override { ++asked_to_dial; }
  void add_connection(std::unique_ptr<Transport>) override {}
  void fail_waiting(const Error& error) override { failure = error.reason; }
  using Endpoint::dial;
  using Endpoint::may_dial;
  using Endpoint::on_connect_failed;
  using Endpoint::on_connected;
  using Endpoint::on_connection_end;

  Exchange* exchange = nullptr;  // of the backend that was made last, until it is given up
  int made = 0;
  int asked_to_dial = 0;
  std::string failure;  // of those who waited last
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(FakeEndpoint& endpoint) : endpoint_(endpoint), active_(endpoint) {}
  void start(Exchange& exchange) override { endpoint_.exchange = &exchange; }
  void give_up() override { endpoint_.exchange = nullptr; }
  std::string_view name() const override { return endpoint_.name(); }

 private:
  FakeEndpoint& endpoint_;
  const Active active_;
};

inline std::unique_ptr<Backend> FakeEndpoint::make_backend() {
  ++made;
  return std::make_unique<FakeBackend>(*this);
}

}  // namespace gateway
