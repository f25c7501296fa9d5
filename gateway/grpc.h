#pragma once

#include <string>
#include <string_view>

#include "gateway/error.h"
#include "h2/header_list.h"

namespace gateway {

/// gRPC over HTTP/2, as far as a proxy has to know it: how to tell a stub why its call failed. Pure
/// functions, any thread. Source: PROTOCOL-HTTP2.md and http-grpc-status-mapping.md of
/// github.com/grpc/grpc/doc.

/// Whether the request is a gRPC call: its content-type is application/grpc, alone or with "+proto" or the
/// like. Not application/grpc-web, which is another protocol.
bool is_grpc(const h2::HeaderList& request);

/// The grpc-status that stands for an error. As gRPC maps HTTP's, but for what a gateway knows better:
/// - 14 UNAVAILABLE: nothing was processed, so the stub may try again (`retry_safe`: a connect that took too
///   long, too).
/// - 8 RESOURCE_EXHAUSTED: ended because it held what others wait for, and a request beyond our bounds (413,
///   431).
/// - 4 DEADLINE_EXCEEDED: 408 and 504, a deadline of ours that has passed.
int grpc_status(const Error& error);

/// `text` as a grpc-message: what is not printable ASCII, and "%", as %XX.
std::string grpc_message(std::string_view text);

/// The head that is the whole answer (trailers-only): 200, its content-type, grpc-status and grpc-message.
h2::HeaderList grpc_failure(const Error& error);

}  // namespace gateway
