#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

namespace h2 {

/// The Date that a session's latest response had. A client that comes back after seconds would have each one in its table
/// (RFC 7541 §2.3.2), beside what is of use, and never twice: so one is worth a place there only when it is repeated.
class LastDate {
 public:
  /// Whether it was `date` already; from now on it is.
  bool repeats(std::string_view date) {
    const std::size_t hash = std::hash<std::string_view>{}(date);
    return std::exchange(hash_, hash) == hash;
  }

 private:
  std::size_t hash_ = 0;
};

}  // namespace h2
