#include "gateway/net/tls_transport.h"

#include <gmock/gmock.h>
#include <malloc.h>

#include "gateway/net/listener.h"
#include "gateway/net/tcp_transport.h"
#include "tests/gateway/net/net_fixture.h"
#include "tests/gateway/net/test_certificates.h"

namespace gateway {
namespace {

using testing::HasSubstr;
using Status = Transport::Status;

struct Pair {
  std::unique_ptr<End> client;
  std::unique_ptr<End> server;
  bool open() const { return client->opened == 1 && server->opened == 1; }
};

struct TlsTransportTest : testing::Test {
  static void SetUpTestSuite() { certs = new TestCertificates; }
  static void TearDownTestSuite() { delete certs; }

  std::unique_ptr<TlsServerContext> server_context(TlsServerContext::Options options) {
    std::string why;
    if (options.key_pairs.empty())
      options.key_pairs = {{(*certs)("localhost.crt"), (*certs)("localhost.key")}};
    auto context = TlsServerContext::make(options, why);
    EXPECT_TRUE(context) << why;
    return context;
  }
  std::unique_ptr<TlsClientContext> client_context(TlsClientContext::Options options) {
    std::string why;
    auto context = TlsClientContext::make(options, why);
    EXPECT_TRUE(context) << why;
    return context;
  }
  TlsClientContext::Options trusting() {
    return {.ca_file = (*certs)("ca.crt"), .server_name = "localhost", .alpn = {"h2"}};
  }

  Pair connect(std::pair<Fd, Fd> fds) {
    return {
        std::make_unique<End>(
            make_tls_client_transport(loop, std::move(fds.first), "unix", *client_side, "")),
        std::make_unique<End>(make_tls_server_transport(loop, std::move(fds.second), "unix", *server_side))};
  }
  /// What each side says when the handshake fails: client, server.
  std::pair<std::string, std::string> refusal() {
    Pair pair = connect(socket_pair());
    EXPECT_TRUE(
        run_until(loop, [&] { return !pair.client->failure.empty() && !pair.server->failure.empty(); }));
    EXPECT_EQ(pair.client->opened + pair.server->opened, 0);
    return {pair.client->failure, pair.server->failure};
  }

  static inline TestCertificates* certs = nullptr;
  EventLoop loop;
  std::unique_ptr<TlsServerContext> server_side = server_context({.alpn = {"h2"}, .require_alpn = true});
  std::unique_ptr<TlsClientContext> client_side = client_context(trusting());
};

TEST_F(TlsTransportTest, ShakesHandsOverTcp) {
  std::string why;
  auto socket = ListeningSocket::open(address("127.0.0.1:0"), why);
  ASSERT_TRUE(socket) << why;
  std::unique_ptr<End> server;
  Listener listener(loop, std::move(*socket),
                    {[&](Fd fd, const Address& peer) {
                       server = std::make_unique<End>(
                           make_tls_server_transport(loop, std::move(fd), ip_text(peer), *server_side));
                     },
                     nullptr});
  End client(connect_tls(loop, listener.bound_address(), *client_side, "ignored: the context has a name"));
  client.output.append(bytes_of("hello"));
  ASSERT_TRUE(run_until(loop, [&] { return server && server->received == "hello"; })) << client.failure;
  EXPECT_EQ(client.transport->alpn(), "h2");
  EXPECT_EQ(server->transport->alpn(), "h2");
  EXPECT_EQ(server->transport->peer(), "127.0.0.1");
  EXPECT_TRUE(server->transport->secure());
}

TEST_F(TlsTransportTest, SaysWhyItCannotConnect) {
  std::string why;
  Address nobody = ListeningSocket::open(address("127.0.0.1:0"), why)->bound_address();
  End refused(connect_tls(loop, nobody, *client_side, ""));
  End no_file(connect_tls(loop, address("unix:/nowhere/at/all.sock"), *client_side, ""));
  ASSERT_TRUE(run_until(loop, [&] { return !refused.failure.empty() && !no_file.failure.empty(); }));
  EXPECT_EQ(refused.failure, "connection refused");
  EXPECT_EQ(no_file.failure, "no such file or directory");
}

TEST_F(TlsTransportTest, RefusesAClientThatOffersOtherProtocols) {
  TlsClientContext::Options options = trusting();
  options.alpn = {"http/1.1", "spdy/3"};
  client_side = client_context(options);
  const auto [client, server] = refusal();
  EXPECT_EQ(client, "peer sent the TLS alert \"no application protocol\"");
  EXPECT_EQ(server, "no protocol in common with the peer (ALPN)");
}

TEST_F(TlsTransportTest, RefusesAClientWithoutAlpnIfRequired) {
  TlsClientContext::Options options = trusting();
  options.alpn.clear();
  client_side = client_context(options);
  const auto [client, server] = refusal();
  EXPECT_EQ(client, "peer sent the TLS alert \"no application protocol\"");
  EXPECT_EQ(server, "peer offers no protocol (ALPN)");

  server_side = server_context({.alpn = {"h2"}, .require_alpn = false});
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  EXPECT_EQ(pair.client->transport->alpn(), "");
  EXPECT_EQ(pair.server->transport->alpn(), "");
}

TEST_F(TlsTransportTest, ServersOrderOfProtocolsDecides) {
  TlsClientContext::Options options = trusting();
  options.alpn = {"http/1.1", "h2"};
  client_side = client_context(options);
  server_side = server_context({.alpn = {"h2", "http/1.1"}});
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  EXPECT_EQ(pair.client->transport->alpn(), "h2");
}

TEST_F(TlsTransportTest, RefusesACertificateOfAnUnknownAuthority) {
  client_side = client_context({.server_name = "localhost", .alpn = {"h2"}});  // the system's store
  const auto [client, server] = refusal();
  EXPECT_EQ(client, "certificate verify failed: unable to get local issuer certificate");
  EXPECT_EQ(server, "peer sent the TLS alert \"unknown CA\"");
}

TEST_F(TlsTransportTest, RefusesACertificateForAnotherName) {
  server_side =
      server_context({.key_pairs = {{(*certs)("other.crt"), (*certs)("other.key")}}, .alpn = {"h2"}});
  EXPECT_EQ(refusal().first, "certificate verify failed: hostname mismatch (it is not for localhost)");
  TlsClientContext::Options options = trusting();
  options.server_name = "127.0.0.1";
  client_side = client_context(options);
  EXPECT_EQ(refusal().first, "certificate verify failed: IP address mismatch (it is not for 127.0.0.1)");
}

TEST_F(TlsTransportTest, AcceptsEachNameOfTheCertificate) {
  for (const char* name : {"localhost", "app.internal", "127.0.0.1", "::1"}) {
    TlsClientContext::Options options = trusting();
    options.server_name = name;
    client_side = client_context(options);
    Pair pair = connect(socket_pair());
    EXPECT_TRUE(run_until(loop, [&] { return pair.open(); })) << name << ": " << pair.client->failure;
  }
}

TEST_F(TlsTransportTest, NeverVerifiesWithoutAName) {
  TlsClientContext::Options options = trusting();
  options.server_name.clear();
  client_side = client_context(options);
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return !pair.client->failure.empty(); }));
  EXPECT_THAT(pair.client->failure, HasSubstr("no name to verify"));
}

