#include "gateway/http1/connection.h"

#include <fmt/core.h>

#include <cassert>
#include <cstring>

#include "gateway/exchange.h"
#include "gateway/forwarding.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"
#include "pool/local_pool.h"

namespace gateway {
namespace {

constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr int kReadsATurn = 8;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

Http1Connection::Http1Connection(const WorkerParts& worker, std::unique_ptr<Transport> transport,
                                 const EndpointLimits& limits, std::string_view endpoint, Owner& owner)
    : worker_(worker),
      limits_(limits),
      endpoint_(endpoint),
      owner_(owner),
      transport_(std::move(transport)),
      codec_(CodecRole::responses, *this, {limits.session.max_header_bytes, limits.session.max_header_fields}),
      stall_(worker.loop, worker.pool.pool(), worker.admission, output_, limits.stall,
             [this](Eviction kind, std::string_view what) { on_stall(kind, what); }),
      deadline_(worker.loop, [this] { on_deadline(); }) {
  transport_->set_events(this);
  deadline_.set(limits_.connect);
}

void Http1Connection::carry(Exchange& exchange, User& user) {
  assert(is_open_ && exchange_ == nullptr);
  exchange_ = &exchange;
  user_ = &user;
  deadline_.clear();
  std::string head;
  request_ = write_request_head(upstream_request(exchange.request(), exchange.origin()),
                                exchange.request_has_body(), head);
  if (!request_.error.empty()) {
    const Error error{.source = ErrorSource::client, .status = 400, .reason = std::string(request_.error)};
    user_ = nullptr;
    exchange_ = nullptr;
    user.on_connection_done();
    owner_.on_connection_idle(*this);
    return exchange.fail(error);
  }
  output_.append(as_bytes(head));
  codec_.begin(exchange.request().get(":method"));
  body_left_ = request_.content_length;
  request_sent_ = request_.framing == Framing::none;
  response_done_ = keep_alive_ = false;
  exchange.sent();
  exchange.response_body().set_producer(this);
  exchange.request_body().set_consumer(&request_reader_);
  exchange.request_body().accept();
  transport_->want_read(true);
  write_soon();
}

void Http1Connection::abandon() {
  detach();
  end(nullptr);
}

// ---- The transport ----

void Http1Connection::on_open() {
  is_open_ = true;
  if (!transport_->alpn().empty() && transport_->alpn() != "http/1.1") {
    return on_open_failed("the backend does not speak HTTP/1.1");
  }
  deadline_.set(limits_.connection_idle);
  owner_.on_connection_idle(*this);
}

void Http1Connection::on_open_failed(std::string_view reason) {
  const Error error{.source = ErrorSource::endpoint,
                    .status = 502,
                    .reason = fmt::format("connect to {}: {}", endpoint_, reason),
                    .retry_safe = true};
  end(&error);
}

void Http1Connection::on_deadline() {
  if (is_open_) return end(nullptr);
  worker_.stats.count_timeout(Timeout::connect);
  const Error error{.source = ErrorSource::timeout,
                    .status = 504,
                    .reason = fmt::format("connect to {}: took too long", endpoint_),
                    .retry_safe = true};
  end(&error);
}

void Http1Connection::on_writable() {
  is_blocked_ = false;
  write_soon();
}

// ---- The request ----

void Http1Connection::write_soon() {
  if (!ended_ && !is_blocked_ && !write_failed_) worker_.turn_end.schedule(*this);
}

void Http1Connection::at_turn_end() {
  if (ended_) return;
  write_request();
  if (output_.empty()) return;
  const std::size_t before = output_.bytes();
  switch (transport_->write(output_).status) {
    case Transport::Status::ok:
      stall_.clear();
      if (exchange_ != nullptr && exchange_->request_body().readable() > 0) write_soon();
      return;
    case Transport::Status::again:
      is_blocked_ = true;
      stall_.blocked(before - output_.bytes());
      return;
    case Transport::Status::closed:
    case Transport::Status::failed:
      // The backend may have answered before it closed: reading tells.
      write_failed_ = true;
      stall_.clear();
      output_.clear();
      if (exchange_ != nullptr) exchange_->request_body().close();
      transport_->want_read(true);
      return;
  }
}

void Http1Connection::write_request() {
  if (exchange_ == nullptr || request_sent_) return;
  pool::Pipe& body = exchange_->request_body();
  while (output_.bytes() < kOutputBytes && body.readable() > 0) {
    pool::Slice slice = body.take(kOutputBytes);
    if (request_.framing == Framing::sized) {
      if (slice.bytes.size() > body_left_) return fail("request body longer than its content-length", false);
      body_left_ -= slice.bytes.size();
      output_.append({}, std::move(slice));
      continue;
    }
    const ChunkHeader header(static_cast<std::uint32_t>(slice.bytes.size()));
    output_.append(header.bytes(), std::move(slice));
    output_.append(as_bytes(kChunkEnd));
  }
  if (!body.drained()) return;
  if (body_left_ > 0) return fail("request body shorter than its content-length", false);
  request_sent_ = true;
  if (request_.framing == Framing::chunked) {
    std::string last;
    write_last_chunk(exchange_->request_trailers(), last);
    output_.append(as_bytes(last));
  }
  if (response_done_) complete();
}

// ---- The response ----

void Http1Connection::on_readable() {
  for (int i = 0; i < kReadsATurn && !ended_; ++i) {
    if (!read_some()) return;
  }
}

// Returns whether there may be more to read now.
bool Http1Connection::read_some() {
  if (exchange_ == nullptr) {
    // Nothing was asked for: the backend closes the idle connection, or speaks out of turn.
    const Transport::Result result = transport_->read(worker_.scratch.first(1));
    if (result.status != Transport::Status::again) end(nullptr);
    return false;
  }
  pool::Pipe& body = exchange_->response_body();
  // A block that another worker released in between comes with invite(), and then no on_room follows.
  if (body.writable().empty() && body.invite() == 0) {
    transport_->want_read(false);
    return false;
  }
  const std::span<std::byte> space = body.writable();
  // The client may be gone by what the codec tells; its bytes must not be.
  const pool::BlockRef block = body.writing();
  const Exchange* const carried = exchange_;
  const Transport::Result result = transport_->read(space);
  if (result.bytes > 0 && !take_result(codec_.feed(space.first(result.bytes)))) return false;
  if (result.status == Transport::Status::closed || result.status == Transport::Status::failed) {
    if (ended_) return false;
    if (carried != exchange_) {
      end(nullptr);
    } else if (result.status == Transport::Status::failed) {
      fail(transport_->error(), was_used_ && !codec_.started());
    } else {
      take_result(codec_.end_of_input());
    }
    return false;
  }
  return result.bytes == space.size() && carried == exchange_;
}

// Returns whether the connection goes on with its exchange.
bool Http1Connection::take_result(const Http1Codec::Result& result) {
  if (ended_ || exchange_ == nullptr) return false;
  if (!result.error.empty()) {
    fail(std::string(result.error), was_used_ && !codec_.started());
    return false;
  }
  if (!response_done_) return true;
  complete();
  return false;
}

void Http1Connection::on_head(h2::HeaderList&& head, bool has_body) {
  if (exchange_ != nullptr) exchange_->respond(client_response(head, "1.1"), has_body);
}

void Http1Connection::on_interim(h2::HeaderList&& head) {
  if (exchange_ != nullptr) exchange_->interim(client_response(head, "1.1"));
}

void Http1Connection::on_body(std::span<const std::byte> bytes) {
  if (exchange_ == nullptr) return;
  pool::Pipe& body = exchange_->response_body();
  const std::span<std::byte> place = body.writable();
  if (body.closed() || place.empty()) return;
  // The bytes stand in this very space, behind a head or chunk framing that is of no more use.
  if (place.data() != bytes.data()) std::memmove(place.data(), bytes.data(), bytes.size());
  body.commit(bytes.size());
}

void Http1Connection::on_trailers(h2::HeaderList&& trailers) {
  if (exchange_ != nullptr) exchange_->set_response_trailers(sanitize_trailers(trailers));
}

void Http1Connection::on_complete(bool keep_alive) {
  response_done_ = true;
  keep_alive_ = keep_alive;
  if (exchange_ != nullptr) exchange_->response_body().finish();
}

void Http1Connection::on_room() {
  if (!ended_) transport_->want_read(true);
}

// ---- The end of an exchange, and of the connection ----

// The response is whole. While its request still leaves, a backend that keeps the connection wants the rest
// of it; another one has said that it does not.
void Http1Connection::complete() {
  if (keep_alive_ && !request_sent_ && !write_failed_) return;
  const bool reusable = keep_alive_ && request_sent_ && !write_failed_;
  if (!request_sent_) exchange_->request_body().close();
  detach();
  if (!reusable) return end(nullptr);
  was_used_ = true;
  deadline_.set(limits_.connection_idle);
  transport_->want_read(true);
  owner_.on_connection_idle(*this);
}

void Http1Connection::detach() {
  if (exchange_ == nullptr) return;
  exchange_->response_body().set_producer(nullptr);
  exchange_->request_body().set_consumer(nullptr);
  exchange_ = nullptr;
  std::exchange(user_, nullptr)->on_connection_done();
}

void Http1Connection::fail(std::string reason, bool retry_safe) {
  fail({.source = ErrorSource::backend,
        .status = 502,
        .reason = fmt::format("backend {}: {}", endpoint_, reason),
        .retry_safe = retry_safe});
}

void Http1Connection::fail(const Error& error) {
  Exchange& exchange = *exchange_;
  detach();
  end(nullptr);
  exchange.fail(error);
}

// What is queued may belong to a request that has its answer already.
void Http1Connection::on_stall(Eviction kind, std::string_view what) {
  worker_.stats.count_eviction(kind);
  write_failed_ = true;
  if (exchange_ == nullptr) return end(nullptr);
  if (response_done_) return complete();
  fail({.source = ErrorSource::timeout,
        .status = 504,
        .reason = fmt::format("backend {}: {}", endpoint_, what)});
}

void Http1Connection::end(const Error* open_failure) {
  if (ended_) return;
  ended_ = true;
  stall_.clear();
  deadline_.clear();
  output_.clear();
  owner_.on_connection_end(*this, open_failure);
}

}  // namespace gateway
