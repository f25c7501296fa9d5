#include "gateway/upstream/endpoint.h"

#include "gateway/admission.h"
#include "gateway/log.h"

namespace gateway {
namespace {

constexpr Duration kDialAgain = std::chrono::milliseconds(50);

}  // namespace

Endpoint::~Endpoint() { worker_.stats.upstream_connections_open.sub(connections_); }

void Endpoint::dial(std::size_t open) {
  if (open >= limits_.max_connections || !may_dial(open)) return;
  std::string why;
  std::unique_ptr<Transport> transport = dialer_.dial(why);
  if (transport == nullptr) {
    on_connect_failed(why);
    return fail_waiting({.source = ErrorSource::endpoint, .status = 502, .reason = why, .retry_safe = true});
  }
  worker_.stats.upstream_connections_opened.add();
  worker_.stats.upstream_connections_open.add();
  ++connections_;
  add_connection(std::move(transport));
}

void Endpoint::on_connection_end(const Error* open_failure) {
  worker_.stats.upstream_connections_open.sub();
  --connections_;
  if (open_failure != nullptr) {
    worker_.stats.upstream_connections_failed.add();
    worker_.log.warning("upstream", "{}", open_failure->reason);
    dialer_.on_failure();
    on_connect_failed(open_failure->reason);
    fail_waiting(*open_failure);
  }
  dial_if_needed();
}

bool Endpoint::may_dial(std::size_t open) {
  if (open == 0 || worker_.admission.admits_backend_connection()) return true;
  worker_.stats.upstream_waits.add();
  dial_again_.set(kDialAgain);
  return false;
}

void Endpoint::on_connect_failed(std::string_view why) {
  if (!health_.on_connect_failed(why, worker_.loop.now())) return;
  worker_.stats.endpoints_out.add();
  worker_.log.warning("health", "endpoint {} is out: {} connects failed in a row, the last: {}", name(),
                      EndpointHealth::kConnectFailures, why);
}

void Endpoint::on_connected() {
  if (!health_.on_connected(worker_.loop.now())) return;
  worker_.log.info("health", "endpoint {} is in: it takes connections again", name());
}

}  // namespace gateway
