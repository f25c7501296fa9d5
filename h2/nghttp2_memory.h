#pragma once

#include <nghttp2/nghttp2.h>

namespace h2 {

struct Nghttp2Memory;

/// An allocator that counts in `memory` what nghttp2 has, and charges its ledger. REQUIRES: `memory` outlives
/// the session that it is given to. One thread, that of the session.
///
/// A piece of 16 KiB or more has pages of its own, fresh from the kernel: nghttp2 keeps a buffer of 16 KiB
/// for the frame that it sends, and most frames are of some hundred bytes. So an idle session has one page of
/// it, where malloc would give it five that somebody else had written to.
nghttp2_mem make_nghttp2_allocator(Nghttp2Memory& memory);

}  // namespace h2
