#pragma once

#include <nghttp2/nghttp2.h>

namespace h2 {

struct Nghttp2Memory;

/// An allocator that counts in `memory` what nghttp2 has, and charges its ledger. REQUIRES: `memory` outlives
/// the session that it is given to. One thread, that of the session.
///
/// Two pieces have pages of their own. nghttp2 keeps a buffer of 16 KiB for the frame that it sends, and most frames are
/// of some hundred bytes: so a session has one page of it, as a rule, where malloc would give it five that somebody else
/// had written to. And it keeps a table of streams, empty while there are none.
nghttp2_mem make_nghttp2_allocator(Nghttp2Memory& memory);

/// Gives back the memory of both that a session does not need while it is idle: of the buffer, and of the table if that
/// is empty. REQUIRES: the session has nothing to send, so no frame is in the buffer.
void give_back_unused(Nghttp2Memory& memory);

}  // namespace h2
