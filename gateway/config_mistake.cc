#include "gateway/config_mistake.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace gateway {

std::string Place::to_string() const {
  if (line == 0) return file;
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string Mistake::to_string() const {
  return fmt::format("{}: {}{}", place.to_string(), severity == Severity::warning ? "warning: " : "", text);
}

void Mistakes::error(Place place, std::string text) {
  ++errors_;
  add({std::move(place), std::move(text), Mistake::Severity::error});
}

void Mistakes::warn(Place place, std::string text) {
  add({std::move(place), std::move(text), Mistake::Severity::warning});
}

void Mistakes::add(Mistake mistake) {
  // What the file says may hold line breaks; a mistake is one line whatever it quotes.
  std::replace_if(
      mistake.text.begin(), mistake.text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  const auto after = std::upper_bound(all_.begin(), all_.end(), mistake, [](const auto& a, const auto& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  all_.insert(after, std::move(mistake));
}

}  // namespace gateway
