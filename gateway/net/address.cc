#include "gateway/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace gateway {

namespace {

constexpr std::size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxName = 253;  // RFC 1035 §2.3.4, in text form

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_ipv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

std::optional<HostPort> parse_unix(std::string_view path, std::string_view text, std::string& why) {
  if (path.empty()) {
    why = fmt::format("\"{}\" has no path; write it like \"unix:/run/gateway.sock\"", text);
    return std::nullopt;
  }
  if (path.size() > kMaxPath || path.find('\0') != path.npos) {
    why = fmt::format("the path of a unix socket has at most {} bytes, this one {}", kMaxPath, path.size());
    return std::nullopt;
  }
  return HostPort{std::string(path), 0, true};
}

template <typename T>
Address from(const T& raw, socklen_t length = sizeof(T)) {
  return make_address(reinterpret_cast<const sockaddr*>(&raw), length);
}

Address unix_address(const std::string& path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  return from(raw, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1));
}

template <typename T>
const T& as(const Address& address) {
  return reinterpret_cast<const T&>(address.storage);
}

std::string unix_text(const Address& address) {
  const auto offset = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path));
  if (address.length <= offset) return "unix";
  const char* path = as<sockaddr_un>(address).sun_path;
  return "unix:" + std::string(path, strnlen(path, address.length - offset));
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text, std::string& why) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5), text, why);

  const auto colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (colon == text.npos || (bracketed && text.find(']') > colon)) {
    const bool is_port = parse_port(text).has_value();
    why = fmt::format("\"{}\" has no {}; write it like \"{}\"", text, is_port ? "host" : "port",
                      is_port ? "127.0.0.1:" + std::string(text)
                              : (text.empty() ? "127.0.0.1" : std::string(text)) + ":8080");
    return std::nullopt;
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) {
    why = fmt::format("\"{}\" is not a port; a port is a number from 0 to 65535", text.substr(colon + 1));
    return std::nullopt;
  }
  std::string host(text.substr(0, colon));
  if (bracketed) {
    if (host.back() == ']') host = host.substr(1, host.size() - 2);
    if (is_ipv6(host)) return HostPort{std::move(host), *port, false};
    why = fmt::format("\"{}\" has no IPv6 address in its brackets; write it like \"[::1]:8080\"", text);
    return std::nullopt;
  }
  if (host.find(':') != host.npos) {
    why = fmt::format("an IPv6 address stands in brackets, like \"[::1]:8080\", not \"{}\"", text);
    return std::nullopt;
  }
  if (is_name(host)) return HostPort{std::move(host), *port, false};
  why = host.empty()
            ? fmt::format("\"{}\" has no host; write it like \"127.0.0.1:{}\"", text, *port)
            : fmt::format("\"{}\" is neither a name nor an IP address; write it like \"app.internal:{}\"",
                          host, *port);
  return std::nullopt;
}

std::string to_string(const HostPort& address) {
  if (address.is_unix) return "unix:" + address.host;
  if (address.host.find(':') != address.host.npos) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

Address make_address(const sockaddr* raw, socklen_t length) {
  Address address;
  std::memcpy(&address.storage, raw, length);
  address.length = length;
  if (address.family() == AF_UNIX) {
    address.text = unix_text(address);
  } else {
    address.text = to_string(HostPort{ip_text(address), port_of(address), false});
  }
  return address;
}

std::optional<Address> numeric_address(const HostPort& address) {
  if (address.is_unix) {
    if (address.host.empty() || address.host.size() > kMaxPath) return std::nullopt;
    return unix_address(address.host);
  }
  sockaddr_in v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    return from(v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    return from(v6);
  }
  return std::nullopt;
}

std::string ip_text(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address.family()) {
    case AF_INET:
      inet_ntop(AF_INET, &as<sockaddr_in>(address).sin_addr, text, sizeof text);
      break;
    case AF_INET6:
      inet_ntop(AF_INET6, &as<sockaddr_in6>(address).sin6_addr, text, sizeof text);
      break;
    default:
      return "unix";
  }
  return text;
}

std::uint16_t port_of(const Address& address) {
  switch (address.family()) {
    case AF_INET:
      return ntohs(as<sockaddr_in>(address).sin_port);
    case AF_INET6:
      return ntohs(as<sockaddr_in6>(address).sin6_port);
    default:
      return 0;
  }
}

}  // namespace gateway
