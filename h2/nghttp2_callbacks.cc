#include "h2/nghttp2_callbacks.h"

#include <nghttp2/nghttp2.h>

#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "h2/nghttp2_memory.h"
#include "h2/session.h"
#include "h2/stream.h"

namespace h2 {

// Each callback casts, makes one call and returns one code. What is received can end the session, and then
// stops nghttp2; what is sent cannot.
struct Callbacks {
  static Session& session(void* user_data) { return *static_cast<Session*>(user_data); }
  static int code(const Session& session) { return session.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }
  static bool has(const nghttp2_frame* frame, int flag) { return (frame->hd.flags & flag) != 0; }
  static bool is_request(const nghttp2_frame* frame) {
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  }
  static GoAway goaway(const nghttp2_goaway& frame) {
    return {frame.last_stream_id,
            static_cast<ErrorCode>(frame.error_code),
            {reinterpret_cast<const char*>(frame.opaque_data), frame.opaque_data_len}};
  }

  static const nghttp2_ext_priority_update& priority_update(const nghttp2_frame* frame) {
    return *static_cast<const nghttp2_ext_priority_update*>(frame->ext.payload);
  }
  static std::string_view value(const nghttp2_ext_priority_update& frame) {
    return {reinterpret_cast<const char*>(frame.field_value), frame.field_value_len};
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
    Session& s = session(user_data);
    const bool is_ack = (head->flags & NGHTTP2_FLAG_ACK) != 0;
    s.frame_begins();
    if (head->type == NGHTTP2_RST_STREAM && s.role() == Role::server) s.frame_begins(Abuse::resets);
    if (head->type == NGHTTP2_PING && !is_ack) s.frame_begins(Abuse::pings);
    if (head->type == NGHTTP2_SETTINGS && !is_ack) s.frame_begins(Abuse::settings);
    return code(s);
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    const bool goes_on = !has(frame, NGHTTP2_FLAG_END_HEADERS);
    session(user_data).headers_begin(frame->hd.stream_id, is_request(frame), goes_on);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t flags, void* user_data) {
    const HeaderField field{{reinterpret_cast<const char*>(name), name_size},
                            {reinterpret_cast<const char*>(value), value_size},
                            (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0};
    Session& s = session(user_data);
    const bool go_on = s.header_came(frame->hd.stream_id, field);
    return go_on ? code(s) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // A field that may not be there makes the message malformed (RFC 9113 §8.1.1); nghttp2 would just drop it.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                               const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Session& s = session(user_data);
    const std::int32_t id = frame->hd.stream_id;
    const bool end_stream = has(frame, NGHTTP2_FLAG_END_STREAM);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        s.headers_came(id, is_request(frame), end_stream);
        break;
      case NGHTTP2_DATA:
        s.data_frame_came(id, frame->hd.length <= frame->data.padlen, end_stream);
        break;
      case NGHTTP2_RST_STREAM:
        s.reset_came(id);
        break;
      case NGHTTP2_SETTINGS:
        s.settings_came(has(frame, NGHTTP2_FLAG_ACK));
        break;
      case NGHTTP2_PING:
        if (has(frame, NGHTTP2_FLAG_ACK)) s.ping_answered(frame->ping.opaque_data);
        break;
      case NGHTTP2_GOAWAY:
        s.goaway_came(goaway(frame->goaway));
        break;
      case NGHTTP2_WINDOW_UPDATE:
        s.window_update_came(static_cast<std::uint32_t>(frame->window_update.window_size_increment));
        break;
      case NGHTTP2_PRIORITY_UPDATE:
        s.priority_update_came(priority_update(frame).stream_id, value(priority_update(frame)));
        break;
      default:
        break;
    }
    return code(s);
  }

  static int on_invalid_frame_recv(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data) {
    session(user_data).frame_was_invalid(frame->hd.stream_id, is_request(frame), error);
    return code(session(user_data));
  }

  static int on_data_chunk_recv(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                                std::size_t size, void* user_data) {
    session(user_data).data_came(id, std::as_bytes(std::span(data, size)));
    return code(session(user_data));
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Session& s = session(user_data);
    const std::int32_t id = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        s.stream_frame_sent(id, is_request(frame), has(frame, NGHTTP2_FLAG_END_STREAM));
        break;
      case NGHTTP2_RST_STREAM:
        s.reset_sent(id);
        break;
      case NGHTTP2_GOAWAY:
        s.goaway_sent(goaway(frame->goaway));
        break;
      default:
        break;
    }
    return 0;
  }

  static int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    // A request that could not leave is closed by nghttp2.
    const bool is_answer = frame->hd.type == NGHTTP2_HEADERS && !is_request(frame);
    if (is_answer) session(user_data).headers_not_sent(frame->hd.stream_id);
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user_data) {
    Session& s = session(user_data);
    s.stream_closed(s.find(id), static_cast<ErrorCode>(error));
    return 0;
  }

  static ssize_t read_data(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t max,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    return static_cast<Stream*>(source->ptr)->offer_data(max, flags);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* user_data) {
    constexpr std::size_t kFrameHeader = 9;
    Stream& stream = *static_cast<Stream*>(source->ptr);
    const bool has_space =
        session(user_data).send_data(stream, std::as_bytes(std::span(head, kFrameHeader)), size);
    return has_space ? 0 : NGHTTP2_ERR_PAUSE;
  }
};

