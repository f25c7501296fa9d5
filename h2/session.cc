#include "h2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "h2/nghttp2_callbacks.h"
#include "h2/nghttp2_memory.h"

namespace h2 {
namespace {

using PingPayload = std::array<std::uint8_t, 8>;

// The PING that marks the round trip of a drain; those of ping() are numbers.
constexpr PingPayload kDrainPing = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
constexpr std::size_t kMaxDebugData = 256;
// A header section is decoded to its end, to keep the compression state, but is looked at no further than
// this many times what a list may hold.
constexpr std::size_t kWorthDecoding = 4;
// A header section that grows is asked about again at each of so many bytes.
constexpr std::size_t kAskAgain = 4096;

}  // namespace

void Nghttp2Deleter::operator()(nghttp2_session* session) const noexcept {
  nghttp2_session_del(session);
}

Session::Session(Role role, const SessionLimits& limits, SessionEvents& events)
    : role_(role), limits_(limits), events_(events), guard_(limits.abuse), nghttp2_memory_{limits.ledger} {
  nghttp2_ = make_nghttp2_session(*this, nghttp2_memory_);
  announce();
}

Session::~Session() {
  failed_ = true;
  while (!streams_.empty()) streams_.release(streams_[streams_.size() - 1])->close(ErrorCode::cancel);
}

void Session::announce() {
  const bool is_client = role_ == Role::client;
  const std::array<nghttp2_settings_entry, 5> settings = {{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(limits_.doorbell)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.max_header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, is_client ? 0 : limits_.max_concurrent_streams},
      is_client ? nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
                : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  nghttp2_submit_settings(nghttp2_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

// ---- Bytes in, bytes out ----

bool Session::feed(std::span<const std::byte> bytes, Time now) {
  if (failed_) return false;
  guard_.set_time(now);
  const auto result = nghttp2_session_mem_recv(
      nghttp2_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (result < 0 && !failed_) fail_by_nghttp2(static_cast<int>(result));
  if (wants_write()) wants_write_now();
  return !failed_;
}

bool Session::produce(pool::Output& output, std::size_t limit) {
  if (final_goaway_due_) submit_final_goaway();
  output_ = &output;
  output_limit_ = limit;
  while (output.bytes() < limit && !(failed_ && last_goaway_sent_)) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(nghttp2_.get(), &bytes);
    if (size < 0) {
      failed_ = last_goaway_sent_ = true;  // out of memory: there is nothing more to say
      end_reason_ = nghttp2_strerror(static_cast<int>(size));
    }
    if (size <= 0) break;
    output.append(std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))));
  }
  output_ = nullptr;
  return output.bytes() >= limit && wants_write();
}

std::int32_t Session::send_window() const {
  return std::max(nghttp2_session_get_remote_window_size(nghttp2_.get()), 0);
}

bool Session::wants_write() const {
  if (failed_ && last_goaway_sent_) return false;
  return final_goaway_due_ || nghttp2_session_want_write(nghttp2_.get()) != 0;
}

bool Session::done() const {
  return !wants_write() && (failed_ || nghttp2_session_want_read(nghttp2_.get()) == 0);
}

void Session::cool() {
  if (!failed_ && streams_.empty() && !wants_write()) give_back_unused(nghttp2_memory_);
}

// ---- Streams ----

Stream* Session::request(HeaderList headers, pool::Pipe* body, pool::Pipe* response_body,
                         StreamEvents& events) {
  if (!can_open()) return nullptr;
  const auto id = static_cast<std::int32_t>(nghttp2_session_get_next_stream_id(nghttp2_.get()));
  Stream& stream = add_stream(id);
  stream.head_ = std::move(headers);
  stream.tunnel_ = stream.head_.find(":protocol").has_value();
  if (submit_request(nghttp2_.get(), stream.head_, stream, body != nullptr) != id) {
    streams_.release(stream);
    return nullptr;
  }
  stream.set_events(&events);
  stream.set_inbound(response_body);
  if (body != nullptr) stream.set_outbound(body);
  wants_write_now();
  return &stream;
}

bool Session::can_open() const {
  if (role_ != Role::client || failed_ || draining_ || goaway_received_) return false;
  return open_streams() < peer_max_streams() && nghttp2_session_check_request_allowed(nghttp2_.get()) != 0;
}

std::uint32_t Session::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(nghttp2_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Session::peer_takes_tunnels() const {
  return nghttp2_session_get_remote_settings(nghttp2_.get(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

Stream* Session::find(std::int32_t id) const {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(nghttp2_.get(), id));
}

Stream& Session::add_stream(std::int32_t id) {
  return streams_.add(std::make_unique<Stream>(*this, id));
}

void Session::stream_closed(Stream* stream, ErrorCode code) {
  receiving_headers_ = false;
  if (stream == nullptr) return;
  if (stream->seen_final_headers_) response_over(stream->received() > static_cast<std::int64_t>(limits_.doorbell));
  streams_.release(*stream)->close(code);
}

// A request whose HEADERS wait in nghttp2: it forgets them when their turn comes, and calls nobody.
void Session::abandon(Stream& stream, ErrorCode code) {
  const std::int32_t id = stream.id();
  nghttp2_submit_rst_stream(nghttp2_.get(), NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(code));
  nghttp2_session_set_stream_user_data(nghttp2_.get(), id, nullptr);
  stream_closed(&stream, code);
}

// ---- The end ----

void Session::drain() {
  if (failed_ || final_goaway_submitted_) return;
  if (role_ == Role::client || draining_) {
    final_goaway_due_ = true;
  } else {
    nghttp2_submit_shutdown_notice(nghttp2_.get());
    nghttp2_submit_ping(nghttp2_.get(), NGHTTP2_FLAG_NONE, kDrainPing.data());
  }
  draining_ = true;
  wants_write_now();
}

void Session::submit_final_goaway() {
  final_goaway_due_ = false;
  if (final_goaway_submitted_ || failed_) return;
  final_goaway_submitted_ = true;
  nghttp2_submit_goaway(nghttp2_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(nghttp2_.get()), NGHTTP2_NO_ERROR, nullptr,
                        0);
}

void Session::terminate(ErrorCode code, std::string_view debug) {
  if (failed_) return;
  failed_ = true;
  final_goaway_due_ = false;
  end_reason_ = debug.substr(0, kMaxDebugData);
  nghttp2_submit_goaway(nghttp2_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(nghttp2_.get()),
                        static_cast<std::uint32_t>(code),
                        reinterpret_cast<const std::uint8_t*>(end_reason_.data()), end_reason_.size());
  wants_write_now();
}

void Session::fail_by_nghttp2(int nghttp2_error) {
  switch (nghttp2_error) {
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return check(false, Abuse::continuations);
    case NGHTTP2_ERR_FLOODED:  // answers to PING and SETTINGS that the peer does not read
      abuse_ = Abuse::pings;
      return terminate(ErrorCode::enhance_your_calm, nghttp2_strerror(nghttp2_error));
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return terminate(ErrorCode::protocol_error, nghttp2_strerror(nghttp2_error));
    default:
      return terminate(ErrorCode::internal_error, nghttp2_strerror(nghttp2_error));
  }
}

void Session::check(bool within_limits, Abuse abuse) {
  if (within_limits || failed_) return;
  abuse_ = abuse;
  terminate(ErrorCode::enhance_your_calm, guard_.describe(abuse));
}

void Session::ping() {
  PingPayload payload{};
  ++pings_;
  std::memcpy(payload.data(), &pings_, sizeof pings_);
  nghttp2_submit_ping(nghttp2_.get(), NGHTTP2_FLAG_NONE, payload.data());
  wants_write_now();
}

// ---- What nghttp2 received ----

void Session::headers_begin(std::int32_t id, bool is_request, bool goes_on) {
  receiving_headers_ = true;
  section_goes_on_ = goes_on;
  if (is_request) {
    // A refused one has no Stream: what comes on it is decoded and dropped.
    if (!events_.admits_request(0)) return submit_refusal(nghttp2_.get(), id);
    nghttp2_session_set_stream_user_data(nghttp2_.get(), id, &add_stream(id));
  }
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->incoming_.clear();
  stream->incoming_bytes_ = 0;
  stream->incoming_oversized_ = false;
}

bool Session::header_came(std::int32_t id, const HeaderField& field) {
  Stream* stream = find(id);
  if (stream == nullptr) {
    if (role_ == Role::server) drop_section();
    return role_ == Role::client;
  }
  const std::size_t before = stream->incoming_bytes_;
  stream->incoming_bytes_ += field.name.size() + field.value.size() + HeaderList::kFieldOverhead;
  const bool is_due = before == 0 || before / kAskAgain != stream->incoming_bytes_ / kAskAgain;
  if (is_due && !admits_section(*stream)) {
    stream->incoming_ = {};
    drop_section();
    return false;
  }
  if (stream->incoming_bytes_ > limits_.max_header_bytes ||
      stream->incoming_.size() >= limits_.max_header_fields) {
    stream->pass_bounds(field);
    if (stream->incoming_bytes_ <= kWorthDecoding * limits_.max_header_bytes) return true;
    provoked(stream);
    stream->submit_reset(ErrorCode::enhance_your_calm);
    return false;
  }
  if (stream->incoming_.empty()) stream->incoming_.reserve(512, 16);
  stream->incoming_.add(field.name, field.value, field.sensitive);
  return true;
}

bool Session::admits_section(Stream& stream) {
  const std::size_t bytes = stream.incoming_bytes_;
  const bool is_request = role_ == Role::server && !stream.seen_final_headers_;
  if (is_request && bytes < kAskAgain) return true;  // it was asked about when it began
  if (is_request ? events_.admits_request(bytes)
                 : stream.events_ == nullptr || stream.events_->admits_headers(stream, bytes)) {
    return true;
  }
  // Of a request whose head is here, something may have been passed on: it is not safe to retry.
  stream.submit_reset(is_request ? ErrorCode::refused_stream : ErrorCode::enhance_your_calm);
  return false;
}

void Session::headers_came(std::int32_t id, bool is_request, bool end_stream) {
  receiving_headers_ = false;
  Stream* stream = find(id);
  if (stream == nullptr) return;
  if (end_stream) stream->remote_ended_ = true;
  const bool oversized = stream->incoming_oversized_;
  HeaderList headers = std::exchange(stream->incoming_, {});
  if (is_request) {
    stream->seen_final_headers_ = true;
    stream->tunnel_ = headers.find(":protocol").has_value();
    priorities_.request_came(nghttp2_.get(), id, headers);
    events_.on_request(*stream, std::move(headers), end_stream, oversized);
  } else if (stream->seen_final_headers_ && oversized) {
    provoked(stream);
    stream->submit_reset(ErrorCode::enhance_your_calm);
  } else if (stream->events_ != nullptr) {
    HeadersKind kind = HeadersKind::trailers;
    if (!stream->seen_final_headers_) {
      kind = headers.get(":status").starts_with('1') ? HeadersKind::interim : HeadersKind::response;
      stream->seen_final_headers_ = kind == HeadersKind::response;
    }
    stream->events_->on_headers(*stream, kind, std::move(headers), end_stream, oversized);
  }
  // The stream is alive: nghttp2 closes streams after this callback.
  if (end_stream && (stream = find(id)) != nullptr) stream->receive_end();
}

void Session::data_came(std::int32_t id, std::span<const std::byte> bytes) {
  nghttp2_session_consume_connection(nghttp2_.get(), bytes.size());
  if (Stream* stream = find(id)) stream->receive_data(bytes);
}

void Session::data_frame_came(std::int32_t id, bool is_empty, bool end_stream) {
  if (is_empty && !end_stream) check(guard_.count(Abuse::empty_frames), Abuse::empty_frames);
  Stream* stream = find(id);
  if (stream == nullptr) return;
  if (end_stream) {
    stream->receive_end();
  } else {
    stream->grant();  // once a frame: most that end their stream need no more window; padding has used some, too
  }
}

void Session::reset_came(std::int32_t id) {
  if (Stream* stream = find(id)) stream->reset_by_peer_ = true;
}

void Session::settings_came(bool is_ack) {
  if (!is_ack) {
    peer_settings_received_ = true;
    return events_.on_settings();
  }
  if (settings_acknowledged_) return;
  settings_acknowledged_ = true;
  nghttp2_session_set_local_window_size(nghttp2_.get(), NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits_.connection_window));
}

void Session::ping_answered(std::span<const std::uint8_t> payload) {
  if (draining_ && std::ranges::equal(payload, kDrainPing)) drain();
}

void Session::goaway_came(const GoAway& goaway) {
  goaway_received_ = true;
  peer_last_id_ = goaway.last_stream_id;
  events_.on_goaway(goaway);
}

void Session::window_update_came(std::uint32_t increment) {
  check(guard_.count_window_update(increment), Abuse::window_updates);
}

void Session::frame_was_invalid(std::int32_t id, bool is_request, int nghttp2_error) {
  receiving_headers_ = false;
  last_error_ = nghttp2_strerror(nghttp2_error);
  if (id == 0) return;
  if (is_request && nghttp2_error == NGHTTP2_ERR_PROTO && open_streams() >= limits_.max_concurrent_streams) {
    abuse_ = Abuse::streams;
  }
  provoked(find(id));
}

void Session::provoked(Stream* stream) {
  if (stream != nullptr && std::exchange(stream->provoked_, true)) return;
  check(guard_.count(Abuse::provoked_resets), Abuse::provoked_resets);
}

// ---- What nghttp2 sent ----

bool Session::send_data(Stream& stream, std::span<const std::byte> frame_header, std::size_t size) {
  stream.send_data(*output_, frame_header, size);
  guard_.data_sent();
  return output_->bytes() < output_limit_;
}

void Session::stream_frame_sent(std::int32_t id, bool opens, bool end_stream) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  if (opens) stream->request_sent();
  if (end_stream) stream->end_sent();
}

void Session::reset_sent(std::int32_t id) {
  Stream* stream = find(id);
  if (stream != nullptr && !stream->reset_by_us_) provoked(stream);
}

void Session::goaway_sent(const GoAway& goaway) {
  if (!failed_ && goaway.code == ErrorCode::no_error) return;
  last_goaway_sent_ = true;
  if (std::exchange(failed_, true)) return;
  end_reason_ =
      goaway.debug_data.empty() ? std::string(to_string(goaway.code)) : std::string(goaway.debug_data);
  if (!last_error_.empty()) end_reason_ += " (" + last_error_ + ")";
}

void Session::headers_not_sent(std::int32_t id) {
  if (Stream* stream = find(id)) stream->submit_reset(ErrorCode::internal_error);
}

}  // namespace h2
