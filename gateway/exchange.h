#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/backend.h"
#include "gateway/error.h"
#include "gateway/exchange_client.h"
#include "gateway/exchange_state.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/lookout.h"
#include "gateway/pipe_meter.h"
#include "gateway/stats.h"
#include "h2/header_list.h"
#include "pool/pipe.h"
#include "pool/slow_share.h"

namespace gateway {

class Admission;
class TurnEnd;

/// How long an exchange may take; zero: for ever.
struct ExchangeTimeouts {
  Duration response_header{};  // from the end of the request to the response head
  Duration stream_idle{};      // without a byte in either direction
  Duration stall{};            // without progress while it holds blocks and others wait for them
  Duration tunnel_idle{};      // as stream_idle, of a tunnel that is open
};

/// One request and its response: two heads, two pipes, and the time it may take. The waist of the house:
///
///   client's stream ◀──▶ Exchange ◀──▶ Backend
///
/// Owned by who asked; owns its backend. It knows no protocol: heads are HeaderLists with HTTP/2's pseudo-header fields on both
/// sides (":method", ":scheme", ":authority", ":path"; ":status"). Confined to its worker's thread.
///
/// A *tunnel* is an exchange whose request is CONNECT with ":protocol" (RFC 8441), in whatever version it came. A status of 2xx opens
/// it: the two bodies are its two directions, each lasts until its sender ends it, and it is over when both have left. Answered
/// otherwise it is an exchange as others, without a body of the request. As nobody knows for how long it is silent, it has few
/// blocks when it is busy, none when it is not, and never waits for one: its doorbells return.
class Exchange {
 public:
  struct Bounds {
    std::size_t doorbell;               // bytes of room that each pipe has of its own
    std::size_t max_pipe_blocks = 128;  // and at most a sixteenth of all: what one transfer over a long path can use
    pool::Urgency response_urgency = pool::Urgency::leave;  // of the response's pipe
    bool doorbell_returns = false;  // each time that its bytes are gone: nothing depends on a block
  };
  struct Parts {  // what an exchange needs of its worker
    EventLoop& loop;
    pool::LocalPool& pool;
    TurnEnd& turn_end;
    BackendFinder& backends;
    WorkerStats& stats;
    const ExchangeTimeouts& timeouts;
    Bounds bounds;
    const Admission* admission = nullptr;  // null: memory beside the blocks is never short
  };

  /// `request` is the client's head as it came. `group`: the connection's turns in the pool.
  Exchange(const Parts& parts, ExchangeClient& client, pool::TurnGroup& group, h2::HeaderList request,
           bool request_has_body, RequestOrigin origin);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  /// REQUIRES: end() was called.
  ~Exchange();

  // ---- For who asked ----

  /// Finds a backend and starts. REQUIRES: the producer of request_body() and the consumer of response_body() are set
  /// (or will be in on_response). The client's calls may come before this returns.
  void start();
  /// Answers it with a local reply instead of start().
  void refuse(const Error& error);
  /// The response's place among those of its connection that wait for a block.
  void set_rank(pool::Rank rank);
  void set_request_trailers(h2::HeaderList trailers) { request_trailers_ = std::move(trailers); }
  const h2::HeaderList* response_trailers() const;
  const h2::HeaderList& response() const { return response_; }
  /// Gives the response's head away, to who sends it.
  h2::HeaderList take_response() { return std::move(response_); }
  bool response_has_body() const { return response_has_body_; }
  /// The backend is done with a tunnel, see on_tunnel_over().
  bool tunnel_over() const { return tunnel_over_; }
  /// The response has left completely (`reason` empty), or the client is gone (`reason` says how). Gives up the backend.
  /// Called once, last.
  void end(std::string_view reason);

  // ---- For its backend ----

