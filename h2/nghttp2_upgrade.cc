#include <nghttp2/nghttp2.h>

#include "h2/session.h"
#include "h2/stream.h"

namespace h2 {

bool Session::upgrade(std::span<const std::byte> settings, HeaderList&& request) {
  constexpr std::int32_t kStream = 1;
  Stream& stream = add_stream(kStream);
  const int is_head = request.get(":method") == "HEAD" ? 1 : 0;
  const int error =
      nghttp2_session_upgrade2(nghttp2_.get(), reinterpret_cast<const std::uint8_t*>(settings.data()),
                               settings.size(), is_head, nullptr);
  if (error != 0) {
    streams_.release(stream);
    return false;
  }
  // The library takes a stream's user data from clients only.
  nghttp2_session_set_stream_user_data(nghttp2_.get(), kStream, &stream);
  stream.remote_ended_ = stream.seen_final_headers_ = true;
  events_.on_request(stream, std::move(request), true, false);
  return true;
}

}  // namespace h2
