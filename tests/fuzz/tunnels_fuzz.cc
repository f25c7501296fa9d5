// A WebSocket's way through the gateway: its handshake, from either version of HTTP to the other, and the
// codec behind a 101. The first byte says whose words the rest is; in HTTP/2 they are fields, "name: value" a
// line.

#include <algorithm>
#include <string>

#include "gateway/exchange.h"
#include "gateway/forwarding.h"
#include "gateway/http1/message_writer.h"
#include "gateway/http1/websocket_handshake.h"
#include "tests/fuzz/codec_property.h"

namespace gateway::fuzz {
namespace {

using h2::HeaderField;
using h2::HeaderList;
using Kind = WebSocketUpgrade::Kind;

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // of RFC 6455 §1.3: the corpus has its answer
constexpr std::string_view kOurKey = "AAAAAAAAAAAAAAAAAAAAAA==";

WebSocketUpgrade upgrade_of(const Told::Head& head) {
  return read_websocket_upgrade(head.fields, head.http_1_1, head.has_body);
}

bool opens_tunnel(const Told::Head& head) {
  return upgrade_of(head).kind == Kind::asked && !check_request(client_request(head.fields, "local"));
}

/// Whether nothing is left of the connection, nor of a length, nor `secret`, which belongs to the connection
/// too.
bool is_of_http2(const HeaderList& head, std::string_view secret) {
  for (const HeaderField field : head) {
    if (field.name == secret || field.name == "content-length" || is_connection_specific(field.name))
      return false;
  }
  return true;
}

// ---- What a backend is asked ----

/// The request that `connect`, which may be written, is to a backend in HTTP/1.1: one that asks for a
/// WebSocket with our key, and no other one behind it.
std::string write_connect(HeaderList connect) {
  add_websocket_key(kOurKey, connect);
  std::string text;
  demand(write_request_head(connect, false, text).error.empty(), "what may be forwarded can be written");
  const Told::Head again = read_written(text, {.role = CodecRole::requests});
  const WebSocketUpgrade asked = upgrade_of(again);
  const bool is_known_version = connect.get("sec-websocket-version") == "13";
  demand(is_known_version ? asked.kind == Kind::asked && asked.key == kOurKey : asked.status == 426,
         "it asks as it was asked");
  demand(again.fields.get(":path") == connect.get(":path"), "the path is kept");
  demand(again.fields.get("host") == connect.get(":authority"), "the authority is kept");
  demand(plain_fields(again.fields) == plain_fields(connect), "the fields are kept");
  return text;
}

void ask_from_http1(const Told::Head& head) {
  const WebSocketUpgrade upgrade = upgrade_of(head);
  const bool is_refused = upgrade.status == 400 || upgrade.status == 426;
  demand(is_refused == (upgrade.kind == Kind::broken) && is_refused == !upgrade.reason.empty(),
         "what is broken is refused");
  if (!opens_tunnel(head)) return;
  demand(head.fields.get(":method") == "GET" && head.http_1_1 && !head.has_body,
         "it is asked for in one form");
  demand(upgrade.key.size() == kKey.size() && head.fields.count("sec-websocket-key") == 1,
         "and with one key");
  const HeaderList connect = websocket_connect(client_request(head.fields, "local"));
  demand(asks_tunnel(connect) && !check_request(connect) && is_of_http2(connect, "sec-websocket-key"),
         "it is what a client in HTTP/2 may ask");
  const std::string text = write_connect(connect);
  const Told::Head again = read_written(text, {.role = CodecRole::requests});
  demand(write_connect(websocket_connect(client_request(again.fields, "local"))) == text,
         "written again it is the same");
}

void ask_from_http2(const HeaderList& request) {
  if (check_request(request) || !asks_tunnel(request)) return;
  // A backend may take bytes from 0x80 on in a path. Our own codec, which is to read it again here, does not.
  if (!std::ranges::all_of(request.get(":path"), [](char c) { return c >= 0; })) return;
  write_connect(upstream_request(request, {.peer = "127.0.0.1", .local = "127.0.0.1:1"}));
}

// ---- What its client is answered ----

/// To a client in HTTP/1.1 it is one answer, to its key alone.
void answer_to_http1(const HeaderList& response) {
  const HeaderList accepted = websocket_accepted(response, kOurKey);
  std::string text;
  demand(write_response_head(accepted, true, {}, text).error.empty(), "what was taken can be written");
  const Told::Head again = read_written(text, {.role = CodecRole::responses, .method = "CONNECT"});
  demand(judge_websocket_answer(again.fields, kOurKey).empty(), "it answers the client's key");
  demand(!judge_websocket_answer(again.fields, kKey).empty(), "and no other");
  demand(plain_fields(again.fields) == plain_fields(accepted), "the fields are kept");
}

void answer_from_http1(const Told::Head& head) {
  if (head.fields.get(":status") != "101" || !judge_websocket_answer(head.fields, kKey).empty()) return;
  demand(!judge_websocket_answer(head.fields, kOurKey).empty(), "an answer is to one key");
  const HeaderList response = websocket_response(client_response(head.fields, "1.1"));
  demand(response.get(":status") == "200" && is_of_http2(response, "sec-websocket-accept"),
         "it is what a backend in HTTP/2 would say");
  answer_to_http1(response);
}

// ---- Inputs ----

/// Whatever is behind its head is body, to the last byte.
void pass_through(std::string_view text, const Told& told) {
  demand(text.ends_with(told.body), "a tunnel's bytes are what came");
  text.remove_suffix(told.body.size());
  demand(text.ends_with("\r\n\r\n"), "and all that came behind the head");
}

void read_text(std::string_view text, CodecRole role, std::uint8_t how) {
  const bool is_request = role == CodecRole::requests;
  const Reading reading{.role = role,
                        .method = "CONNECT",
                        .ends = (how & 4) != 0,
                        .opens_tunnel = is_request ? opens_tunnel : nullptr};
  const Told told = read_all_ways(text, reading, how);
  for (const Told::Head& head : told.heads) is_request ? ask_from_http1(head) : answer_from_http1(head);
  if (told.heads.empty()) return;
  const Told::Head& last = told.heads.back();
  if (is_request ? opens_tunnel(last) : last.fields.get(":status") == "101") pass_through(text, told);
}

/// The fields of `text`, behind those of `begin`. A session has seen to their names and values.
HeaderList fields_of(std::string_view text, HeaderList begin = {}) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 2));
    if (is_lower_token(name.starts_with(':') ? name.substr(1) : name) && is_field_value(value))
      begin.add(name, value);
  }
  return begin;
}

}  // namespace
}  // namespace gateway::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gateway;
  using namespace gateway::fuzz;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] & 3) {
    case 0:
      read_text(text, CodecRole::requests, data[0]);
      break;
    case 1:
      read_text(text, CodecRole::responses, data[0]);
      break;
    case 2:
      ask_from_http2(fields_of(text));
      break;
    default: {
      h2::HeaderList status;
      status.add(":status", "200");
      answer_to_http1(client_response(fields_of(text, status), "2"));
    }
  }
  return 0;
}
