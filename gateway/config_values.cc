#include "gateway/config_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <vector>

namespace gateway {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// Largest first: formatting takes the first that divides.
constexpr std::array kDurations{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kSizes{Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10}, Unit{"B", 1}};

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string format(std::int64_t value, std::span<const Unit> units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  const auto unit =
      std::find_if(units.begin(), units.end(), [value](const Unit& u) { return value % u.factor == 0; });
  return fmt::format("{}{}", value / unit->factor, unit->name);
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// Optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::string format_duration(std::chrono::milliseconds duration) {
  return format(duration.count(), kDurations, "0s");
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  auto value = parse(text, kSizes);
  constexpr Unit kBare{"", 1};
  if (!value) value = parse(text, std::span(&kBare, 1));
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::string format_size(std::uint64_t bytes) {
  return format(static_cast<std::int64_t>(bytes), kSizes, "0B");
}

std::optional<pool::Shortage> parse_shortage(std::string_view text) {
  const auto word = [&text](std::string_view expected) {
    const bool found = text == expected || text.starts_with(std::string(expected) + " ");
    if (found) text.remove_prefix(std::min(text.size(), expected.size() + 1));
    return found;
  };
  const auto number = [&text](auto& out) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    const bool ended = text.empty() || text.starts_with(' ');
    if (!text.empty()) text.remove_prefix(1);
    return error == std::errc{} && ended && out > 0;
  };
  pool::Shortage shortage;
  bool right = false;
  if (word("none")) {
    right = true;
  } else if (word("every")) {
    right = number(shortage.every);
  } else if (word("random")) {
    right = number(shortage.share) && shortage.share <= 1 && (!word("seed") || number(shortage.seed));
  }
  if (!right || !text.empty()) return std::nullopt;
  return shortage;
}

std::string_view nearest_word(std::string_view typed, std::span<const std::string_view> words) {
  constexpr std::size_t kLongest = 64;  // nothing longer is a slip of the finger
  if (typed.size() > kLongest) return {};
  std::string_view best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string_view word : words) {
    if (word.size() > kLongest) continue;
    const std::size_t d = distance(typed, word);
    const std::size_t length = std::max(word.size(), typed.size());
    if (d < least && d < length && d <= std::max<std::size_t>(1, length / 3)) {
      least = d;
      best = word;
    }
  }
  return best;
}

std::string one_of(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", words[i]);
  }
  return text;
}

}  // namespace gateway
