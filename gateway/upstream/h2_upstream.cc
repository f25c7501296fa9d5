#include "gateway/upstream/h2_upstream.h"

#include "gateway/log.h"
#include "gateway/stats.h"

namespace gateway {

H2Upstream::H2Upstream(const WorkerParts& worker, std::unique_ptr<Transport> transport, const EndpointLimits& limits,
                       std::string_view endpoint, Owner& owner)
    : worker_(worker),
      limits_(limits),
      endpoint_(endpoint),
      owner_(owner),
      deadline_(worker.loop, [this] { on_deadline(); }),
      lifespan_(worker.loop, worker.jitter, limits.keep_alive, worker.stats.upstream_connections_retired,
                [this](Retirement why) { leave(why); }),
      connection_(worker.connection_parts(), std::move(transport), h2::Role::client, limits.session, limits.stall,
                  limits.keep_alive, *this, *this) {
  deadline_.set(limits_.connect);
}

h2::Stream* H2Upstream::request(h2::HeaderList head, pool::Pipe* body, pool::Pipe* response_body,
                                h2::StreamEvents& events) {
  h2::Stream* stream = connection_.session().request(std::move(head), body, response_body, events);
  if (stream == nullptr) return nullptr;
  if (is_settled_) deadline_.clear();
  connection_.write_soon();
  lifespan_.request();
  return stream;
}

// Who waits for one of its streams needs another connection; who has just got the last one is being served.
void H2Upstream::leave(Retirement why) {
  is_leaving_ = true;
  end_if_left();
  if (why == Retirement::max_age) owner_.on_upstream_ready();
}

// GOAWAY is the last that is said: HEADERS would leave behind it, and there are servers that take no stream after it.
void H2Upstream::end_if_left() {
  if (is_leaving_ && connection_.session().open_streams() == 0) connection_.session().drain();
}

void H2Upstream::stream_over() {
  if (connection_.ended()) return;
  end_if_left();
  if (is_settled_ && connection_.session().open_streams() == 0) deadline_.set(limits_.connection_idle);
  owner_.on_upstream_ready();
}

void H2Upstream::release(h2::Stream& stream) {
  stream.set_events(this);
  stream.set_inbound(nullptr);
  stream.reset(h2::ErrorCode::cancel);
}

void H2Upstream::on_request(h2::Stream& stream, h2::HeaderList&&, bool, bool) {
  // A client session announces that it takes no pushes; the session refuses them before.
  stream.reset(h2::ErrorCode::refused_stream);
}

void H2Upstream::on_goaway(const h2::GoAway& goaway) {
  is_leaving_ = true;
  lifespan_.clear();
  worker_.log.info("upstream", "{}: GOAWAY {} {}", endpoint_, h2::to_string(goaway.code), goaway.debug_data);
}

void H2Upstream::on_connection_open() {
  if (connection_.transport().secure() && connection_.transport().alpn() != "h2") {
    return connection_.abort("the backend does not speak h2 (ALPN)");
  }
  is_open_ = true;
  lifespan_.begin();
  owner_.on_upstream_ready();
}

// All that has come is looked at first: a peer may follow its first SETTINGS with others at once.
void H2Upstream::on_connection_fed() {
  if (!settings_came_) return;
  settings_came_ = false;
  if (!is_settled_) {
    is_settled_ = true;
    deadline_.set(connection_.session().open_streams() == 0 ? limits_.connection_idle : Duration::zero());
  }
  owner_.on_upstream_ready();
}

void H2Upstream::on_deadline() {
  if (is_settled_) return connection_.terminate(h2::ErrorCode::no_error, "idle");
  worker_.stats.count_timeout(Timeout::connect);
  connect_expired_ = true;
  connection_.abort("took too long");
}

void H2Upstream::on_connection_end(std::string_view reason) {
  deadline_.clear();
  lifespan_.clear();
  end_reason_ = reason.empty() ? "connection closed" : reason;
  if (is_settled_) {
    if (!reason.empty()) worker_.log.info("upstream", "{}: connection ended: {}", endpoint_, reason);
    return owner_.on_upstream_end(*this, nullptr);
  }
  const Error error =
      connect_expired_ ? connect_took_too_long(endpoint_) : connect_failed(endpoint_, end_reason_);
  owner_.on_upstream_end(*this, &error);
}

}  // namespace gateway
