#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/net/address.h"

namespace gateway {

/// A range of IP addresses: "10.0.0.0/8", "2001:db8::/32", or one address without a length.
class Network {
 public:
  /// On failure `why` says what is wrong, and what would be right. Bits behind the length have to be zero:
  /// who writes others means another network.
  static std::optional<Network> parse(std::string_view text, std::string& why);
  /// Of the same family and within the range. An IPv4 address that is mapped into IPv6 (RFC 4291 §2.5.5.2)
  /// counts as IPv6; never a unix socket.
  bool contains(const Address& address) const;

 private:
  Network(Address address, unsigned bits) : address_(std::move(address)), bits_(bits) {}

  Address address_;
  unsigned bits_;
};

}  // namespace gateway
