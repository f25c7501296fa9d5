#pragma once

#include <memory>
#include <string_view>

namespace gateway {

class Exchange;
struct Error;

/// One exchange's way to an answer: a pooled HTTP/1.1 connection, a stream on a shared h2 session, a local reply, an applet.
///
/// The backend consumes exchange.request_body() and produces into exchange.response_body(), as these rules say:
/// - When it can take request bytes, it sets itself as the consumer and calls request_body().accept().
/// - It calls exchange.interim() for each 1xx, then exchange.respond() once, then writes the body and ends it with
///   exchange.set_response_trailers() (if any) and response_body().finish(). A body that was cut short ends with exchange.fail().
/// - It calls exchange.end_tunnel() last, if the exchange has become a tunnel and both its directions have ended here.
/// - Any of these calls may lead to give_up(), but its destructor never runs before the loop turn is over.
/// Owned by its exchange. Confined to its worker's thread.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Begins. Called once, right after it was made. May answer at once.
  virtual void start(Exchange& exchange) = 0;
  /// The exchange is over or goes elsewhere: lets go of the pipes and of the exchange now, makes no call to it any more, and
  /// returns what it holds to where it can be used again. Called once, before the destructor.
  virtual void give_up() = 0;
  /// Where the exchange goes, for the access log: "127.0.0.1:8080", "admin", "local".
  virtual std::string_view name() const = 0;
  /// It holds a connection of an endpoint, or a stream of one, while others wait for one and none is on its way.
  virtual bool others_wait() const { return false; }
};

/// Finds the backend for an exchange: the router, then the cluster's choice of an endpoint; or a local reply.
class BackendFinder {
 public:
  /// Never null. `failed` is why the last backend could not be used (then this is the one retry), null at first.
  virtual std::unique_ptr<Backend> find(Exchange& exchange, const Error* failed) = 0;
  /// A backend that answers with the error's status.
  virtual std::unique_ptr<Backend> answer(Exchange& exchange, const Error& error) = 0;

 protected:
  ~BackendFinder() = default;
};

}  // namespace gateway
