#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/net/address.h"

namespace gateway {

class EventLoop;

/// What a name stands for: at least one address, or an error in words ("app.internal: name or service not
/// known").
struct Resolved {
  std::vector<Address> addresses;
  std::string error;
};

/// Looks the name up and waits for it: at start only.
Resolved resolve_now(const HostPort& name);

/// Looks names up on a thread of its own, one after the other, since getaddrinfo() blocks. One for the
/// process; any worker may ask.
class Resolver {
 public:
  static constexpr std::size_t kMaxWaiting = 1024;  // look-ups; more are refused with an error
  using Callback = std::function<void(Resolved)>;
  struct Request;  // shared between the one who asks and the thread
  struct State;

  /// The right to be called back. Cancels in its destructor, on the loop's thread. REQUIRES: gone before its
  /// loop.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&&) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { cancel(); }
    void cancel() noexcept;
    /// True until the callback was called or the ticket cancelled.
    bool waiting() const;

   private:
    friend class Resolver;
    explicit Ticket(std::shared_ptr<Request> request) : request_(std::move(request)) {}
    std::shared_ptr<Request> request_;
  };

  Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  /// Drops what waits; does not wait for a look-up that is under way.
  ~Resolver();

  /// Calls back on the loop's thread, in a coming turn, once, unless the ticket goes before. The callback may
  /// drop the ticket.
  [[nodiscard]] Ticket resolve(const HostPort& name, EventLoop& loop, Callback callback);

 private:
  std::shared_ptr<State> state_;  // outlives this while a look-up is under way
};

}  // namespace gateway
