#pragma once

#include "gateway/backend.h"
#include "gateway/error.h"

namespace gateway {

/// Answers an exchange with an error: its status and a line of text that says why.
///
///   HTTP/2 404
///   content-type: text/plain; charset=utf-8
///
///   404 no route for host example.org
///
/// The text goes out if its pipe has a place for it now, else the status goes without a body: memory is never
/// waited for in order to say that there was none (rule 7). A request body that nobody takes is closed.
///
/// A gRPC call over HTTP/2 gets a head alone instead, which its stub understands (gateway/grpc.h):
///
///   HTTP/2 200
///   content-type: application/grpc
///   grpc-status: 12
///   grpc-message: no route for host example.org
class LocalReply final : public Backend {
 public:
  explicit LocalReply(Error error) : error_(std::move(error)) {}

  void start(Exchange& exchange) override;
  void give_up() override {}
  std::string_view name() const override { return "local"; }

 private:
  const Error error_;
};

}  // namespace gateway
