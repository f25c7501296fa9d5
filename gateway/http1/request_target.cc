#include "gateway/http1/request_target.h"

#include "gateway/http1/field_syntax.h"

namespace gateway {

RequestTarget read_target(std::string_view method, std::string_view target) {
  RequestTarget result;
  if (target.starts_with('/') || target == "*") {
    result.path = target;
    return result;
  }
  const std::size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon);
  if (colon == std::string_view::npos) return {.error = "the request target is no path and no URI"};
  if (equals_ignoring_case(scheme, "http")) {
    result.scheme = "http";
  } else if (equals_ignoring_case(scheme, "https")) {
    result.scheme = "https";
  } else {
    return {.error = "the request target's scheme is neither http nor https"};
  }
  const std::string_view rest = target.substr(colon + 3);
  result.authority = rest.substr(0, rest.find_first_of("/?"));
  if (result.authority.empty()) return {.error = "the request target has no host"};
  const std::string_view path = rest.substr(result.authority.size());
  // An empty path is "/", but for OPTIONS, which asks the server as a whole (RFC 9112 §3.2.4).
  if (path.empty()) {
    result.path = method == "OPTIONS" ? "*" : "/";
  } else if (path.starts_with('?')) {
    result.path.append("/").append(path);
  } else {
    result.path = path;
  }
  return result;
}

}  // namespace gateway
