#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client.h"
#include "gateway/net/listener.h"
#include "gateway/net/network.h"
#include "gateway/net/proxy_greeting.h"
#include "pool/owned_set.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {

class TlsServerContext;

/// One listener on one worker: what it accepted. It accepts while there is memory for another connection (Admission). Confined to its worker's thread.
class ListenerGroup final : private Client::Owner, private ProxyGreeting::Owner {
 public:
  struct Plan {
    std::string name;  // "https", "h2c", "admin"
    TlsServerContext* tls;
    h2::SessionLimits limits;
    bool is_admin;
    ClientProtocols protocols{};
    bool proxy_protocol = false;  // connections begin with a PROXY header
    std::vector<Network> trusted = {};  // who may send it, beside unix sockets
    KeepAliveLimits keep_alive = {};
  };

  ListenerGroup(const WorkerParts& worker, const Exchange::Parts& exchange, const ClientTimeouts& timeouts,
                const Plan& plan, ListeningSocket socket, std::function<void()> on_client_gone);

  bool is_admin() const { return plan_.is_admin; }
  /// Accepts what is in the queue, closes the listener, tells every client with GOAWAY.
  void drain();
  /// Ends every connection now.
  void terminate(std::string_view reason);
  bool empty() const { return clients_.empty(); }
  std::size_t clients() const { return clients_.size(); }
  const Client& client(std::size_t i) const { return clients_[i]; }

 private:
  void on_accept(Fd fd, const Address& peer);
  void serve(Fd fd, const Address& client);
  bool trusts(const Address& peer) const;
  void on_greeted(ProxyGreeting& greeting) override;
  void on_greeting_failed(ProxyGreeting& greeting, bool late, std::string_view why) override;
  void refuse(const Address& peer, ProxyRefusal reason, std::string_view why);
  bool admits() const;
  void pause_if_full();
  void resume_if_there_is_room();
  void on_client_open() override { resume_if_there_is_room(); }
  void on_client_gone(Client& connection) override;

  const WorkerParts& worker_;
  const Plan plan_;
  const ListenerParts parts_;
  const std::function<void()> on_client_gone_;
  pool::OwnedSet<Client> clients_;
  pool::OwnedSet<ProxyGreeting> greetings_;
  bool is_draining_ = false;
  bool is_paused_ = false;      // for lack of memory: clients wait in the kernel's queue
  Deadline look_again_;         // while it is paused
  Listener listener_;
};

}  // namespace gateway
