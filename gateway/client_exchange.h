#pragma once

#include <cstddef>
#include <string_view>

#include "gateway/exchange.h"

namespace gateway {

struct WorkerParts;

/// A client's request and its exchange, whatever the client speaks: counted while it lives, and told to the
/// access log when it is over. Owned by its connection.
class ClientExchange : protected ExchangeClient {
 public:
  virtual ~ClientExchange();
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  /// Starts the exchange; answers with `refusal` instead if there is one.
  void start(const Error* refusal);
  const Exchange& exchange() const { return exchange_; }
  /// Bytes that it holds, as admission reckons.
  std::size_t cost() const { return cost_; }

  std::size_t slot = 0;  // in its owner's set

 protected:
  ClientExchange(const WorkerParts& worker, const Exchange::Parts& parts, pool::TurnGroup& group,
                 h2::HeaderList request, bool request_has_body, RequestOrigin origin);

  /// exchange().response() has the head: send it.
  virtual void respond() = 0;
  /// As Exchange::end(). Called once, last.
  void finish(std::string_view reason);

  const WorkerParts& worker_;
  const std::size_t cost_;
  Exchange exchange_;

 private:
  void on_response() final;
};

}  // namespace gateway
