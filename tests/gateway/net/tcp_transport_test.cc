#include "gateway/net/tcp_transport.h"

#include "gateway/net/listener.h"
#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

using Status = Transport::Status;

struct TcpTransportTest : testing::Test {
  std::pair<std::unique_ptr<End>, std::unique_ptr<End>> pair(std::optional<int> buffer = {}) {
    auto [a, b] = socket_pair(buffer);
    return {std::make_unique<End>(make_tcp_transport(loop, std::move(a), "unix")),
            std::make_unique<End>(make_tcp_transport(loop, std::move(b), "unix"))};
  }
  EventLoop loop;
};

TEST_F(TcpTransportTest, ConnectsToAListener) {
  std::string why;
  auto socket = ListeningSocket::open(address("127.0.0.1:0"), why);
  ASSERT_TRUE(socket) << why;
  std::unique_ptr<End> server;
  Listener listener(loop, std::move(*socket),
                    {[&](Fd fd, const Address& peer) {
                       server = std::make_unique<End>(make_tcp_transport(loop, std::move(fd), ip_text(peer)));
                     },
                     nullptr});
  End client(connect_tcp(loop, listener.bound_address()));
  EXPECT_FALSE(client.transport->open());
  client.output.append(bytes_of("hello"));
  ASSERT_TRUE(run_until(loop, [&] { return server && server->received == "hello"; }));
  EXPECT_EQ(client.opened, 1);
  EXPECT_EQ(server->opened, 1);
  EXPECT_TRUE(client.transport->open());
  EXPECT_EQ(client.transport->peer(), "127.0.0.1");
  EXPECT_EQ(server->transport->peer(), "127.0.0.1");
  EXPECT_EQ(client.transport->alpn(), "");
  EXPECT_FALSE(client.transport->secure());
}

TEST_F(TcpTransportTest, SaysWhyItCannotConnect) {
  std::string why;
  Address nobody = ListeningSocket::open(address("127.0.0.1:0"), why)->bound_address();
  End client(connect_tcp(loop, nobody));
  End no_file(connect_tcp(loop, address("unix:/nowhere/at/all.sock")));
  ASSERT_TRUE(run_until(loop, [&] { return !client.failure.empty() && !no_file.failure.empty(); }));
  EXPECT_EQ(client.failure, "connection refused");
  EXPECT_EQ(no_file.failure, "no such file or directory");
  EXPECT_EQ(client.opened, 0);
  EXPECT_EQ(client.transport->error(), "connection refused");
}

TEST_F(TcpTransportTest, BlocksAndControlBytesArriveInOrderThroughSmallBuffers) {
  auto [a, b] = pair(4096);
  const std::string to_b = queue_frames(a->output, noise(1 << 20, 1));
  const std::string to_a = queue_frames(b->output, noise(700'000, 2));
  ASSERT_TRUE(run_until(
      loop, [&] { return b->received.size() >= to_b.size() && a->received.size() >= to_a.size(); }));
  EXPECT_TRUE(b->received == to_b);
  EXPECT_TRUE(a->received == to_a);
  EXPECT_GT(a->writables, 10);
  EXPECT_TRUE(a->output.empty());
  EXPECT_EQ(a->written, Status::ok);
}

TEST_F(TcpTransportTest, ReadableComesAgainWhileBytesRemain) {
  auto [a, b] = pair();
  b->read_size = 10;
  a->output.append(bytes_of(noise(1000)));
  ASSERT_TRUE(run_until(loop, [&] { return b->received.size() == 1000; }));
  EXPECT_GE(b->readables, 100);
}

TEST_F(TcpTransportTest, OneReadFillsSeveralSpacesInOrder) {
  auto [a, b] = pair();
  b->spaces = 3;
  b->read_size = 300;
  a->output.append(bytes_of(noise(2000)));
  ASSERT_TRUE(run_until(loop, [&] { return b->received.size() == 2000; }));
  EXPECT_EQ(b->received, noise(2000));
  EXPECT_EQ(b->readables, 3);
  a.reset();
  ASSERT_TRUE(run_until(loop, [&] { return b->end != Status::ok; }));
  EXPECT_EQ(b->end, Status::closed);
}

TEST_F(TcpTransportTest, ReadsOnlyWhenWanted) {
  auto [a, b] = pair();
  b->transport->want_read(false);
  a->output.append(bytes_of("x"));
  run_for(loop, 20ms);
  EXPECT_EQ(b->opened, 1);
  EXPECT_EQ(b->readables, 0);
  b->transport->want_read(true);
  EXPECT_TRUE(run_until(loop, [&] { return b->received == "x"; }));
}

TEST_F(TcpTransportTest, HalfClosesAndDoesNotSpinAfterwards) {
  auto [a, b] = pair();
  ASSERT_TRUE(run_until(loop, [&] { return a->transport->open() && b->transport->open(); }));
  a->transport->shutdown();
  ASSERT_TRUE(run_until(loop, [&] { return b->end == Status::closed; }));
  const int before = b->readables;
  int turns = 0;
  loop.set_turn_end([&] { return ++turns, false; });
  run_for(loop, 20ms);
  EXPECT_EQ(b->readables, before);
  EXPECT_LT(turns, 20);
  b->output.append(bytes_of("still here"));
  b->flush();
  EXPECT_TRUE(run_until(loop, [&] { return a->received == "still here"; }));
}

TEST_F(TcpTransportTest, TellsOfAReset) {
  std::string why;
  auto listening = ListeningSocket::open(address("127.0.0.1:0"), why);
  End client(connect_tcp(loop, listening->bound_address()));
  Fd server;
  Listener listener(loop, std::move(*listening),
                    {[&](Fd fd, const Address&) { server = std::move(fd); }, nullptr});
  ASSERT_TRUE(run_until(loop, [&] { return server && client.opened == 1; }));
  const linger at_once{1, 0};
  ::setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  server.reset();
  ASSERT_TRUE(run_until(loop, [&] { return client.end != Status::ok; }));
  EXPECT_EQ(client.end, Status::failed);
  EXPECT_EQ(client.transport->error(), "connection reset by peer");
  client.output.append(bytes_of("x"));
  client.flush();
  EXPECT_EQ(client.written, Status::failed);
}

TEST_F(TcpTransportTest, WhatCameBeforeAFailedWriteCanStillBeRead) {
  auto [a, b] = pair();
  ASSERT_TRUE(run_until(loop, [&] { return a->transport->open() && b->transport->open(); }));
  a->transport->want_read(false);
  b->output.append(bytes_of("413"));
  b->flush();
  b->transport.reset();
  a->output.append(bytes_of("the rest of the request"));
  a->flush();
  EXPECT_EQ(a->written, Status::failed);
  EXPECT_EQ(a->transport->error(), "broken pipe");
  a->transport->want_read(true);
  ASSERT_TRUE(run_until(loop, [&] { return a->end != Status::ok; }));
  EXPECT_EQ(a->received, "413");
}

TEST_F(TcpTransportTest, MayDieInAnyCallback) {
  struct Mayfly final : End {
    using End::End;
    void on_open() override {
      if (dies_open) transport.reset();
    }
    void on_readable() override { transport.reset(); }
    bool dies_open = false;
  };
  for (const bool dies_open : {false, true}) {
    auto [a, b] = socket_pair();
    Mayfly mayfly(make_tcp_transport(loop, std::move(a), "unix"));
    mayfly.dies_open = dies_open;
    ASSERT_EQ(::send(b.get(), "x", 1, 0), 1);
    EXPECT_TRUE(run_until(loop, [&] { return !mayfly.transport; }));
  }
}

}  // namespace
}  // namespace gateway