  const h2::HeaderList& request() const { return request_; }
  bool request_has_body() const { return request_has_body_; }
  /// The request asks for a tunnel; it is open.
  bool asks_tunnel() const { return asks_tunnel_; }
  bool tunnel_open() const { return tunnel_open_; }
  const RequestOrigin& origin() const { return origin_; }
  /// The same object for all exchanges of one connection: who waits takes turns by it.
  const pool::TurnGroup& turns() const { return group_; }
  pool::Pipe& request_body() { return request_body_; }
  pool::Pipe& response_body() { return *response_body_; }
  /// Trailers of the request; valid once request_body().drained(). Null: none.
  const h2::HeaderList* request_trailers() const;
  /// The request head has left for the backend. `source`: who answers, if the answer can be looked for; it outlives the backend.
  void sent(Promptness* source = nullptr);
  /// Ask for each header section of the response before it is kept, and again as it grows. If not: fail(no_memory_for_response(...)).
  bool admits_section(std::size_t bytes) { return client_.admits_section(bytes); }
  void interim(h2::HeaderList head);
  /// REQUIRES: called once. `has_body` false: the response ends with its head (HEAD, 204, 304, or an empty body).
  void respond(h2::HeaderList head, bool has_body);
  void set_response_trailers(h2::HeaderList trailers) { response_trailers_ = std::move(trailers); }
  /// The backend cannot go on. Goes to another backend if that is safe and was not done yet; else the client gets the error as
  /// a local reply, or on_failed if it has the response head.
  void fail(const Error& error);
  /// All of a tunnel's request was sent, or is not taken any more, and all of its response is in response_body().
  void end_tunnel();

  // ---- For the access log ----

  ExchangeState state() const { return state_; }
  /// That the client sees: 101 for a tunnel in HTTP/1.1. 0 before the response head.
  int status() const { return status_; }
  std::string_view end_reason() const { return end_reason_; }
  std::string_view cluster() const { return cluster_; }
  void set_cluster(std::string_view name) { cluster_ = name; }
  std::string_view endpoint() const { return endpoint_; }
  bool retried() const { return retried_; }
  Time started() const { return started_; }
  Duration waited_for_backend() const;
  /// What the exchange waited for, for a tenth of its time or more: "no_block" (a block of the pool), "client_slow" (bytes of the
  /// response lay there), "backend_slow" (bytes of the request did); several joined by "+". "": nothing.
  std::string_view pause_reasons() const;
  const PipeMeter& request_meter() const { return request_meter_; }
  const PipeMeter& response_meter() const { return response_meter_; }
  const pool::Pipe& request_body() const { return request_body_; }
  const pool::Pipe& response_body() const { return *response_body_; }
  Duration paused_for_blocks() const { return request_meter_.waited() + response_meter_.waited(); }
  std::uint64_t bytes_from_client() const { return request_body_.bytes_in(); }
  std::uint64_t bytes_to_client() const { return response_body_->bytes_out(); }

 private:
  void follow(ExchangeState next);
  void renew_response_body();
  void use(std::unique_ptr<Backend> backend);
  void drop_backend();
  void look_no_more();
  void fail_client(const Error& error);
  struct Limit {
    Time at;
    Duration after;  // zero: none
    Timeout kind;
  };
  Limit limit() const;
  bool client_owes() const;
  bool evict();  // true: the exchange has ended
  bool evict(Eviction kind, Duration slow, std::string_view what);
  void expire(Timeout kind, Duration after, std::string_view what);
  void arm();
  void on_deadline();

  const Parts parts_;
  ExchangeClient& client_;
  pool::TurnGroup& group_;
  h2::HeaderList request_;
  h2::HeaderList request_trailers_;
  h2::HeaderList response_;
  h2::HeaderList response_trailers_;
  const RequestOrigin origin_;
  const bool request_has_body_;
  const bool asks_tunnel_;
  bool tunnel_open_ = false;
  bool tunnel_over_ = false;
  bool response_has_body_ = false;
  bool retried_ = false;
  ExchangeState state_ = ExchangeState::received;
  pool::Rank rank_ = pool::kUsualRank;
  int status_ = 0;
  std::string end_reason_;
  std::string cluster_;
  std::string endpoint_;
  Time started_;
  std::optional<Time> sent_at_;
  std::optional<Time> responded_at_;
  PipeMeter request_meter_;
  PipeMeter response_meter_;
  pool::Pipe request_body_;
  std::optional<pool::Pipe> response_body_;  // another one for each backend that is asked
  pool::SlowShare slow_;
  Deadline deadline_;
  Lookout answer_;  // that of backend_
  std::unique_ptr<Backend> backend_;
};

}  // namespace gateway
