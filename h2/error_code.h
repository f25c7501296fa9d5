#pragma once

#include <cstdint>
#include <string_view>

namespace h2 {

/// RFC 9113 §7.
enum class ErrorCode : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

/// The RFC's name ("ENHANCE_YOUR_CALM"); "UNKNOWN" for others.
std::string_view to_string(ErrorCode code);

}  // namespace h2
