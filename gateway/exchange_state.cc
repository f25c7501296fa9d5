#include "gateway/exchange_state.h"

#include <array>
#include <cstddef>

namespace gateway {
namespace {

constexpr std::size_t kStates = 6;
using Row = std::array<bool, kStates>;

// From (row) to (column): received, waiting, sent, responding, done, failed. A local reply answers without being sent.
constexpr std::array<Row, kStates> kFollows = {{
    {false, true, false, true, false, true},    // received
    {false, true, true, true, false, true},     // waiting
    {false, true, false, true, false, true},    // sent
    {false, false, false, false, true, true},   // responding
    {false, false, false, false, false, false}, // done
    {false, false, false, false, false, false}, // failed
}};

}  // namespace

std::string_view to_string(ExchangeState state) {
  switch (state) {
    case ExchangeState::received: return "received";
    case ExchangeState::waiting: return "waiting";
    case ExchangeState::sent: return "sent";
    case ExchangeState::responding: return "responding";
    case ExchangeState::done: return "done";
    case ExchangeState::failed: return "failed";
  }
  return "unknown";
}

bool may_follow(ExchangeState from, ExchangeState to) {
  return kFollows[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

}  // namespace gateway
