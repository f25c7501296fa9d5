#include "gateway/local_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "gateway/exchange.h"
#include "gateway/grpc.h"

namespace gateway {
namespace {

constexpr std::size_t kMaxText = 400;  // bytes; fits into the smallest block

/// One line of printable text, whatever a peer put into the reason.
std::string body_text(const Error& error) {
  std::string text = fmt::format("{} {}", error.status, error.reason.substr(0, kMaxText));
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text + "\n";
}

}  // namespace

void LocalReply::start(Exchange& exchange) {
  exchange.request_body().close();
  const bool may_be_grpc = exchange.origin().protocol == "2" && !exchange.asks_tunnel();
  if (may_be_grpc && is_grpc(exchange.request())) return exchange.respond(grpc_failure(error_), false);
  const std::string text = body_text(error_);
  pool::Pipe& body = exchange.response_body();
  const bool is_head = exchange.request().get(":method") == "HEAD";
  const bool has_body = !is_head && body.writable().size() >= text.size();

  h2::HeaderList head;
  head.add(":status", fmt::to_string(error_.status));
  if (has_body || is_head) {
    head.add("content-type", "text/plain; charset=utf-8");
    head.add("content-length", fmt::to_string(text.size()));
  } else {
    head.add("content-length", "0");
  }
  if (error_.status == 503) head.add("retry-after", "1");
  if (error_.status == 426) head.add("sec-websocket-version", "13");
  exchange.respond(std::move(head), has_body);
  if (!has_body) return;
  body.write(std::as_bytes(std::span(text)));
  body.finish();
}

}  // namespace gateway
