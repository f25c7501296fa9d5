#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "h2/header_list.h"

namespace gateway {

/// What a request in HTTP/1.1 says about going on in HTTP/2 in cleartext (RFC 7540 §3.2).
struct H2cUpgrade {
  enum class Kind : std::uint8_t {
    none,    // nothing, or not in the form that has to be answered: it stays in HTTP/1.1
    asked,   // `settings` is the payload of a SETTINGS frame
    broken,  // HTTP2-Settings is not that
  };
  Kind kind = Kind::none;
  std::vector<std::byte> settings{};
};

/// Asked is with Upgrade: h2c, one HTTP2-Settings, and a Connection that names both. Any thread.
H2cUpgrade read_h2c_upgrade(const h2::HeaderList& head);

/// base64url without padding (RFC 4648 §5, §3.2).
std::optional<std::vector<std::byte>> decode_base64url(std::string_view text);

}  // namespace gateway
