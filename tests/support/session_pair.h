#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "h2/session.h"
#include "pool/buffer_pool.h"
#include "pool/local_pool.h"
#include "pool/output.h"
#include "pool/pipe.h"

namespace support {

inline constexpr std::size_t kBlockSize = 16 * 1024;

/// A pool with one worker. The test calls local.deliver().
struct PoolHouse : pool::Waker {
  explicit PoolHouse(std::size_t blocks, const pool::Shortage& shortage = {})
      : pool(limits(blocks, shortage)), local(pool, *this) {}
  void wake() noexcept override {}
  std::size_t used() const {
    const pool::PoolStats stats = pool.stats();
    return stats.used[0] + stats.used[1];
  }
  pool::BufferPool pool;
  pool::LocalPool local;

 private:
  static pool::PoolLimits limits(std::size_t blocks, const pool::Shortage& shortage) {
    pool::PoolLimits limits = pool::PoolLimits::with_reserves(kBlockSize, blocks);
    limits.shortage = shortage;
    return limits;
  }
};

/// Takes what a pipe has, when told to.
class Sink final : public pool::PipeConsumer {
 public:
  void take_all(pool::Pipe& pipe) {
    while (pipe.readable() > 0) {
      const pool::Slice slice = pipe.take(pipe.readable());
      body.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    }
  }
  std::string body;

 private:
  void on_readable() override {}
};

/// Writes a body into a pipe as there is room.
class Source final : public pool::PipeProducer {
 public:
  void give(pool::Pipe& pipe) {
    while (at < body.size() && pipe.invite() > 0) {
      at += pipe.write(std::as_bytes(std::span(body).subspan(at, std::min(pipe.room(), body.size() - at))));
    }
    if (at == body.size() && ends) pipe.finish();
  }
  std::string body;
  std::size_t at = 0;
  bool ends = true;

 private:
  void on_room() override {}
};

/// One side of a stream, with its two bodies: what comes and what goes.
class Side final : public h2::StreamEvents {
 public:
  Side(PoolHouse& house, pool::TurnGroup& group, std::size_t doorbell, bool is_server)
      : in(house.local, group,
           {is_server ? pool::Direction::request : pool::Direction::response, pool::Urgency::invite, doorbell,
            4}),
        out(house.local, group,
            {is_server ? pool::Direction::response : pool::Direction::request, pool::Urgency::leave, 0, 4}) {
    in.set_consumer(&sink);
    out.set_producer(&source);
  }
  ~Side() {
    if (stream != nullptr) stream->detach();
    in.set_consumer(nullptr);
    out.set_producer(nullptr);
  }

  void on_headers(h2::Stream&, h2::HeadersKind kind, h2::HeaderList&& headers, bool,
                  bool is_oversized) override {
    heads.emplace_back(kind, std::move(headers));
    oversized = oversized || is_oversized;
    in_at_headers = in.end();
  }
  void on_priority(h2::Stream&, std::string_view value) override { priority = value; }
  bool admits_headers(h2::Stream&, std::size_t bytes) override { return !admits || admits(bytes); }
  const h2::HeaderList* trailers(h2::Stream&) override {
    ++trailers_asked;
    return trailers_out ? &*trailers_out : nullptr;
  }
  void on_closed(h2::Stream&, h2::ErrorCode code, bool is_by_peer) override {
    stream = nullptr;
    ++closed_count;
    closed = code;
    by_peer = is_by_peer;
    in_at_close = in.end();
  }
  void pump() {
    if (reads) sink.take_all(in);
    if (writes && stream != nullptr && !stream->local_ended()) source.give(out);
  }
  const h2::HeaderList* head(h2::HeadersKind kind) const {
    for (const auto& [k, headers] : heads) {
      if (k == kind) return &headers;
    }
    return nullptr;
  }

  pool::Pipe in;
  pool::Pipe out;
  Sink sink;
  Source source;
  bool reads = true;
  bool writes = true;
  h2::Stream* stream = nullptr;
  std::function<bool(std::size_t header_bytes)> admits;
  std::vector<std::pair<h2::HeadersKind, h2::HeaderList>> heads;
  std::optional<h2::HeaderList> trailers_out;
  int trailers_asked = 0;
  std::string priority;  // the last that on_priority told
  bool oversized = false;
  int closed_count = 0;
  h2::ErrorCode closed = h2::ErrorCode::no_error;
  bool by_peer = false;
  pool::Pipe::End in_at_headers = pool::Pipe::End::open;
  pool::Pipe::End in_at_close = pool::Pipe::End::open;
};

inline h2::HeaderList request_head(std::string_view method = "GET", std::string_view path = "/") {
  h2::HeaderList head;
  head.add(":method", method);
  head.add(":scheme", "http");
  head.add(":authority", "test");
  head.add(":path", path);
  return head;
}
inline h2::HeaderList response_head(std::string_view status = "200") {
  h2::HeaderList head;
  head.add(":status", status);
  return head;
}

/// A session with its connection's end, and the sides of its streams.
class End final : public h2::SessionEvents {
 public:
  using OnRequest = std::function<void(Side&, bool end_stream)>;
  std::function<bool(std::size_t header_bytes)> admits;

