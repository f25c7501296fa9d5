#include "gateway/upstream/endpoint.h"

#include "gateway/admission.h"
#include "gateway/log.h"

namespace gateway {
namespace {

constexpr Duration kDialAgain = std::chrono::milliseconds(50);

}  // namespace

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
