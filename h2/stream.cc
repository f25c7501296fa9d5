#include "h2/stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "h2/nghttp2_callbacks.h"
#include "h2/session.h"

namespace h2 {
namespace {

// A WINDOW_UPDATE of less is not worth its frame while the peer has window left.
constexpr std::int64_t kSmallestGrant = 1024;

bool is_interim(const HeaderList& headers) {
  return headers.get(":status").starts_with('1');
}

bool is_success(const HeaderList& headers) {
  return headers.get(":status").starts_with('2');
}

}  // namespace

Stream::Stream(Session& session, std::int32_t id)
    : session_(session), id_(id), opened_(session.role() == Role::server) {}

Stream::~Stream() {
  detach();
}

void Stream::detach() {
  events_ = nullptr;
  set_inbound(nullptr);
  set_outbound(nullptr);
}

// ---- Inbound ----

void Stream::set_inbound(pool::Pipe* pipe) {
  if (inbound_ != nullptr) inbound_->set_producer(nullptr);
  inbound_ = pipe;
  if (pipe == nullptr) return;
  pipe->set_producer(this);
  pipe->promise(std::min(session_.limits().doorbell, pipe->room()));
  grant();
}

std::int64_t Stream::window() const {
  const auto doorbell = static_cast<std::int64_t>(session_.limits().doorbell);
  if (!opened_) return doorbell;
  nghttp2_session* nghttp2 = session_.nghttp2_.get();
  const std::int64_t size = nghttp2_session_get_stream_effective_local_window_size(nghttp2, id_);
  if (size < 0) return 0;
  // Until the peer acknowledges our SETTINGS, nghttp2 counts from the protocol's default instead of the
  // doorbell.
  const std::int64_t to_come = session_.settings_acknowledged() ? 0 : doorbell - NGHTTP2_INITIAL_WINDOW_SIZE;
  return size - nghttp2_session_get_stream_effective_recv_data_length(nghttp2, id_) + to_come;
}

// Lets the peer send what is promised in the pipe and not in its window: new room, and what padding or bytes
// sent before our SETTINGS were known have used up of the window without using the promise.
void Stream::grant() {
  if (inbound_ == nullptr || !opened_ || remote_ended_ || reset_by_us_) return;
  if (inbound_->closed() || inbound_->end() != pool::Pipe::End::open) return;
  // A server invites no body before its first bytes have come. A client's request is one demand for the response: but where
  // most were no larger than the doorbell, a block would be taken and a WINDOW_UPDATE sent for nothing.
  if (received_ == 0 && !(session_.role() == Role::client && session_.expects_large_response())) return;

  const std::size_t doorbell = session_.limits().doorbell;
  const std::size_t promised = inbound_->promised();
  const std::size_t enough = std::max(doorbell, promised_last_ / 4 * 3);
  if (promised <= enough) {
    const bool demands = !tunnel_ || promised == 0;
    const std::size_t room =
        demands ? inbound_->invite() : std::min(inbound_->room(), doorbell - std::min(doorbell, promised));
    if (room >= kSmallestGrant || inbound_->promised() == 0) {
      inbound_->promise(room);
      promised_last_ = inbound_->promised();
    }
  }
  const std::int64_t left = window();
  const std::int64_t due = static_cast<std::int64_t>(inbound_->promised()) - left;
  if (due <= 0 || (left > 0 && due < kSmallestGrant)) return;
  nghttp2_submit_window_update(session_.nghttp2_.get(), NGHTTP2_FLAG_NONE, id_,
                               static_cast<std::int32_t>(due));
  session_.wants_write_now();
}

void Stream::request_sent() {
  opened_ = true;
  head_ = {};
  grant();
}

void Stream::on_room() {
  if (tunnel_ && local_ended_) end_sent();
  grant();
}

// Of what is beyond the bounds only the content-type is kept, wherever it stands: by it whoever refuses the
// request answers in a form that its client understands.
void Stream::pass_bounds(const HeaderField& field) {
  constexpr std::size_t kLongest = 64;
  incoming_oversized_ = true;
  if (field.name != "content-type" || field.value.size() > kLongest || incoming_.find(field.name)) return;
  incoming_.add(field.name, field.value);
}

void Stream::receive_data(std::span<const std::byte> bytes) {
  received_ += static_cast<std::int64_t>(bytes.size());
  if (inbound_ == nullptr || reset_by_us_ || inbound_->closed()) return;
  if (inbound_->write(bytes) == bytes.size()) return;
  // Sent before the peer knew our SETTINGS, and no block is free for it. Safe to retry if nothing was passed
  // on.
  const bool nothing_passed_on = inbound_ == nullptr || inbound_->bytes_out() == 0;
  submit_reset(nothing_passed_on ? ErrorCode::refused_stream : ErrorCode::internal_error);
}

void Stream::receive_end() {
  remote_ended_ = true;
  if (inbound_ != nullptr && !reset_by_us_ && inbound_->end() == pool::Pipe::End::open) inbound_->finish();
}

// ---- Outbound ----

void Stream::set_outbound(pool::Pipe* pipe) {
  if (outbound_ != nullptr) outbound_->set_consumer(nullptr);
  outbound_ = pipe;
  if (pipe == nullptr) return;
  pipe->set_consumer(this);
  pipe->accept();
}

void Stream::respond(HeaderList headers, pool::Pipe* body) {
  if (reset_by_us_ || local_ended_) return;
  if (!is_interim(headers) && !is_success(headers)) tunnel_ = false;
  nghttp2_session* nghttp2 = session_.nghttp2_.get();
  int error = 0;
  if (is_interim(headers)) {
    error = submit_interim(nghttp2, headers, id_);
  } else {
    head_ = std::move(headers);
    error = submit_response(nghttp2, head_, *this, body != nullptr, session_.last_date_.repeats(head_.get("date")));
  }
  if (error != 0) return reset(ErrorCode::internal_error);
  if (body != nullptr) set_outbound(body);
  session_.wants_write_now();
}

void Stream::on_readable() {
  if (outbound_->end() == pool::Pipe::End::failed) {
    // Cut short: it must not look whole. Whatever broke a tunnel, CANCEL stands for a reset (RFC 8441 §5).
    submit_reset(tunnel_ ? ErrorCode::cancel : ErrorCode::internal_error);
  } else if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.nghttp2_.get(), id_);
    session_.wants_write_now();
  }
}

