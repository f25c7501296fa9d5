#include "h2/nghttp2_priorities.h"

#include <nghttp2/nghttp2.h>

namespace h2 {

void Priorities::request_came(nghttp2_session* nghttp2, std::int32_t id, const HeaderList& head) {
  // From the first priority on, what the client leaves out is what the standard says.
  client_speaks_ = client_speaks_ || head.find("priority").has_value();
  if (client_speaks_) return;
  const nghttp2_extpri sharing = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  constexpr int kClientMayChangeIt = 0;
  nghttp2_session_change_extpri_stream_priority(nghttp2, id, &sharing, kClientMayChangeIt);
}

}  // namespace h2
