#pragma once

#include <cstdint>
#include <string_view>

namespace h2 {

inline constexpr std::uint8_t kDefaultUrgency = 3;

/// The urgency in a priority field's value, or in that of a PRIORITY_UPDATE: 0 most urgent, 7 least; the default if there is none
/// that counts (RFC 9218 §4.1). nghttp2 reads the same for its own order, and does not tell.
std::uint8_t urgency(std::string_view value);

}  // namespace h2