std::ptrdiff_t Stream::offer_data(std::size_t max, std::uint32_t* data_flags) {
  if (outbound_ == nullptr || session_.failed_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (outbound_->end() == pool::Pipe::End::failed) {
    submit_reset(ErrorCode::internal_error);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const std::size_t size = std::min(max, outbound_->contiguous());
  const bool is_last = outbound_->end() == pool::Pipe::End::finished && size == outbound_->readable();
  if (size == 0 && !is_last) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (is_last) {
    *data_flags |= NGHTTP2_DATA_FLAG_EOF;
    const HeaderList* trailers = events_ == nullptr ? nullptr : events_->trailers(*this);
    if (trailers != nullptr && !trailers->empty()) {
      *data_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submit_trailers(session_.nghttp2_.get(), *trailers, id_);
    }
  }
  return static_cast<std::ptrdiff_t>(size);
}

void Stream::send_data(pool::Output& output, std::span<const std::byte> frame_header, std::size_t size) {
  // take() may call the producer, which may fail the pipe; the slice is ours by then.
  pool::Slice slice = size == 0 || outbound_ == nullptr ? pool::Slice{} : outbound_->take(size);
  output.append(frame_header, std::move(slice));
}

std::int32_t Stream::send_window() const {
  const std::int32_t size = nghttp2_session_get_stream_remote_window_size(session_.nghttp2_.get(), id_);
  return std::max(size, 0);
}

// ---- The end ----

// The answer is whole: what still comes of the request is of no use (RFC 9113 §8.1), but for a tunnel whose other
// end reads on.
void Stream::end_sent() {
  local_ended_ = true;
  if (session_.role() != Role::server || remote_ended_) return;
  if (!tunnel_ || inbound_ == nullptr || inbound_->closed()) submit_reset(ErrorCode::no_error);
}

void Stream::reset(ErrorCode code) {
  if (reset_by_us_) return;
  if (opened_) return submit_reset(code);
  reset_by_us_ = true;
  session_.abandon(*this, code);
}

void Stream::submit_reset(ErrorCode code) {
  if (reset_by_us_) return;
  reset_by_us_ = true;
  set_outbound(nullptr);
  nghttp2_submit_rst_stream(session_.nghttp2_.get(), NGHTTP2_FLAG_NONE, id_,
                            static_cast<std::uint32_t>(code));
  session_.wants_write_now();
}

void Stream::close(ErrorCode code) {
  set_outbound(nullptr);
  pool::Pipe* const inbound = inbound_;
  set_inbound(nullptr);
  if (inbound != nullptr) inbound->fail();
  const bool by_peer =
      reset_by_peer_ || (!reset_by_us_ && session_.goaway_received_ && id_ > session_.peer_last_id_);
  if (events_ != nullptr) std::exchange(events_, nullptr)->on_closed(*this, code, by_peer);
}

}  // namespace h2
