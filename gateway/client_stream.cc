#include "gateway/client_stream.h"

#include <fmt/core.h>

#include "gateway/stats.h"
#include "gateway/worker_parts.h"
#include "h2/priority_field.h"

namespace gateway {

ClientStream::ClientStream(const WorkerParts& worker, const Exchange::Parts& parts, pool::TurnGroup& group,
                           h2::Stream& stream, h2::HeaderList request, bool request_has_body,
                           RequestOrigin origin, Owner& owner)
    : ClientExchange(worker, parts, group, std::move(request), request_has_body, std::move(origin)),
      owner_(owner),
      stream_(&stream) {
  stream.set_events(this);
  if (request_has_body) stream.set_inbound(&exchange_.request_body());
  if (const auto priority = exchange_.request().find("priority")) on_priority(stream, *priority);
}

// ---- From the stream ----

void ClientStream::on_headers(h2::Stream&, h2::HeadersKind, h2::HeaderList&& headers, bool, bool) {
  // The request came with the stream, so these are its trailers; those beyond the bounds reset the stream
  // before.
  exchange_.set_request_trailers(std::move(headers));
}

void ClientStream::on_priority(h2::Stream&, std::string_view value) {
  exchange_.set_rank(h2::urgency(value));
}

const h2::HeaderList* ClientStream::trailers(h2::Stream&) {
  return exchange_.response_trailers();
}

void ClientStream::on_closed(h2::Stream& stream, h2::ErrorCode code, bool by_peer) {
  const bool is_whole = code == h2::ErrorCode::no_error && stream.local_ended();
  std::string reason;
  if (by_peer) worker_.stats.resets_received.add();
  if (by_peer && !is_whole) {
    reason = fmt::format("client reset it: {}", h2::to_string(code));
  } else if (!is_whole) {
    reason = fmt::format("ended with {}", h2::to_string(code));
  }
  stream_ = nullptr;
  if (is_whole && stream.remote_ended() && exchange_.tunnel_open() && !exchange_.tunnel_over()) return;
  end(reason);
}

void ClientStream::end(std::string_view reason) {
  finish(reason);
  owner_.on_stream_over(*this);
}

// ---- From the exchange ----

void ClientStream::on_interim(const h2::HeaderList& head) {
  if (stream_ != nullptr) stream_->respond(head, nullptr);
}

void ClientStream::respond() {
  if (stream_ == nullptr) return;
  stream_->respond(exchange_.take_response(),
                   exchange_.response_has_body() ? &exchange_.response_body() : nullptr);
}

void ClientStream::on_failed(const Error& error) {
  if (stream_ == nullptr) return end(error.reason);
  worker_.stats.resets_sent.add();
  stream_->reset(error.code);
}

void ClientStream::on_tunnel_over() {
  if (stream_ == nullptr) end("");
}

}  // namespace gateway
