#include "gateway/listener_group.h"

#include "gateway/log.h"
#include "gateway/net/tcp_transport.h"
#include "gateway/net/tls_context.h"
#include "gateway/net/tls_transport.h"

namespace gateway {

ListenerGroup::ListenerGroup(const WorkerParts& worker, const Exchange::Parts& exchange,
                             const ClientTimeouts& timeouts, const Plan& plan, ListeningSocket socket,
                             std::function<void()> on_client_gone)
    : worker_(worker),
      plan_(plan),
      parts_{worker, exchange, plan_.limits, timeouts, socket.bound_address().text},
      on_client_gone_(std::move(on_client_gone)),
      listener_(worker.loop, std::move(socket),
                {.on_accept = [this](Fd fd, const Address& peer) { on_accept(std::move(fd), peer); },
                 .on_error =
                     [this](std::string_view reason) {
                       worker_.log.error("listener", "{}: accepting rests: {}", parts_.local, reason);
                     }}) {}

void ListenerGroup::on_accept(Fd fd, const Address& peer) {
  std::unique_ptr<Transport> transport =
      plan_.tls != nullptr ? make_tls_server_transport(worker_.loop, std::move(fd), ip_text(peer), *plan_.tls)
                           : make_tcp_transport(worker_.loop, std::move(fd), ip_text(peer));
  ClientConnection& client = clients_.add(std::make_unique<ClientConnection>(
      parts_, std::move(transport), static_cast<ClientConnection::Owner&>(*this)));
  if (is_draining_) client.drain();
}

void ListenerGroup::on_client_gone(ClientConnection& connection) {
  worker_.turn_end.bury(clients_.release(connection));
  on_client_gone_();
}

void ListenerGroup::drain() {
  is_draining_ = true;
  listener_.stop();
  // Backwards, since a client that goes at once leaves the set.
  for (std::size_t i = clients_.size(); i-- > 0;) clients_[i].drain();
}

void ListenerGroup::terminate(std::string_view reason) {
  for (std::size_t i = clients_.size(); i-- > 0;) clients_[i].terminate(reason);
}

}  // namespace gateway
