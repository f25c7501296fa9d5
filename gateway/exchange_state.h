#pragma once

#include <cstdint>
#include <string_view>

namespace gateway {

/// Where an exchange is. One direction only:
///
///   received ──▶ waiting ──▶ sent ──▶ responding ──▶ done
///       │         ▲ │ ▲       │            ▲ │
///       │         └─┘ └───────┘ (retry)    │ └──▶ failed
///       └───────────┴─────────┴────────────┘            (a local reply answers from anywhere)
enum class ExchangeState : std::uint8_t {
  received,    // the request head is here
  waiting,     // for a connection to the endpoint that was chosen, or a stream on one
  sent,        // the request head has left for the backend; its body may still flow
  responding,  // the response head is here; its body may still flow
  done,        // the response is whole and has left
  failed,      // ended otherwise; possible from every state that is not an end
};

std::string_view to_string(ExchangeState state);
/// Whether the drawing above has that arrow.
bool may_follow(ExchangeState from, ExchangeState to);

}  // namespace gateway
