#include "gateway/listener_group.h"

#include <algorithm>

#include "gateway/admission.h"
#include "gateway/log.h"
#include "gateway/net/tcp_transport.h"
#include "gateway/net/tls_context.h"
#include "gateway/net/tls_transport.h"

namespace gateway {
namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(100);

}  // namespace

ListenerGroup::ListenerGroup(const WorkerParts& worker, const Exchange::Parts& exchange,
                             const ClientTimeouts& timeouts, const Plan& plan, ListeningSocket socket,
                             std::function<void()> on_client_gone)
    : worker_(worker),
      plan_(plan),
      parts_{worker, exchange, plan_.limits, timeouts, socket.bound_address().text, plan_.is_admin, plan_.protocols,
             plan_.keep_alive},
      on_client_gone_(std::move(on_client_gone)),
      look_again_(worker.loop, [this] { resume_if_there_is_room(); }),
      listener_(worker.loop, std::move(socket),
                {.on_accept = [this](Fd fd, const Address& peer) { on_accept(std::move(fd), peer); },
                 .on_error =
                     [this](std::string_view reason) {
                       worker_.log.error("listener", "{}: accepting rests: {}", parts_.local, reason);
                     }}) {}

void ListenerGroup::on_accept(Fd fd, const Address& peer) {
  if (!plan_.proxy_protocol) return serve(std::move(fd), peer);
  if (!trusts(peer)) return refuse(peer, ProxyRefusal::untrusted, "not trusted to send a PROXY header");
  if (is_draining_) return;
  greetings_.add(std::make_unique<ProxyGreeting>(worker_.loop, std::move(fd), peer, parts_.timeouts.tls_handshake,
                                                 static_cast<ProxyGreeting::Owner&>(*this)));
}

void ListenerGroup::serve(Fd fd, const Address& peer) {
  std::unique_ptr<Transport> transport =
      plan_.tls != nullptr ? make_tls_server_transport(worker_.loop, std::move(fd), ip_text(peer), *plan_.tls, port_of(peer))
                           : make_tcp_transport(worker_.loop, std::move(fd), ip_text(peer), port_of(peer));
  Client& client = clients_.add(std::make_unique<Client>(
      parts_, std::move(transport), static_cast<Client::Owner&>(*this)));
  if (is_draining_) client.drain();
  pause_if_full();
}

// ---- PROXY headers ----

bool ListenerGroup::trusts(const Address& peer) const {
  return peer.family() == AF_UNIX ||
         std::ranges::any_of(plan_.trusted, [&](const Network& network) { return network.contains(peer); });
}

void ListenerGroup::on_greeted(ProxyGreeting& greeting) {
  Fd fd = greeting.take_socket();
  const Address client = greeting.client();
  worker_.turn_end.bury(greetings_.release(greeting));
  serve(std::move(fd), client);
}

void ListenerGroup::on_greeting_failed(ProxyGreeting& greeting, bool late, std::string_view why) {
  refuse(greeting.peer(), late ? ProxyRefusal::late : ProxyRefusal::malformed, why);
  worker_.turn_end.bury(greetings_.release(greeting));
}

void ListenerGroup::refuse(const Address& peer, ProxyRefusal reason, std::string_view why) {
  worker_.stats.count_proxy_refusal(reason);
  worker_.log.info("client", "{}: connection refused: {}", peer.text, why);
}

// ---- Memory ----

bool ListenerGroup::admits() const {
  return plan_.is_admin ? worker_.admission.admits_admin() : worker_.admission.admits_connection();
}

void ListenerGroup::pause_if_full() {
  if (is_paused_ || admits()) return;
  is_paused_ = true;
  worker_.stats.accept_pauses.add();
  listener_.pause();
  look_again_.set(kLookAgain);
}

void ListenerGroup::resume_if_there_is_room() {
  if (!is_paused_ || is_draining_) return;
  if (!admits()) return look_again_.set(kLookAgain);
  is_paused_ = false;
  look_again_.clear();
  listener_.resume();
}

void ListenerGroup::on_client_gone(Client& connection) {
  worker_.turn_end.bury(clients_.release(connection));
  resume_if_there_is_room();
  on_client_gone_();
}

void ListenerGroup::drain() {
  is_draining_ = true;
  look_again_.clear();
  listener_.stop();
  greetings_ = {};
  // Backwards, since a client that goes at once leaves the set.
  for (std::size_t i = clients_.size(); i-- > 0;) clients_[i].drain();
}

void ListenerGroup::terminate(std::string_view reason) {
  for (std::size_t i = clients_.size(); i-- > 0;) clients_[i].terminate(reason);
}

}  // namespace gateway
