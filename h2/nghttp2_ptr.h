#pragma once

#include <memory>

struct nghttp2_session;

namespace h2 {

struct Nghttp2Deleter {
  void operator()(nghttp2_session* session) const noexcept;
};

/// Owns an nghttp2 session. Deleting it calls none of its callbacks but the allocator's.
using Nghttp2Ptr = std::unique_ptr<nghttp2_session, Nghttp2Deleter>;

}  // namespace h2
