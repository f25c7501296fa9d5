#include "gateway/http1/websocket_handshake.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <utility>

#include "gateway/http1/message_writer.h"

namespace gateway {
namespace {

using Kind = WebSocketUpgrade::Kind;
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

h2::HeaderList list_of(const Fields& fields) {
  h2::HeaderList list;
  for (const auto& [name, value] : fields) list.add(name, value);
  return list;
}

h2::HeaderList ask(std::string_view key = kKey, std::string_view version = "13", std::string_view method = "GET") {
  return list_of({{":method", method},
                  {":scheme", "http"},
                  {":path", "/"},
                  {"host", "a"},
                  {"upgrade", "WebSocket"},
                  {"connection", "keep-alive, Upgrade"},
                  {"sec-websocket-version", version},
                  {"sec-websocket-key", key}});
}

std::string text_of(const h2::HeaderList& list) {
  std::string text;
  for (const h2::HeaderField field : list) text.append(field.name).append("=").append(field.value).append(" ");
  return text;
}

TEST(WebSocketHandshake, AcceptsAsTheRfcDoes) {
  EXPECT_EQ(websocket_accept(kKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 §1.3
}

TEST(WebSocketHandshake, IsAskedForInOneFormOnly) {
  const h2::HeaderList head = ask();
  const WebSocketUpgrade asked = read_websocket_upgrade(head, true, false);
  EXPECT_EQ(asked.kind, Kind::asked);
  EXPECT_EQ(asked.key, kKey);
  EXPECT_EQ(read_websocket_upgrade(head, false, false).kind, Kind::none) << "HTTP/1.0 upgrades nothing";
  h2::HeaderList other = ask();
  other.set("connection", "keep-alive");
  EXPECT_EQ(read_websocket_upgrade(other, true, false).kind, Kind::none);
  other = ask();
  other.set("upgrade", "h2c");
  EXPECT_EQ(read_websocket_upgrade(other, true, false).kind, Kind::none);
}

TEST(WebSocketHandshake, ABrokenOneHasAStatus) {
  EXPECT_EQ(read_websocket_upgrade(ask(), true, true).status, 400) << "a body";
  EXPECT_EQ(read_websocket_upgrade(ask(kKey, "13", "POST"), true, false).status, 400);
  for (const auto* version : {"8", "013", "13, 8", ""}) {
    EXPECT_EQ(read_websocket_upgrade(ask(kKey, version), true, false).status, 426) << version;
  }
  for (const auto* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==A",
                          "AAAA====AAAAAAAAAAAAAA==", "dGhlIHNhbXBsZSBub25 ZQ==", "dGhlIHNhbXBsZSBub25-ZQ==",
                          "AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_EQ(read_websocket_upgrade(ask(key), true, false).status, 400) << key;
  }
  h2::HeaderList twice = ask();
  twice.add("sec-websocket-key", kKey);
  EXPECT_EQ(read_websocket_upgrade(twice, true, false).status, 400);
}

TEST(WebSocketHandshake, GoesToHttp2sFormAndBack) {
  const h2::HeaderList request = list_of({{":method", "GET"},
                                          {":scheme", "http"},
                                          {":authority", "a"},
                                          {":path", "/chat"},
                                          {"content-length", "0"},
                                          {"sec-websocket-version", "13"},
                                          {"sec-websocket-key", kKey},
                                          {"origin", "http://b"}});
  h2::HeaderList connect = websocket_connect(request);
  EXPECT_EQ(text_of(connect),
            ":method=CONNECT :protocol=websocket :scheme=http :authority=a :path=/chat sec-websocket-version=13 "
            "origin=http://b ");
  add_websocket_key(kKey, connect);
  std::string out;
  const WrittenHead head = write_request_head(connect, false, out);
  EXPECT_EQ(head.error, "");
  EXPECT_EQ(head.framing, Framing::none);
  EXPECT_EQ(out,
            "GET /chat HTTP/1.1\r\nhost: a\r\nsec-websocket-version: 13\r\norigin: http://b\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  h2::HeaderList bare = list_of({{":method", "CONNECT"}, {":protocol", "websocket"}});
  add_websocket_key(kKey, bare);
  EXPECT_EQ(bare.get("sec-websocket-version"), "13");
}

TEST(WebSocketHandshake, TheAnswerGoesThereAndBack) {
  const h2::HeaderList answer = list_of({{":status", "101"},
                                         {"upgrade", "websocket"},
                                         {"connection", "Upgrade"},
                                         {"sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}});
  EXPECT_EQ(judge_websocket_answer(answer, kKey), "");
  EXPECT_NE(judge_websocket_answer(answer, make_websocket_key()), "");
  for (const auto* missing : {"upgrade", "connection", "sec-websocket-accept"}) {
    h2::HeaderList other = answer;
    other.remove(missing);
    EXPECT_NE(judge_websocket_answer(other, kKey), "") << missing;
  }
  const h2::HeaderList response = websocket_response(
      list_of({{":status", "101"}, {"sec-websocket-accept", "x"}, {"sec-websocket-protocol", "chat"}}));
  EXPECT_EQ(text_of(response), ":status=200 sec-websocket-protocol=chat ");
  std::string out;
  const WrittenHead head = write_response_head(websocket_accepted(response, kKey), true, {.method = "CONNECT"}, out);
  EXPECT_EQ(head.framing, Framing::until_close);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(out,
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: chat\r\n"
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
}

TEST(WebSocketHandshake, KeysAreRandomAndWhatAServerTakes) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    const std::string key = make_websocket_key();
    EXPECT_EQ(read_websocket_upgrade(ask(key), true, false).kind, Kind::asked) << key;
    keys.insert(key);
  }
  EXPECT_EQ(keys.size(), 100U);
}

TEST(WebSocketHandshake, A426TellsOfTheVersionInBothWays) {
  std::string out;
  EXPECT_EQ(write_response_head(list_of({{":status", "426"}, {"sec-websocket-version", "13"}}), false, {}, out).error, "");
  EXPECT_EQ(out,
            "HTTP/1.1 426 Upgrade Required\r\nsec-websocket-version: 13\r\ncontent-length: 0\r\n"
            "upgrade: websocket\r\nconnection: upgrade\r\n\r\n");
}

}  // namespace
}  // namespace gateway
