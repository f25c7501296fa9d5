#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/net/address.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/resolver.h"
#include "gateway/net/transport.h"

namespace gateway {

class TlsClientContext;

/// Opens connections to one endpoint: knows its addresses, asks the resolver again when one failed.
/// Confined to its worker's thread.
class Dialer {
 public:
  /// `addresses`: what the name stood for at start, may be empty. `tls` null: cleartext.
  Dialer(EventLoop& loop, Resolver& resolver, HostPort name, std::vector<Address> addresses, TlsClientContext* tls);

  /// A transport that begins to connect, to the addresses in turn. Null when no address is known; then `why` says so, and the name is
  /// being looked up.
  std::unique_ptr<Transport> dial(std::string& why);
  /// A connection could not be opened, or broke: the name may stand for something else now.
  void on_failure();
  const std::string& name() const { return text_; }

 private:
  void look_up();

  EventLoop& loop_;
  Resolver& resolver_;
  const HostPort name_;
  const std::string text_;
  TlsClientContext* const tls_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  bool is_literal_;
  std::string look_up_error_;
  Time looked_up_{};
  Resolver::Ticket ticket_;
};

}  // namespace gateway