  End(h2::Role role, const h2::SessionLimits& limits, PoolHouse& house)
      : session(std::make_unique<h2::Session>(role, limits, *this)), house_(house) {}
  ~End() { session.reset(); }

  bool admits_request(std::size_t header_bytes) override { return !admits || admits(header_bytes); }
  void on_request(h2::Stream& stream, h2::HeaderList&& headers, bool end_stream, bool oversized) override {
    if (refuse) return stream.reset(*refuse);
    Side& side = add_side();
    side.heads.emplace_back(h2::HeadersKind::request, std::move(headers));
    side.oversized = oversized;
    side.stream = &stream;
    stream.set_events(&side);
    if (!end_stream) stream.set_inbound(&side.in);
    if (accepts) side.in.accept();
    if (serve) serve(side, end_stream);
  }
  void on_goaway(const h2::GoAway& goaway) override {
    goaways.push_back(goaway);
    goaway_texts.emplace_back(goaway.debug_data);
  }
  void on_settings() override { ++settings; }
  void on_wants_write() override { wants_write = true; }

  /// Client: a request with a body, if there is one.
  Side& request(const h2::HeaderList& head, std::string_view body = {}) {
    Side& side = add_side();
    side.source.body = body;
    side.in.accept();
    side.stream = session->request(head, body.empty() ? nullptr : &side.out, &side.in, side);
    return side;
  }
  Side& add_side() {
    const bool is_server = session->role() == h2::Role::server;
    sides.push_back(std::make_unique<Side>(house_, group, session->limits().doorbell, is_server));
    return *sides.back();
  }
  bool feed(std::string_view bytes) { return session->feed(std::as_bytes(std::span(bytes)), now); }
  bool feed(std::span<const std::byte> bytes) { return session->feed(bytes, now); }
  /// What leaves now, as if the socket took it at once.
  std::string produce(std::size_t limit = 1 << 20) {
    wants_write = false;
    pool::Output output;
    session->produce(output, limit);
    std::string bytes;
    while (!output.empty()) {
      std::span<const std::byte> piece;
      output.gather({&piece, 1});
      bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      output.consume(piece.size());
    }
    return bytes;
  }

  pool::TurnGroup group;
  std::vector<std::unique_ptr<Side>> sides;
  std::unique_ptr<h2::Session> session;
  h2::Session::Time now{std::chrono::seconds(1)};
  OnRequest serve;
  std::optional<h2::ErrorCode> refuse;
  bool accepts = true;
  bool wants_write = false;
  int settings = 0;
  std::vector<h2::GoAway> goaways;
  std::vector<std::string> goaway_texts;

 private:
  PoolHouse& house_;
};

/// A client and a server, wired back to back.
class SessionPair {
 public:
  explicit SessionPair(const h2::SessionLimits& server_limits = {}, std::size_t server_blocks = 64,
                       const h2::SessionLimits& client_limits = {}, std::size_t client_blocks = 1024,
                       const pool::Shortage& shortage = {})
      : server_house(server_blocks, shortage),
        client_house(client_blocks, shortage),
        server(h2::Role::server, server_limits, server_house),
        client(h2::Role::client, client_limits, client_house) {}

  /// One turn of both loops. Returns whether anything moved.
  bool turn() {
    bool moved = server_house.local.deliver() + client_house.local.deliver() > 0;
    for (End* end : {&client, &server}) {
      // By index: an answer may open more.
      for (std::size_t i = 0; i < end->sides.size(); ++i) end->sides[i]->pump();
    }
    const std::string up = client.produce(produce_limit);
    if (!up.empty()) client_ok = server.feed(up);
    const std::string down = server.produce(produce_limit);
    if (!down.empty()) server_ok = client.feed(down);
    up_bytes += up;
    down_bytes += down;
    return moved || !up.empty() || !down.empty();
  }
  /// Turns until nothing moves. False when that took too long.
  bool run(int turns = 100000) {
    int idle = 0;
    for (; turns > 0 && idle < 3; --turns) idle = turn() ? 0 : idle + 1;
    return turns > 0;
  }

  PoolHouse server_house;
  PoolHouse client_house;
  End server;
  End client;
  std::size_t produce_limit = 64 * 1024;
  std::string up_bytes;
  std::string down_bytes;
  bool client_ok = true;  // the last feed() of what the client sent
  bool server_ok = true;
};

}  // namespace support
