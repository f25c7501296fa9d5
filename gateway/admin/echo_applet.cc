#include "gateway/admin/echo_applet.h"

#include <cstring>

#include "gateway/exchange.h"

namespace gateway {

void EchoApplet::begin() {
  const h2::HeaderList& request = exchange().request();
  h2::HeaderList fields = head(200, request.get("content-type"));
  const bool has_body = exchange().request_has_body() && request.get(":method") != "HEAD";
  if (!exchange().request_has_body()) fields.add("content-length", "0");
  responding_ = has_body;
  exchange().respond(std::move(fields), has_body);
}

void EchoApplet::copy() {
  if (!responding_) return Applet::on_request_body();
  while (!gone() && copy_piece()) {
  }
  if (gone() || exchange().response_body().end() != pool::Pipe::End::open) return;

  const pool::Pipe& request = exchange().request_body();
  if (request.end() == pool::Pipe::End::failed) {
    return exchange().fail({.source = ErrorSource::client,
                            .status = 400,
                            .reason = "request body was cut short",
                            .retry_safe = false,
                            .code = h2::ErrorCode::cancel});
  }
  if (!request.drained()) return;
  if (const h2::HeaderList* trailers = exchange().request_trailers()) {
    exchange().set_response_trailers(*trailers);
  }
  exchange().response_body().finish();
}

/// False when there is nothing to copy, or no space for it.
bool EchoApplet::copy_piece() {
  pool::Pipe& from = exchange().request_body();
  pool::Pipe& to = exchange().response_body();
  if (from.readable() == 0 || !to.accepting()) return false;
  const std::span<std::byte> space = to.writable();
  if (space.empty()) return to.invite() != 0;
  const pool::Slice slice = from.take(space.size());
  std::memcpy(space.data(), slice.bytes.data(), slice.bytes.size());
  to.commit(slice.bytes.size());
  return true;
}

}  // namespace gateway
