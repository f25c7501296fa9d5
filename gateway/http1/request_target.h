#pragma once

#include <string>
#include <string_view>

namespace gateway {

/// A request-target of HTTP/1.1 (RFC 9112 §3.2) as HTTP/2 says it.
struct RequestTarget {
  std::string_view scheme{};     // "http" or "https" in absolute form, else ""
  std::string_view authority{};  // in absolute form, else ""
  std::string path{};            // "/…", or "*"
  std::string_view error{};      // why it is none of these, in words; "" if it is
};

/// Takes `target` apart: origin-form "/a?b", absolute-form "http://host/a?b", asterisk-form "*". Which bytes
/// may stand in authority and path is check_request()'s to say. Views borrow from `target`. Any thread.
RequestTarget read_target(std::string_view method, std::string_view target);

}  // namespace gateway
