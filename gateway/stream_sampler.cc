#include "gateway/stream_sampler.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>


namespace gateway {
namespace {

constexpr std::size_t kPathBytes = 64;

struct Found {
  const Client* client;
  std::size_t index;  // of the exchange on its connection
  const Exchange* exchange;
  std::size_t blocks;
  std::size_t bytes;
};

std::size_t bytes_of(const pool::Pipe& pipe) {
  return pipe.readable() + pipe.promised();
}

bool before(const Found& a, const Found& b) {
  const auto age = [](const Found& found) { return found.exchange->started(); };
  return std::tuple(b.blocks, b.bytes, age(a)) < std::tuple(a.blocks, a.bytes, age(b));
}

void add(std::string& reasons, std::string_view reason) {
  if (reasons == "none") {
    reasons = reason;
  } else {
    reasons.append("+").append(reason);
  }
}

/// What the pipe says of itself.
StreamInfo::Side side(const pool::Pipe& pipe) {
  return {.blocks = pipe.blocks(),
          .bytes = pipe.readable(),
          .promised = pipe.promised(),
          .pause = pipe.pauses().to_string(),
          .paused = {}};
}

bool is_open(const pool::Pipe& pipe) {
  return pipe.end() == pool::Pipe::End::open && !pipe.closed();
}

/// How long: the wait for a block, else the time without a byte.
void set_time(StreamInfo::Side& side, const PipeMeter& meter, Time now) {
  if (side.pause != "none") side.paused = now - meter.waiting_since().value_or(meter.last_progress());
}

StreamInfo::Side request_side(const Exchange& exchange, Time now) {
  const pool::Pipe& pipe = exchange.request_body();
  StreamInfo::Side info = side(pipe);
  // The doorbell is promised to every client that has a body to send; only blocks are somebody else's loss.
  if (is_open(pipe) && pipe.blocks() > 0 && pipe.readable() == 0) add(info.pause, "client_silent");
  if (pipe.accepting() && pipe.readable() > 0) add(info.pause, "backend_slow");
  set_time(info, exchange.request_meter(), now);
  return info;
}

StreamInfo::Side response_side(const Exchange& exchange, const ClientConnection::SendPauses& pauses, Time now) {
  const pool::Pipe& pipe = exchange.response_body();
  StreamInfo::Side info = side(pipe);
  if (is_open(pipe) && pipe.blocks() > 0 && pipe.readable() == 0) add(info.pause, "backend_silent");
  if (pipe.readable() > 0) {
    if (pauses.stream_window_closed) add(info.pause, "client_window_closed");
    if (pauses.connection_window_closed) add(info.pause, "connection_window_closed");
    if (pauses.socket_full) add(info.pause, "socket_full");
  }
  set_time(info, exchange.response_meter(), now);
  return info;
}

StreamInfo describe(const Found& found, std::size_t worker, Time now) {
  const Exchange& exchange = *found.exchange;
  const ClientConnection& connection = *found.client->connection();
  return {.connection = fmt::format("{}-{}", worker, found.client->number()),
          .client = std::string(exchange.origin().peer),
          .stream = exchange.origin().stream_id,
          .cluster = std::string(exchange.cluster()),
          .endpoint = std::string(exchange.endpoint()),
          .method = std::string(exchange.request().get(":method")),
          .path = std::string(exchange.request().get(":path").substr(0, kPathBytes)),
          .state = exchange.tunnel_open() ? "tunnel" : to_string(exchange.state()),
          .request = request_side(exchange, now),
          .response = response_side(exchange, connection.send_pauses(found.index), now),
          .age = now - exchange.started(),
          .connection_blocks = connection.output().blocks(),
          .connection_bytes = connection.output().bytes()};
}

}  // namespace

StreamSample sample_streams(std::span<const std::unique_ptr<ListenerGroup>> groups, std::size_t worker,
                            std::size_t limit, Time now) {
  std::vector<Found> all;
  for (const auto& group : groups) {
    for (std::size_t c = 0; c < group->clients(); ++c) {
      const ClientConnection* connection = group->client(c).connection();
      for (std::size_t i = 0; connection != nullptr && i < connection->exchanges(); ++i) {
        const Exchange& exchange = connection->exchange(i);
        all.push_back({&group->client(c), i, &exchange,
                       exchange.request_body().blocks() + exchange.response_body().blocks(),
                       bytes_of(exchange.request_body()) + bytes_of(exchange.response_body())});
      }
    }
  }
  StreamSample sample{.worker = worker, .streams = all.size(), .largest = {}};
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
  std::partial_sort(all.begin(), end, all.end(), before);
  for (auto found = all.begin(); found != end; ++found)
    sample.largest.push_back(describe(*found, worker, now));
  return sample;
}

}  // namespace gateway
