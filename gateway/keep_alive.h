#pragma once

#include "gateway/keep_alive_limits.h"
#include "gateway/net/event_loop.h"

namespace gateway {

/// Finds out by PING (RFC 9113 §6.7) that the peer of an HTTP/2 connection is gone, where TCP does not tell.
///
///   quiet for ping_interval, a stream open ──▶ PING ──nothing for ping_timeout──▶ gone
///
/// Any byte from the peer is a sign of life, not only the answer. A connection without a stream is not asked: servers
/// of gRPC end one that pings without calls. The first stream that opens after a long silence is accompanied by a
/// PING instead. What was asked is judged, though the stream may have ended meanwhile. Owned by its connection, whose
/// thread it is confined to.
class KeepAlive {
 public:
  class Owner {
   public:
    virtual bool has_streams() const = 0;
    /// Sends a PING; false: there is no memory for one now, then the peer is not judged.
    virtual bool ping() = 0;
    /// Called from the loop, once.
    virtual void on_peer_gone() = 0;

   protected:
    ~Owner() = default;
  };

  KeepAlive(EventLoop& loop, const KeepAliveLimits& limits, Owner& owner);

  /// The peer has shown that it is there: bytes came, or its full socket took some.
  void heard();
  /// A stream may have been opened. Costs nothing where it was not.
  void watch();
  /// The connection is over.
  void clear() { deadline_.clear(); }

 private:
  void on_deadline();

  EventLoop& loop_;
  const Duration interval_;
  const Duration timeout_;
  Owner& owner_;
  Time heard_;
  bool is_asked_ = false;  // and has said nothing since
  Deadline deadline_;      // looks again; armed while there is a stream or a PING to be answered, and a while longer
};

}  // namespace gateway
