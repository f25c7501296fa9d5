#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "h2/error_code.h"

namespace gateway {

/// Where an exchange's failure comes from; decides the status that its client sees.
enum class ErrorSource : std::uint8_t {
  client,      // the request is at fault: 400, 413, 431
  routing,     // no route: 404
  endpoint,    // no endpoint to go to, or none reachable: 503, 502
  backend,     // the backend broke the protocol, or its connection broke: 502
  timeout,     // a deadline passed: 504
  shortage,    // it stood still and held what others wait for (rule 8): 408, 504
  gateway,     // ours: drain, memory: 503
};
std::string_view to_string(ErrorSource source);

/// Why an exchange failed.
struct Error {
  ErrorSource source = ErrorSource::gateway;
  int status = 502;      // for a client that has no response head yet
  std::string reason;    // one line for the log and the local reply's body: "connect to 127.0.0.1:8080: refused"
  bool retry_safe = false;  // the backend has not processed any of the request (RFC 9113 §8.7, RFC 9110 §9.2.2)
  h2::ErrorCode code = h2::ErrorCode::internal_error;  // for a client that has the response head
};

/// No connection to `endpoint` could be opened.
Error connect_failed(std::string_view endpoint, std::string_view why);
Error connect_took_too_long(std::string_view endpoint);
/// A header section of the response of `backend` that is not taken for want of memory.
Error no_memory_for_response(std::string_view backend);

}  // namespace gateway
