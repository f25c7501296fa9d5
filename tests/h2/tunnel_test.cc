// Tunnels (RFC 8441): who may ask, what each end of them means, and that a silent one holds no block.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/frame_builder.h"
#include "tests/support/raw_server.h"
#include "tests/support/session_pair.h"

namespace h2 {
namespace {

using support::End;
using support::FrameBuilder;
using support::SessionPair;
using support::Side;

HeaderList connect_head() {
  HeaderList head;
  head.add(":method", "CONNECT");
  head.add(":protocol", "websocket");
  head.add(":scheme", "https");
  head.add(":authority", "test");
  head.add(":path", "/");
  return head;
}

HeaderList status(std::string_view code) {
  HeaderList head;
  head.add(":status", code);
  return head;
}

/// A client and a server with a tunnel, which the server has answered.
struct Tunnel {
  explicit Tunnel(std::string_view code = "200") : pair({}, 8, {}, 8, {}) {
    EXPECT_TRUE(pair.run());
    pair.server.serve = [code](Side& side, bool) {
      side.source.ends = false;
      side.stream->respond(status(code), &side.out);
    };
    client = &pair.client.request(connect_head(), "hello");
    client->source.ends = false;
    EXPECT_TRUE(pair.run());
    server = pair.server.sides.front().get();
  }
  SessionPair pair;
  Side* client = nullptr;
  Side* server = nullptr;
};

TEST(Tunnels, AreAnnouncedByAServerOnly) {
  SessionPair pair({}, 8, {}, 8, {});
  ASSERT_TRUE(pair.run());
  EXPECT_TRUE(pair.client.session->peer_takes_tunnels());
  EXPECT_FALSE(pair.server.session->peer_takes_tunnels());
}

TEST(Tunnels, TheServersEndLeavesTheClientsDirectionOpen) {
  Tunnel tunnel;
  EXPECT_EQ(tunnel.server->sink.body, "hello");
  tunnel.server->source.ends = true;
  tunnel.server->out.finish();
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.client->in.end(), pool::Pipe::End::finished);
  EXPECT_EQ(tunnel.server->closed_count, 0) << "no RST_STREAM(NO_ERROR) behind the answer";
  tunnel.client->source.body += " again";
  tunnel.client->source.ends = true;
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.server->sink.body, "hello again");
  EXPECT_EQ(tunnel.server->closed_count, 1);
  EXPECT_EQ(tunnel.server->closed, ErrorCode::no_error);
}

TEST(Tunnels, AServerThatWantsNoMoreResetsTheClientsDirection) {
  Tunnel tunnel;
  tunnel.server->source.ends = true;
  tunnel.server->out.finish();
  ASSERT_TRUE(tunnel.pair.run());
  tunnel.server->in.close();
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.client->closed, ErrorCode::no_error);
  EXPECT_TRUE(tunnel.client->by_peer);
}

TEST(Tunnels, OneThatIsRefusedIsAStreamAsOthers) {
  Tunnel tunnel("403");
  tunnel.server->source.ends = true;
  tunnel.server->out.finish();
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.server->closed_count, 1) << "RST_STREAM(NO_ERROR) behind the answer";
}

TEST(Tunnels, ABrokenOneIsCancelled) {
  Tunnel tunnel;
  tunnel.server->out.fail();
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.client->closed, ErrorCode::cancel);
}

TEST(Tunnels, HoldNoBlockBeforeTheDoorbellIsUsedUp) {
  Tunnel tunnel;
  EXPECT_EQ(tunnel.pair.server_house.used(), 0U);
  EXPECT_EQ(tunnel.pair.client_house.used(), 0U) << "nor for what the server may send";
  EXPECT_EQ(tunnel.server->in.promised(), SessionLimits().doorbell - 5);
  // Many small messages do with the doorbell, as it returns.
  for (int i = 0; i < 100; ++i) {
    tunnel.client->source.body += std::string(500, 'x');
    ASSERT_TRUE(tunnel.pair.run());
    ASSERT_EQ(tunnel.pair.server_house.used(), 0U);
  }
  EXPECT_EQ(tunnel.server->sink.body.size(), 5U + 100 * 500);
  // A large one is invited beyond it.
  tunnel.client->source.body += std::string(100'000, 'y');
  ASSERT_TRUE(tunnel.pair.run());
  EXPECT_EQ(tunnel.server->sink.body.size(), 5U + 100 * 500 + 100'000);
  EXPECT_GT(tunnel.pair.server_house.pool.stats().used_max[0], 0U);
}

}  // namespace
}  // namespace h2
