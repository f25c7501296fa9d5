#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/net/address.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/socket.h"
#include "gateway/net/transport.h"
#include "pool/block.h"
#include "pool/output.h"

namespace gateway {

using namespace std::chrono_literals;

inline Time real_now() {
  return std::chrono::steady_clock::now();
}

inline void count_turns(EventLoop& loop, int& turns) {
  loop.set_turn_end([&turns] {
    ++turns;
    return false;
  });
}

/// Turns the loop until `done`, which is asked at the end of each turn. False if that takes more than ten
/// seconds.
inline bool run_until(EventLoop& loop, std::function<bool()> done) {
  bool in_time = false;
  Deadline too_long(loop, [&] { loop.stop(); });
  too_long.set(10s);
  loop.set_turn_end([&] {
    if (!in_time && done()) {
      in_time = true;
      loop.stop();
    }
    return false;
  });
  loop.run();
  loop.set_turn_end(nullptr);
  return in_time;
}

inline void run_for(EventLoop& loop, Duration time) {
  Deadline over(loop, [&] { loop.stop(); });
  over.set(time);
  loop.run();
}

/// When the loop turned in 300 ms, in whose first turn `begin` is called.
inline std::vector<Time> turns_from(EventLoop& loop, const std::function<void()>& begin) {
  std::vector<Time> turns;
  loop.set_turn_end([&] {
    if (turns.empty()) begin();
    turns.push_back(loop.now());
    return false;
  });
  run_for(loop, 300ms);
  loop.set_turn_end(nullptr);
  return turns;
}

inline Address address(std::string_view text) {
  std::string why;
  const auto parsed = parse_host_port(text, why);
  EXPECT_TRUE(parsed) << why;
  return *numeric_address(*parsed);
}

/// A connected pair of unix sockets, with small buffers in the kernel if asked for.
inline std::pair<Fd, Fd> socket_pair(std::optional<int> buffer = {}) {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  for (const int fd : fds) {
    if (buffer) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &*buffer, sizeof *buffer);
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// `size` bytes that repeat after a long while only, so that a lost, doubled or swapped piece shows.
inline std::string noise(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  unsigned state = seed;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

/// Queues `text` as an HTTP/2 connection would: frame headers and control bytes between slices of blocks of
/// changing size. Returns what must arrive.
inline std::string queue_frames(pool::Output& output, std::string_view text) {
  std::string expected;
  const std::size_t sizes[] = {16'000, 1, 300, 9'000, 4'096, 12, 70'000, 4'095};
  for (std::size_t at = 0, i = 0; at < text.size(); ++i) {
    const auto part = text.substr(at, sizes[i % std::size(sizes)]);
    at += part.size();
    pool::BlockRef block = pool::Block::make_doorbell(part.size());
    const auto source = bytes_of(part);
    std::copy(source.begin(), source.end(), block->space().begin());
    block->fill(part.size());
    const std::string header = "frame" + std::to_string(i % 10);
    output.append(bytes_of(header), pool::Slice{block, block->filled()});
    expected.append(header).append(part);
    if (i % 3 == 0) {
      output.append(bytes_of("control"));
      expected += "control";
    }
  }
  return expected;
}

/// One end of a connection under test: tells what happened, reads all that comes and writes what is queued.
class End : public TransportEvents {
 public:
  explicit End(std::unique_ptr<Transport> made) : transport(std::move(made)) { transport->set_events(this); }

  void on_open() override {
    ++opened;
    flush();
  }
  void on_readable() override {
    ++readables;
    if (!reads) return;
    std::vector<std::byte> buffer(read_size * spaces);
    std::vector<pool::Space> places(spaces);
    for (std::size_t i = 0; i < spaces; ++i) places[i].bytes = std::span(buffer).subspan(i * read_size, read_size);
    const auto result = spaces == 1 ? transport->read(buffer) : transport->read_scattered(places);
    received.append(reinterpret_cast<const char*>(buffer.data()), result.bytes);
    if (result.status == Transport::Status::closed || result.status == Transport::Status::failed)
      end = result.status;
  }
  void on_writable() override {
    ++writables;
    flush();
  }
  void on_open_failed(std::string_view reason) override { failure = reason; }

  void flush() { written = transport->write(output).status; }

  std::unique_ptr<Transport> transport;
  pool::Output output;
  std::string received;
  std::string failure;
  std::size_t read_size = 5'000;
  std::size_t spaces = 1;  // of read_size each, read into at once
  bool reads = true;
  int opened = 0;
  int readables = 0;
  int writables = 0;
  Transport::Status written = Transport::Status::ok;
  Transport::Status end = Transport::Status::ok;
};

}  // namespace gateway
