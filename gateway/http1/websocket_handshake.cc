#include "gateway/http1/websocket_handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <span>
#include <stdexcept>

#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

using h2::HeaderField;
using h2::HeaderList;

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kVersion = "13";
constexpr std::string_view kVersionField = "sec-websocket-version";
constexpr std::string_view kKeyField = "sec-websocket-key";
constexpr std::string_view kAcceptField = "sec-websocket-accept";
constexpr std::size_t kKeyBytes = 16;

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                                       static_cast<int>(bytes.size()))));
  return text;
}

/// Sixteen bytes in base64. OpenSSL takes '=' for a zero anywhere.
bool is_key(std::string_view key) {
  constexpr std::size_t kDigits = 22;
  constexpr std::size_t kText = 24;
  if (key.size() != kText || key.find('=') != kDigits || key[kDigits + 1] != '=') return false;
  std::array<unsigned char, kText / 4 * 3> bytes;
  return EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(key.data()), kText) == int{bytes.size()};
}

/// All but that of the connection, and what a tunnel does not have.
void add_fields(const HeaderList& fields, std::string_view left_out, HeaderList& out) {
  for (const HeaderField field : fields) {
    if (field.name.starts_with(':') || field.name == left_out || field.name == "content-length") continue;
    out.add(field.name, field.value, field.sensitive);
  }
}

}  // namespace

WebSocketUpgrade read_websocket_upgrade(const HeaderList& head, bool http_1_1, bool has_body) {
  using enum WebSocketUpgrade::Kind;
  if (!http_1_1 || !list_has(head, "upgrade", "websocket") || !list_has(head, "connection", "upgrade")) return {};
  const auto bad = [](std::string_view reason) {
    return WebSocketUpgrade{.kind = broken, .status = 400, .reason = reason};
  };
  if (head.get(":method") != "GET") return bad("a WebSocket is asked for with GET");
  if (has_body) return bad("a WebSocket's request has no body");
  if (head.get(kVersionField) != kVersion) {
    return {.kind = broken, .status = 426, .reason = "the version of WebSocket is 13"};
  }
  const std::string_view key = head.get(kKeyField);
  if (head.count(kKeyField) != 1 || !is_key(key)) return bad("Sec-WebSocket-Key is not 16 bytes in base64");
  return {.kind = asked, .key = key};
}

HeaderList websocket_connect(const HeaderList& request) {
  HeaderList out;
  out.add(":method", "CONNECT");
  out.add(":protocol", "websocket");
  for (const std::string_view name : {":scheme", ":authority", ":path"}) out.add(name, request.get(name));
  add_fields(request, kKeyField, out);
  return out;
}

HeaderList websocket_accepted(const HeaderList& response, std::string_view key) {
  HeaderList out;
  out.add(":status", "101");
  add_fields(response, kAcceptField, out);
  out.add(kAcceptField, websocket_accept(key));
  return out;
}

std::string make_websocket_key() {
  std::array<unsigned char, kKeyBytes> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::runtime_error("no random bytes");
  return base64(bytes);
}

void add_websocket_key(std::string_view key, HeaderList& request) {
  if (!request.find(kVersionField)) request.add(kVersionField, kVersion);
  request.set(kKeyField, key);
}

std::string_view judge_websocket_answer(const HeaderList& head, std::string_view key) {
  if (!list_has(head, "upgrade", "websocket") || !list_has(head, "connection", "upgrade")) {
    return "status 101 without Upgrade: websocket";
  }
  if (head.count(kAcceptField) != 1 || head.get(kAcceptField) != websocket_accept(key)) {
    return "wrong Sec-WebSocket-Accept";
  }
  return {};
}

HeaderList websocket_response(const HeaderList& head) {
  HeaderList out;
  out.add(":status", "200");
  add_fields(head, kAcceptField, out);
  return out;
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key).append(kGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

}  // namespace gateway
