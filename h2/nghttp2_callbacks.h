#pragma once

#include <cstddef>
#include <cstdint>

#include "h2/header_list.h"
#include "h2/nghttp2_ptr.h"

namespace h2 {

class Session;
class Stream;
struct Nghttp2Memory;

/// The edge to nghttp2: its callbacks, its allocator, and what is submitted to it in our own types.

/// An nghttp2 session of `session`'s role and limits that calls back into `session` and counts what it
/// allocates in `memory`. Throws std::bad_alloc. REQUIRES: both outlive it.
Nghttp2Ptr make_nghttp2_session(Session& session, Nghttp2Memory& memory);

/// A request; with `has_body` its DATA is what `stream` offers. Returns the stream's id, or a negative
/// nghttp2 error. `headers` stays as it is until its frame has left or the stream is closed: nghttp2 reads it
/// then, and does not copy it.
std::int32_t submit_request(nghttp2_session* nghttp2, const HeaderList& headers, Stream& stream,
                            bool has_body);
/// A final response, whose `headers` stays as long. `index_date`: its Date is worth a place in the peer's table.
/// Returns 0 or a negative nghttp2 error, like the following.
int submit_response(nghttp2_session* nghttp2, const HeaderList& headers, Stream& stream, bool has_body,
                    bool index_date);
/// Ends a stream that nothing is kept of with RST_STREAM(REFUSED_STREAM).
void submit_refusal(nghttp2_session* nghttp2, std::int32_t stream_id);
int submit_interim(nghttp2_session* nghttp2, const HeaderList& headers, std::int32_t stream_id);
int submit_trailers(nghttp2_session* nghttp2, const HeaderList& trailers, std::int32_t stream_id);

}  // namespace h2