namespace {

// ---- Options ----

struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* p) const { nghttp2_session_callbacks_del(p); }
};
struct OptionDeleter {
  void operator()(nghttp2_option* p) const { nghttp2_option_del(p); }
};

std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> make_callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_frame_callback(made, Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(made, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(made, Callbacks::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, Callbacks::on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, Callbacks::on_invalid_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Callbacks::on_data_chunk_recv);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, Callbacks::on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(made, Callbacks::on_frame_not_send);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_send_data_callback(made, Callbacks::send_data);
  return std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter>(made);
}

std::unique_ptr<nghttp2_option, OptionDeleter> make_options(const SessionLimits& limits) {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_builtin_recv_extension_type(made, NGHTTP2_PRIORITY_UPDATE);
  nghttp2_option_set_max_continuations(made, limits.abuse.continuations);
  // AbuseGuard counts resets; nghttp2's own limit, which ends with no reason given, must not be first.
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(made, kNoLimit, kNoLimit);
  // A list that was let in can leave, with the fields that a proxy adds (nghttp2 estimates the encoded size
  // upwards).
  nghttp2_option_set_max_send_header_block_length(made, 4 * limits.max_header_bytes + 64 * 1024);
  return std::unique_ptr<nghttp2_option, OptionDeleter>(made);
}

// ---- What is submitted ----

// Whether nghttp2 reads a list when its frame leaves, or copies it when it is submitted.
enum class Lifetime : std::uint8_t { stays, copied };

// The fields as nghttp2 has them; valid until the thread's next call. Those that are sensitive are not indexed, nor a Date
// without `index_date`.
std::span<const nghttp2_nv> to_nghttp2(const HeaderList& headers, Lifetime lifetime, bool index_date = true) {
  constexpr auto kStays = static_cast<std::uint8_t>(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
  const std::uint8_t copies = lifetime == Lifetime::stays ? kStays : std::uint8_t{NGHTTP2_NV_FLAG_NONE};
  static thread_local std::vector<nghttp2_nv> of_thread;
  of_thread.resize(headers.size());
  const std::span<nghttp2_nv> fields = of_thread;
  auto next = fields.begin();
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(
        reinterpret_cast<const std::uint8_t*>(text.data()));  // nghttp2 only reads
  };
  for (const HeaderField field : headers) {
    const bool is_indexed = !field.sensitive && (index_date || field.name != "date");
    const auto flags = static_cast<std::uint8_t>(copies | (is_indexed ? 0 : NGHTTP2_NV_FLAG_NO_INDEX));
    *next++ = {bytes(field.name), bytes(field.value), field.name.size(), field.value.size(), flags};
  }
  return fields;
}

nghttp2_data_provider body_of(Stream& stream) {
  return {{.ptr = &stream}, Callbacks::read_data};
}

}  // namespace

Nghttp2Ptr make_nghttp2_session(Session& session, Nghttp2Memory& memory) {
  const auto callbacks = make_callbacks();
  const auto options = make_options(session.limits());
  nghttp2_mem allocator = make_nghttp2_allocator(memory);
  const auto make =
      session.role() == Role::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  nghttp2_session* made = nullptr;
  if (make(&made, callbacks.get(), &session, options.get(), &allocator) != 0) throw std::bad_alloc();
  return Nghttp2Ptr(made);
}

std::int32_t submit_request(nghttp2_session* nghttp2, const HeaderList& headers, Stream& stream,
                            bool has_body) {
  const auto fields = to_nghttp2(headers, Lifetime::stays);
  const nghttp2_data_provider body = body_of(stream);
  return nghttp2_submit_request(nghttp2, nullptr, fields.data(), fields.size(), has_body ? &body : nullptr,
                                &stream);
}

int submit_response(nghttp2_session* nghttp2, const HeaderList& headers, Stream& stream, bool has_body,
                    bool index_date) {
  const auto fields = to_nghttp2(headers, Lifetime::stays, index_date);
  const nghttp2_data_provider body = body_of(stream);
  return nghttp2_submit_response(nghttp2, stream.id(), fields.data(), fields.size(),
                                 has_body ? &body : nullptr);
}

void submit_refusal(nghttp2_session* nghttp2, std::int32_t stream_id) {
  nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
}

int submit_interim(nghttp2_session* nghttp2, const HeaderList& headers, std::int32_t stream_id) {
  const auto fields = to_nghttp2(headers, Lifetime::copied);
  return nghttp2_submit_headers(nghttp2, NGHTTP2_FLAG_NONE, stream_id, nullptr, fields.data(), fields.size(),
                                nullptr);
}

int submit_trailers(nghttp2_session* nghttp2, const HeaderList& trailers, std::int32_t stream_id) {
  const auto fields = to_nghttp2(trailers, Lifetime::copied);
  return nghttp2_submit_trailer(nghttp2, stream_id, fields.data(), fields.size());
}

}  // namespace h2
