#pragma once

#include <cstdint>

#include "h2/header_list.h"

struct nghttp2_session;

namespace h2 {

/// Which stream's DATA leaves first, of those that have some (RFC 9218). Server only.
///
/// nghttp2 does the scheduling: by urgency; in one urgency the incremental streams share, and others follow
/// each other in the order in which they got something to send. It reads the request's priority field and
/// PRIORITY_UPDATE by itself, since our SETTINGS forgo the priorities of RFC 7540. What is added here:
/// streams of a client that has never spoken of priorities share, too. It cannot have meant the standard's
/// default, by which its downloads would wait for each other (§4 leaves that to us).
class Priorities {
 public:
  /// A request's head came on stream `id`, which nghttp2 knows.
  void request_came(nghttp2_session* nghttp2, std::int32_t id, const HeaderList& head);
  /// A PRIORITY_UPDATE came, for whichever stream.
  void update_came() { client_speaks_ = true; }
  /// Whether the client has spoken of priorities.
  bool client_speaks() const { return client_speaks_; }

 private:
  bool client_speaks_ = false;
};

}  // namespace h2
