#include "gateway/client_stream.h"

#include <fmt/core.h>

#include "gateway/access_log.h"
#include "gateway/admission.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {

ClientStream::ClientStream(const WorkerParts& worker, const Exchange::Parts& parts, pool::TurnGroup& group,
                           h2::Stream& stream, h2::HeaderList request, bool request_has_body, RequestOrigin origin,
                           Owner& owner)
    : worker_(worker),
      owner_(owner),
      stream_(&stream),
      cost_(kStreamCost + request.bytes()),
      exchange_(parts, *this, group, std::move(request), request_has_body, std::move(origin)) {
  stream.set_events(this);
  if (request_has_body) stream.set_inbound(&exchange_.request_body());
  worker_.stats.requests.add();
  worker_.stats.exchanges_active.add();
}

ClientStream::~ClientStream() { worker_.stats.exchanges_active.sub(); }

void ClientStream::start(const Error* refusal) {
  if (refusal != nullptr) {
    exchange_.refuse(*refusal);
  } else {
    exchange_.start();
  }
}

// ---- From the stream ----

void ClientStream::on_headers(h2::Stream&, h2::HeadersKind, h2::HeaderList&& headers, bool, bool) {
  // The request came with the stream, so these are its trailers; those beyond the bounds reset the stream before.
  exchange_.set_request_trailers(std::move(headers));
}

const h2::HeaderList* ClientStream::trailers(h2::Stream&) { return exchange_.response_trailers(); }

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
  exchange_.end(reason);
  record();
  owner_.on_stream_over(*this);
}

void ClientStream::record() const {
  worker_.stats.bytes_in.add(exchange_.bytes_from_client());
  worker_.stats.bytes_out.add(exchange_.bytes_to_client());
  if (exchange_.retried()) worker_.stats.retries.add();
  if (!worker_.access_log.enabled()) return;
  if (!worker_.access_log.record(AccessRecord::of(exchange_, std::chrono::steady_clock::now()))) {
    worker_.stats.access_log_dropped.add();
  }
}

// ---- From the exchange ----

void ClientStream::on_interim(const h2::HeaderList& head) {
  if (stream_ != nullptr) stream_->respond(head, nullptr);
}

void ClientStream::on_response() {
  worker_.stats.count_response(exchange_.status());
  if (stream_ == nullptr) return;
  stream_->respond(exchange_.response(), exchange_.response_has_body() ? &exchange_.response_body() : nullptr);
}

void ClientStream::on_failed(const Error& error) {
  worker_.stats.resets_sent.add();
  if (stream_ != nullptr) stream_->reset(error.code);
}

}  // namespace gateway
