#include "gateway/error.h"

#include <fmt/core.h>

namespace gateway {

std::string_view to_string(ErrorSource source) {
  switch (source) {
    case ErrorSource::client:
      return "client";
    case ErrorSource::routing:
      return "routing";
    case ErrorSource::endpoint:
      return "endpoint";
    case ErrorSource::backend:
      return "backend";
    case ErrorSource::timeout:
      return "timeout";
    case ErrorSource::shortage:
      return "shortage";
    case ErrorSource::gateway:
      return "gateway";
  }
  return "unknown";
}

Error connect_failed(std::string_view endpoint, std::string_view why) {
  return {.source = ErrorSource::endpoint,
          .status = 502,
          .reason = fmt::format("connect to {}: {}", endpoint, why),
          .retry_safe = true};
}

Error connect_took_too_long(std::string_view endpoint) {
  return {.source = ErrorSource::timeout,
          .status = 504,
          .reason = fmt::format("connect to {}: took too long", endpoint),
          .retry_safe = true};
}

Error no_memory_for_response(std::string_view backend) {
  return {.source = ErrorSource::gateway,
          .status = 503,
          .reason = fmt::format("no memory for a header section of the response from {}", backend)};
}

}  // namespace gateway
