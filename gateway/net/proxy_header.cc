#include "gateway/net/proxy_header.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <vector>

namespace gateway {
namespace {

constexpr std::string_view kLine = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedPart = 16;  // signature, version and command, family and transport, length
constexpr char kLocal = 0x20;
constexpr char kProxy = 0x21;
constexpr char kUnspecified = 0x00;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;
constexpr char kUnixStream = 0x31;
constexpr std::size_t kUnixBytes = 216;

/// Of both addresses and both ports.
constexpr std::size_t address_bytes(std::size_t one) {
  return 2 * one + 4;
}

bool agrees(std::string_view bytes, std::string_view expected) {
  const std::size_t common = std::min(bytes.size(), expected.size());
  return bytes.substr(0, common) == expected.substr(0, common);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return port;
}

std::optional<Address> parse_address(int family, std::string_view host, std::uint16_t port) {
  // inet_pton() would not look behind a NUL.
  if (host.find('\0') != std::string_view::npos) return std::nullopt;
  std::optional<Address> address = numeric_address(HostPort{.host = std::string(host), .port = port});
  if (address && address->family() != family) address.reset();
  return address;
}

Address address_from(std::string_view ip, std::string_view port) {
  if (ip.size() == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, ip.data(), ip.size());
    std::memcpy(&v4.sin_port, port.data(), port.size());
    return make_address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, ip.data(), ip.size());
  std::memcpy(&v6.sin6_port, port.data(), port.size());
  return make_address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

std::string ip_bytes(const Address& address, int family) {
  if (address.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    const std::string ip(reinterpret_cast<const char*>(&v4.sin_addr), 4);
    return family == AF_INET ? ip : std::string(10, '\0') + "\xff\xff" + ip;  // RFC 4291 §2.5.5.2
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  return {reinterpret_cast<const char*>(&v6.sin6_addr), 16};
}

std::string big_endian(std::uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

bool is_ip(const std::optional<Address>& address) {
  return address && address->family() != AF_UNIX;
}

}  // namespace

// ---- Reading ----

std::size_t ProxyHeader::accept(std::span<const std::byte> bytes) {
  assert(!done_ && error_.empty());
  std::size_t used = 0;
  while (used < bytes.size() && !done_ && error_.empty()) {
    if (skip_ == 0) {
      take(static_cast<char>(bytes[used++]));
      continue;
    }
    const std::size_t part = std::min(skip_, bytes.size() - used);
    used += part;
    skip_ -= part;
    if (skip_ == 0) finish();
  }
  return used;
}

void ProxyHeader::take(char byte) {
  kept_.push_back(byte);
  if (agrees(kept_, kSignature)) {
    if (kept_.size() == kFixedPart) judge_fixed_part();
    if (address_size_ > 0 && kept_.size() == kFixedPart + address_size_) read_addresses();
  } else if (!agrees(kept_, kLine)) {
    fail("no PROXY header");
  } else if (byte == '\n') {
    read_line();
  } else if (kept_.size() == kLongestLine) {
    fail("a PROXY line of more than 107 bytes");
  }
}

// "PROXY TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT\r\n", or "PROXY UNKNOWN", whatever follows.
void ProxyHeader::read_line() {
  std::string_view line = kept_;
  if (!line.ends_with("\r\n")) return fail("a PROXY line that does not end with CRLF");
  line.remove_suffix(2);
  line.remove_prefix(kLine.size());
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return finish();
  std::vector<std::string_view> parts;
  for (std::size_t space = 0; space != std::string_view::npos;) {
    space = line.find(' ');
    parts.push_back(line.substr(0, space));
    if (space != std::string_view::npos) line.remove_prefix(space + 1);
  }
  if (parts.size() != 5 || (parts[0] != "TCP4" && parts[0] != "TCP6")) return fail("a malformed PROXY line");
  const int family = parts[0] == "TCP4" ? AF_INET : AF_INET6;
  const auto port = parse_port(parts[3]);
  if (!port || !parse_port(parts[4])) return fail("a PROXY line with a bad port");
  client_ = parse_address(family, parts[1], *port);
  if (!client_ || !parse_address(family, parts[2], 0)) return fail("a PROXY line with a bad address");
  finish();
}

void ProxyHeader::judge_fixed_part() {
  const char command = kept_[12];
  const char family = kept_[13];
  const std::size_t length =
      std::size_t{static_cast<std::uint8_t>(kept_[14])} << 8 | static_cast<std::uint8_t>(kept_[15]);
  std::size_t least = 0;
  if (command == kProxy) {
    switch (family) {
      case kUnspecified:
        break;
      case kTcp4:
        least = address_size_ = address_bytes(4);
        break;
      case kTcp6:
        least = address_size_ = address_bytes(16);
        break;
      case kUnixStream:
        least = kUnixBytes;
        break;
      default:
        return fail("a PROXY header for something else than a TCP or unix stream");
    }
  } else if (command != kLocal) {
    return fail("a PROXY header of an unknown version or command");
  }
  if (length < least) return fail("a PROXY header too short for its addresses");
  if (address_size_ > 0) return;
  skip_ = length;
  if (skip_ == 0) finish();
}

void ProxyHeader::read_addresses() {
  const std::size_t length =
      std::size_t{static_cast<std::uint8_t>(kept_[14])} << 8 | static_cast<std::uint8_t>(kept_[15]);
  const std::size_t one = (address_size_ - 4) / 2;
  const std::string_view addresses = std::string_view(kept_).substr(kFixedPart);
  client_ = address_from(addresses.substr(0, one), addresses.substr(2 * one, 2));
  skip_ = length - address_size_;
  if (skip_ == 0) finish();
}

void ProxyHeader::finish() {
  done_ = true;
  kept_ = {};
}

// ---- Writing ----

std::string proxy_header(ProxyVersion version, const std::optional<Address>& client,
                         const std::optional<Address>& local) {
  assert(version != ProxyVersion::none);
  const bool is_v1 = version == ProxyVersion::v1;
  if (!is_ip(client)) {
    if (is_v1) return "PROXY UNKNOWN\r\n";
    return std::string(kSignature) + kLocal + kUnspecified + big_endian(0);
  }
  const int family =
      client->family() == AF_INET && (!is_ip(local) || local->family() == AF_INET) ? AF_INET : AF_INET6;
  const std::size_t one = family == AF_INET ? 4 : 16;
  const std::string source = ip_bytes(*client, family);
  const std::string destination = is_ip(local) ? ip_bytes(*local, family) : std::string(one, '\0');
  const std::uint16_t source_port = port_of(*client);
  const std::uint16_t destination_port = is_ip(local) ? port_of(*local) : std::uint16_t{0};
  if (is_v1) {
    return fmt::format("PROXY {} {} {} {} {}\r\n", family == AF_INET ? "TCP4" : "TCP6",
                       ip_text(address_from(source, big_endian(0))),
                       ip_text(address_from(destination, big_endian(0))), source_port, destination_port);
  }
  return std::string(kSignature) + kProxy + (family == AF_INET ? kTcp4 : kTcp6) +
         big_endian(static_cast<std::uint16_t>(address_bytes(one))) + source + destination +
         big_endian(source_port) + big_endian(destination_port);
}

}  // namespace gateway
