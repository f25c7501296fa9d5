#include "pool/pause_set.h"

namespace pool {

std::string_view to_string(Pause pause) {
  switch (pause) {
    case Pause::no_block:
      return "no_block";
    case Pause::sink_slow:
      return "sink_slow";
    case Pause::held_back:
      return "held_back";
  }
  return "unknown";
}

std::string PauseSet::to_string() const {
  std::string text;
  for (const Pause pause : kPauses) {
    if (!has(pause)) continue;
    if (!text.empty()) text += '+';
    text += pool::to_string(pause);
  }
  return text.empty() ? "none" : text;
}

}  // namespace pool
