#include "gateway/client_exchange.h"

#include "gateway/access_log.h"
#include "gateway/admission.h"
#include "gateway/stats.h"
#include "gateway/worker_parts.h"

namespace gateway {

ClientExchange::ClientExchange(const WorkerParts& worker, const Exchange::Parts& parts,
                               pool::TurnGroup& group, h2::HeaderList request, bool request_has_body,
                               RequestOrigin origin)
    : worker_(worker),
      cost_(kStreamCost + request.bytes()),
      exchange_(parts, *this, group, std::move(request), request_has_body, std::move(origin)) {
  worker_.stats.requests.add();
  worker_.stats.exchanges_active.add();
}

ClientExchange::~ClientExchange() {
  worker_.stats.exchanges_active.sub();
}

void ClientExchange::start(const Error* refusal) {
  if (refusal != nullptr) {
    exchange_.refuse(*refusal);
  } else {
    exchange_.start();
  }
}

void ClientExchange::on_response() {
  worker_.stats.count_response(exchange_.status());
  respond();
}

void ClientExchange::finish(std::string_view reason) {
  exchange_.end(reason);
  worker_.stats.bytes_in.add(exchange_.bytes_from_client());
  worker_.stats.bytes_out.add(exchange_.bytes_to_client());
  if (exchange_.retried()) worker_.stats.retries.add();
  if (!worker_.access_log.enabled()) return;
  if (!worker_.access_log.record(AccessRecord::of(exchange_, std::chrono::steady_clock::now()))) {
    worker_.stats.access_log_dropped.add();
  }
}

}  // namespace gateway