TEST_F(TlsTransportTest, VerifiesNothingIfToldSo) {
  server_side =
      server_context({.key_pairs = {{(*certs)("other.crt"), (*certs)("other.key")}}, .alpn = {"h2"}});
  client_side = client_context({.verify = false, .alpn = {"h2"}});
  Pair pair = connect(socket_pair());
  EXPECT_TRUE(run_until(loop, [&] { return pair.open(); }));
}

TEST_F(TlsTransportTest, TellsThatThePeerDoesNotSpeakTls) {
  auto [a, b] = socket_pair();
  End client(make_tls_client_transport(loop, std::move(a), "unix", *client_side, ""));
  auto [c, d] = socket_pair();
  End server(make_tls_server_transport(loop, std::move(c), "unix", *server_side));
  ASSERT_EQ(::send(b.get(), "HTTP/1.1 400 \r\n\r\n", 17, 0), 17);
  ASSERT_EQ(::send(d.get(), "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
  ASSERT_TRUE(run_until(loop, [&] { return !client.failure.empty() && !server.failure.empty(); }));
  EXPECT_EQ(client.failure, "peer does not speak TLS");
  EXPECT_EQ(server.failure, "peer speaks cleartext HTTP");
}

TEST_F(TlsTransportTest, TellsOfAPeerThatLeavesDuringTheHandshake) {
  auto [a, b] = socket_pair();
  End client(make_tls_client_transport(loop, std::move(a), "unix", *client_side, ""));
  run_for(loop, 5ms);
  ::shutdown(b.get(), SHUT_RDWR);
  ASSERT_TRUE(run_until(loop, [&] { return !client.failure.empty(); }));
  EXPECT_EQ(client.failure, "peer closed the connection during the handshake");
}

TEST_F(TlsTransportTest, BlocksAndControlBytesArriveInOrderThroughSmallBuffers) {
  Pair pair = connect(socket_pair(4096));
  pair.server->spaces = 3;  // and so many are read into at once
  const std::string to_server = queue_frames(pair.client->output, noise(1 << 20, 1));
  const std::string to_client = queue_frames(pair.server->output, noise(1 << 20, 2));
  ASSERT_TRUE(run_until(loop, [&] {
    return pair.server->received.size() >= to_server.size() &&
           pair.client->received.size() >= to_client.size();
  }));
  EXPECT_TRUE(pair.server->received == to_server);
  EXPECT_TRUE(pair.client->received == to_client);
  EXPECT_GT(pair.client->writables, 10);
  EXPECT_TRUE(pair.client->output.empty());
}

TEST_F(TlsTransportTest, WhatIsAppendedWhileARecordWaitsDoesNotDisturbIt) {
  Pair pair = connect(socket_pair(4096));
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  pair.server->reads = false;
  std::string expected;
  for (int i = 0; i < 2000;
       ++i) {  // small pieces, which are gathered; some of them after the socket was full
    const std::string piece = noise(static_cast<std::size_t>(1 + i % 90), static_cast<unsigned>(i));
    pair.client->output.append(bytes_of(piece));
    expected += piece;
    if (i % 7 == 0) pair.client->flush();
  }
  EXPECT_EQ(pair.client->written, Status::again);
  pair.server->reads = true;
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->received.size() >= expected.size(); }));
  EXPECT_TRUE(pair.server->received == expected);
}

