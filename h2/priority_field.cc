#include "h2/priority_field.h"

#include <algorithm>

namespace h2 {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

}  // namespace

// A dictionary of RFC 8941 §3.2, of which one member of one digit is looked for; the last one counts.
std::uint8_t urgency(std::string_view value) {
  std::uint8_t found = kDefaultUrgency;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    const std::string_view member = trim(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!member.starts_with("u=")) continue;
    const std::string_view number = trim(member.substr(2, member.find(';', 2) - 2));
    const bool counts = number.size() == 1 && number[0] >= '0' && number[0] <= '7';
    found = counts ? static_cast<std::uint8_t>(number[0] - '0') : kDefaultUrgency;
  }
  return found;
}

}  // namespace h2
