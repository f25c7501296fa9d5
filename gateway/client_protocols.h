#pragma once

namespace gateway {

/// What a listener's clients may speak.
struct ClientProtocols {
  bool h2 = true;
  bool http1 = true;  // HTTP/1.1 and 1.0
};

}  // namespace gateway
