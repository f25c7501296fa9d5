#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/net/address.h"

namespace gateway {

/// Reads the header of the PROXY protocol, version 1 or 2 (HAProxy, doc/proxy-protocol.txt), with which a
/// proxy in front tells whom it speaks for: bytes in, a client out. It owns no socket or clock. However the
/// bytes are cut, the result is the same. Confined to one thread.
class ProxyHeader {
 public:
  static constexpr std::size_t kLongestLine = 107;  // of version 1, its CRLF included

  /// How many of the next bytes belong to the header: all of them, or those up to its end, or to the first
  /// one that cannot stand there. REQUIRES: !done() and error() is empty.
  std::size_t accept(std::span<const std::byte> bytes);
  /// The header is whole and right.
  bool done() const { return done_; }
  /// What is wrong, in words; "" if nothing.
  std::string_view error() const { return error_; }
  /// For whom the connection was made. Nothing for LOCAL, UNKNOWN and unspecified or unix addresses: the
  /// socket's own address is all there is. REQUIRES: done().
  const std::optional<Address>& client() const { return client_; }

 private:
  void take(char byte);
  void read_line();
  void judge_fixed_part();
  void read_addresses();
  void finish();
  void fail(std::string_view what) { error_ = what; }

  std::string kept_;              // version 1: the line; version 2: the fixed part and the addresses
  std::size_t address_size_ = 0;  // version 2: bytes of addresses to keep
  std::size_t skip_ = 0;          // version 2: bytes behind them that say nothing to us
  bool done_ = false;
  std::string_view error_;
  std::optional<Address> client_;
};

enum class ProxyVersion : std::uint8_t { none, v1, v2 };

/// The header to send to a backend on behalf of `client`, whose connection was made to `local`. Of two
/// families both are told as IPv6. Without a client's IP address it says that the connection is the gateway's
/// own: UNKNOWN in version 1, LOCAL in version 2; a `local` without one is told as zeros. REQUIRES: version
/// is not none.
std::string proxy_header(ProxyVersion version, const std::optional<Address>& client,
                         const std::optional<Address>& local);

}  // namespace gateway
