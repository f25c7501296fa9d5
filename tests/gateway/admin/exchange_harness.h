#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/exchange.h"
#include "gateway/local_reply.h"
#include "gateway/turn_end.h"
#include "pool/buffer_pool.h"
#include "pool/local_pool.h"

namespace gateway {

/// One exchange over a real pool, turned by hand: a client that uploads and takes as the test says, and the
/// backend that the test makes. Checks at the end that every block is back.
class ExchangeHarness final : private ExchangeClient,
                              private BackendFinder,
                              private pool::PipeProducer,
                              private pool::PipeConsumer {
 public:
  using MakeBackend = std::function<std::unique_ptr<Backend>(Exchange&)>;
  struct Shape {
    std::size_t blocks = 2;
    std::size_t block_size = 1024;
    std::size_t doorbell = 0;
    ExchangeTimeouts timeouts{};
    std::string_view protocol = "2";  // of the client
  };

  ExchangeHarness() : ExchangeHarness(Shape()) {}
  explicit ExchangeHarness(const Shape& shape)
      : pool(pool::PoolLimits::with_reserves(shape.block_size, shape.blocks)), shape_(shape) {}
  ~ExchangeHarness() {
    close();
    const pool::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.used[0] + stats.used[1], 0U) << "blocks that did not come back";
    EXPECT_EQ(stats.waiting[0] + stats.waiting[1] + stats.waiting[2], 0U) << "waiters left in the queue";
  }

  /// Starts an exchange with these further fields. With `upload` the request has that body.
  void start(std::string_view method, std::string_view path, const MakeBackend& make,
             std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {},
             const std::string* upload = nullptr) {
    make_ = make;
    upload_ = upload;
    h2::HeaderList request;
    request.add(":method", method);
    request.add(":scheme", "https");
    request.add(":authority", "example.org");
    request.add(":path", path);
    for (const auto& [name, value] : fields) request.add(name, value);
    ExchangeClient& client = *this;
    const Exchange::Parts parts{
        loop, local, turn_end, *this, stats_, shape_.timeouts, {.doorbell = shape_.doorbell}};
    const RequestOrigin origin{.peer = "192.0.2.7", .local = "127.0.0.1:1", .secure = true, .stream_id = 1, .protocol = shape_.protocol};
    exchange_ =
        std::make_unique<Exchange>(parts, client, group_, std::move(request), upload != nullptr, origin);
    if (upload != nullptr) exchange_->request_body().set_producer(this);
    exchange_->start();
  }

  /// One turn of a loop: upload what there is room for, give out blocks, run tasks, take if the client reads.
  void turn() {
    on_the_way_.clear();
    push();
    local.deliver();
    while (turn_end.run()) {
    }
    if (reading) take();
  }

  /// Turns until the response has ended; at most `turns` times.
  bool run(int turns = 100000) {
    for (int i = 0; i < turns && !over(); ++i) turn();
    return over();
  }
  bool over() const { return failed || (responded && (!exchange_->response_has_body() || body_drained())); }

  /// Ends the exchange as its client does.
  void close(std::string_view reason = "") {
    on_the_way_.clear();
    if (exchange_ == nullptr) return;
    exchange_->request_body().set_producer(nullptr);
    exchange_->response_body().set_consumer(nullptr);
    exchange_->end(reason);
    while (turn_end.run()) {
    }
    exchange_.reset();
  }

  Exchange& exchange() { return *exchange_; }
  std::string_view field(std::string_view name) const { return exchange_->response().get(name); }
  int status() const { return exchange_->status(); }
  const WorkerStats& stats() const { return stats_; }

  pool::BufferPool pool;
  EventLoop loop;
  pool::LocalPool local{pool, loop};
  TurnEnd turn_end;

  bool reading = true;      // whether the client takes
  bool ends_upload = true;  // false: the request's body fails instead of finishing
  h2::HeaderList upload_trailers;
  std::size_t take_at_once = std::size_t{1} << 20;  // bytes a turn

  bool responded = false;
  bool failed = false;
  std::string body;  // that the client has taken
  std::size_t uploaded = 0;

 private:
  void on_interim(const h2::HeaderList&) override {}
  void on_response() override {
    responded = true;
    if (!exchange_->response_has_body()) return;
    exchange_->response_body().set_consumer(this);
    exchange_->response_body().accept();
  }
  void on_failed(const Error&) override { failed = true; }
  std::unique_ptr<Backend> find(Exchange& exchange, const Error*) override { return make_(exchange); }
  std::unique_ptr<Backend> answer(Exchange&, const Error& error) override {
    return std::make_unique<LocalReply>(error);
  }
  void on_room() override {}
  void on_readable() override {}

  bool body_drained() const { return exchange_->response_body().drained(); }

  void push() {
    if (upload_ == nullptr) return;
    pool::Pipe& pipe = exchange_->request_body();
    while (uploaded < upload_->size() && pipe.invite() > 0) {
      uploaded += pipe.write(std::as_bytes(std::span(*upload_)).subspan(uploaded));
    }
    if (uploaded < upload_->size() || pipe.end() != pool::Pipe::End::open) return;
    exchange_->set_request_trailers(upload_trailers);
    ends_upload ? pipe.finish() : pipe.fail();
  }

  // Slices stay until the next turn, as they do while a socket is slow.
  void take() {
    pool::Pipe& pipe = exchange_->response_body();
    for (std::size_t left = take_at_once; left > 0 && pipe.readable() > 0;) {
      on_the_way_.push_back(pipe.take(left));
      const std::span<const std::byte> bytes = on_the_way_.back().bytes;
      body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      left -= bytes.size();
    }
  }

  const Shape shape_;
  WorkerStats stats_;
  pool::TurnGroup group_;
  MakeBackend make_;
  const std::string* upload_ = nullptr;
  std::vector<pool::Slice> on_the_way_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace gateway