TEST_F(TlsTransportTest, ReadableComesAgainWhileTlsHoldsBytes) {
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  pair.server->read_size = 10;
  const std::string text = noise(10'000);
  pair.client->output.append(bytes_of(text));
  pair.client->flush();
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->received.size() >= 5'000; }));
  pair.server->transport->want_read(false);
  const std::size_t before = pair.server->received.size();
  run_for(loop, 10ms);
  EXPECT_EQ(pair.server->received.size(), before);
  pair.server->transport->want_read(true);
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->received.size() == text.size(); }));
  EXPECT_EQ(pair.server->received, text);
}

TEST_F(TlsTransportTest, IdleConnectionCostsNoTurns) {
  Pair pair = connect(socket_pair());
  pair.client->output.append(bytes_of("x"));
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->received == "x"; }));
  int turns = 0;
  loop.set_turn_end([&] { return ++turns, false; });
  run_for(loop, 50ms);
  EXPECT_LT(turns, 20);
}

TEST_F(TlsTransportTest, CloseNotifyEndsInOrderAndReadingGoesOn) {
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  pair.client->output.append(bytes_of("last words"));
  pair.client->flush();
  pair.client->transport->shutdown();
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->end != Status::ok; }));
  EXPECT_EQ(pair.server->end, Status::closed);
  EXPECT_EQ(pair.server->received, "last words");
  pair.server->output.append(bytes_of("answer"));
  pair.server->flush();
  EXPECT_TRUE(run_until(loop, [&] { return pair.client->received == "answer"; }));
}

TEST_F(TlsTransportTest, DestructorSendsCloseNotify) {
  Pair pair = connect(socket_pair());
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  pair.server->transport.reset();
  ASSERT_TRUE(run_until(loop, [&] { return pair.client->end != Status::ok; }));
  EXPECT_EQ(pair.client->end, Status::closed);
}

TEST_F(TlsTransportTest, TruncationIsAFailure) {
  auto fds = socket_pair();
  const Fd wire(::dup(fds.first.get()));
  Pair pair = connect(std::move(fds));
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  pair.client->output.append(bytes_of("half of the bo"));
  pair.client->flush();
  ::shutdown(wire.get(), SHUT_RDWR);
  ASSERT_TRUE(run_until(loop, [&] { return pair.server->end != Status::ok; }));
  EXPECT_EQ(pair.server->received, "half of the bo");
  EXPECT_EQ(pair.server->end, Status::failed);
  EXPECT_EQ(pair.server->transport->error(), "peer closed without close_notify");
  const int before = pair.server->readables;
  run_for(loop, 10ms);
  EXPECT_EQ(pair.server->readables, before);
}

TEST_F(TlsTransportTest, WritingToAPeerThatIsGoneFails) {
  auto fds = socket_pair();
  const Fd wire(::dup(fds.second.get()));
  Pair pair = connect(std::move(fds));
  ASSERT_TRUE(run_until(loop, [&] { return pair.open(); }));
  ::shutdown(wire.get(), SHUT_RDWR);
  pair.client->transport->want_read(false);
  pair.client->output.append(bytes_of("x"));
  pair.client->flush();
  EXPECT_EQ(pair.client->written, Status::failed);
  EXPECT_EQ(pair.client->transport->error(), "broken pipe");
}

TEST_F(TlsTransportTest, IdleConnectionsKeepNoRecordBuffers) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has an allocator of its own";
#endif
  std::vector<Pair> pairs;
  const auto connect_and_talk = [&] {
    pairs.push_back(connect(socket_pair()));
    Pair& pair = pairs.back();
    pair.client->output.append(bytes_of("ping"));
    pair.server->output.append(bytes_of("pong"));
    ASSERT_TRUE(
        run_until(loop, [&] { return pair.server->received == "ping" && pair.client->received == "pong"; }));
  };
  // Only the server's ends are counted: a client keeps a handshake buffer after the server's session ticket.
  constexpr std::size_t kPairs = 50;
  for (std::size_t i = 0; i < kPairs; ++i) connect_and_talk();
  const std::size_t before = ::mallinfo2().uordblks;
  for (Pair& pair : pairs) pair.server->transport.reset();
  const std::size_t per_connection = (before - ::mallinfo2().uordblks) / kPairs;
  RecordProperty("bytes_per_connection", static_cast<int>(per_connection));
  EXPECT_LT(per_connection, 24U * 1024);  // it is some 14 KiB; one record buffer would add 17
}

}  // namespace
}  // namespace gateway
