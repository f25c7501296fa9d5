#include "gateway/error.h"

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

}  // namespace gateway
