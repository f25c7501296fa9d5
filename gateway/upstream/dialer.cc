#include "gateway/upstream/dialer.h"

#include <utility>

#include "gateway/net/tcp_transport.h"
#include "gateway/net/tls_transport.h"

namespace gateway {
namespace {

constexpr Duration kLookUpPause = std::chrono::seconds(1);

}  // namespace

Dialer::Dialer(EventLoop& loop, Resolver& resolver, HostPort name, std::vector<Address> addresses,
               TlsClientContext* tls)
    : loop_(loop),
      resolver_(resolver),
      name_(std::move(name)),
      text_(to_string(name_)),
      tls_(tls),
      addresses_(std::move(addresses)),
      is_literal_(numeric_address(name_).has_value()) {}

std::unique_ptr<Transport> Dialer::dial(std::string& why) {
  if (addresses_.empty()) {
    look_up();
    why = look_up_error_.empty() ? text_ + ": address not known yet" : look_up_error_;
    return nullptr;
  }
  next_ %= addresses_.size();
  const Address& address = addresses_[next_];
  return tls_ != nullptr ? connect_tls(loop_, address, *tls_, name_.is_unix ? std::string() : name_.host) : connect_tcp(loop_, address);
}

void Dialer::on_failure() {
  ++next_;
  look_up();
}

void Dialer::look_up() {
  if (is_literal_ || ticket_.waiting() || loop_.now() < looked_up_ + kLookUpPause) return;
  looked_up_ = loop_.now();
  ticket_ = resolver_.resolve(name_, loop_, [this](Resolved resolved) {
    look_up_error_ = std::move(resolved.error);
    // A name that cannot be looked up just now may still be served at the old addresses.
    if (!resolved.addresses.empty()) addresses_ = std::move(resolved.addresses);
  });
}

}  // namespace gateway
