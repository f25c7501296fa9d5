#include "gateway/grpc.h"

#include <fmt/format.h>

namespace gateway {
namespace {

constexpr std::string_view kContentType = "application/grpc";
constexpr std::size_t kMaxText = 400;  // bytes of a reason, before they are encoded

}  // namespace

bool is_grpc(const h2::HeaderList& request) {
  const std::string_view type = request.get("content-type");
  if (!type.starts_with(kContentType)) return false;
  const std::string_view rest = type.substr(kContentType.size());
  return rest.empty() || rest[0] == '+' || rest[0] == ';';
}

int grpc_status(const Error& error) {
  constexpr int kUnknown = 2, kDeadlineExceeded = 4, kPermissionDenied = 7, kResourceExhausted = 8,
                kUnimplemented = 12, kInternal = 13, kUnavailable = 14, kUnauthenticated = 16;
  if (error.retry_safe) return kUnavailable;
  if (error.source == ErrorSource::shortage) return kResourceExhausted;
  switch (error.status) {
    case 400:
    case 500:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
    case 501:
      return kUnimplemented;
    case 408:
    case 504:
      return kDeadlineExceeded;
    case 413:
    case 431:
      return kResourceExhausted;
    case 429:
    case 502:
    case 503:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

std::string grpc_message(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

h2::HeaderList grpc_failure(const Error& error) {
  h2::HeaderList head;
  head.add(":status", "200");
  head.add("content-type", kContentType);
  head.add("grpc-status", fmt::to_string(grpc_status(error)));
  head.add("grpc-message", grpc_message(std::string_view(error.reason).substr(0, kMaxText)));
  return head;
}

}  // namespace gateway
