#include "gateway/net/network.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>
#include <cstdint>
#include <span>

namespace gateway {
namespace {

std::span<const std::uint8_t> bytes_of(const Address& address) {
  if (address.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    return {reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  return {v6.sin6_addr.s6_addr, 16};
}

bool bit(std::span<const std::uint8_t> bytes, unsigned i) {
  return ((bytes[i / 8] >> (7 - i % 8)) & 1) != 0;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text, std::string& why) {
  const std::size_t slash = text.find('/');
  std::optional<Address> address = numeric_address(HostPort{.host = std::string(text.substr(0, slash))});
  if (!address) {
    why = fmt::format("\"{}\" is no network; write it like \"10.0.0.0/8\" or \"::1\"", text);
    return std::nullopt;
  }
  const auto all = static_cast<unsigned>(bytes_of(*address).size() * 8);
  unsigned bits = all;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (length.empty() || error != std::errc() || end != length.data() + length.size() || bits > all) {
      why = fmt::format("\"{}\" has no length from 0 to {} behind its slash", text, all);
      return std::nullopt;
    }
  }
  for (unsigned i = bits; i < all; ++i) {
    if (!bit(bytes_of(*address), i)) continue;
    why = fmt::format(
        "\"{}\" has bits behind its first {}; write the network's own address, or a longer length", text,
        bits);
    return std::nullopt;
  }
  return Network(std::move(*address), bits);
}

bool Network::contains(const Address& address) const {
  if (address.family() != address_.family()) return false;
  for (unsigned i = 0; i < bits_; ++i) {
    if (bit(bytes_of(address), i) != bit(bytes_of(address_), i)) return false;
  }
  return true;
}

}  // namespace gateway
