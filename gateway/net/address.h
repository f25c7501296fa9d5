#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

/// Where to listen or to connect to, as somebody wrote it.
struct HostPort {
  std::string host;  // a name, an IP address without brackets, or the path of a unix socket
  std::uint16_t port = 0;
  bool is_unix = false;

  bool operator==(const HostPort&) const = default;
};

/// Reads "127.0.0.1:8443", "[::1]:8443", "name:8080" and "unix:/path". On failure `why` says what is wrong,
/// and what would be right.
std::optional<HostPort> parse_host_port(std::string_view text, std::string& why);
/// The form that parse_host_port() reads.
std::string to_string(const HostPort& address);

/// A socket address that can be bound or connected to.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // "127.0.0.1:8443", "[::1]:8443", "unix:/path"; "unix" for a peer without a path

  int family() const { return storage.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// From what the system says (accept, getsockname, getaddrinfo). REQUIRES: length <=
/// sizeof(sockaddr_storage).
Address make_address(const sockaddr* raw, socklen_t length);
/// The address of an IP literal or a unix socket; nothing for a name.
std::optional<Address> numeric_address(const HostPort& address);
/// Without the port: "127.0.0.1", "::1", "unix".
std::string ip_text(const Address& address);
std::uint16_t port_of(const Address& address);

}  // namespace gateway
