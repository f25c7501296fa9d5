#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "gateway/net/tls_context.h"
#include "gateway/net/tls_transport.h"
#include "tests/gateway/net/net_fixture.h"
#include "tests/gateway/net/test_certificates.h"

namespace {
int receive_calls = 0;
}  // namespace

/// In place of libc's, for all of this program: counts.
extern "C" ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  ++receive_calls;
  return ::recvfrom(fd, buffer, size, flags, nullptr, nullptr);
}

namespace gateway {
namespace {

TEST(TlsReadAhead, AskedForAWholeScratchTheSocketIsNotAskedForPiecesOfRecords) {
  const TestCertificates certs;
  std::string why;
  const auto server_side = TlsServerContext::make({.key_pairs = {{certs("localhost.crt"), certs("localhost.key")}}}, why);
  const auto client_side = TlsClientContext::make({.verify = false}, why);
  ASSERT_TRUE(server_side && client_side) << why;
  EventLoop loop;
  auto [a, b] = socket_pair(1 << 20);
  End client(make_tls_client_transport(loop, std::move(a), "unix", *client_side, ""));
  End server(make_tls_server_transport(loop, std::move(b), "unix", *server_side));
  ASSERT_TRUE(run_until(loop, [&] { return client.opened == 1 && server.opened == 1; }));

  // Much is there when the server begins to read, as where a client is faster.
  server.transport->want_read(false);
  constexpr std::size_t kRecords = 16;
  const std::string text = noise(kRecords * 16 * 1024);
  for (std::size_t i = 0; i < kRecords; ++i) {
    client.output.append(bytes_of(std::string_view(text).substr(i * 16 * 1024, 16 * 1024)));
  }
  client.flush();
  server.read_size = 80 * 1024;
  server.transport->want_read(true);
  receive_calls = 0;
  ASSERT_TRUE(run_until(loop, [&] { return server.received.size() == text.size(); }));
  EXPECT_TRUE(server.received == text);
  EXPECT_LE(receive_calls, static_cast<int>(kRecords));
}

}  // namespace
}  // namespace gateway
