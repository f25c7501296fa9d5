#include "gateway/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "gateway/config_values.h"

namespace gateway {

using std::chrono::milliseconds;

std::string absolute_path(const std::string& path, const std::string& directory) {
  return (std::filesystem::path(directory) / path).string();
}

TableReader::TableReader(ConfigReading& reading, const ConfigNode& node, std::string name)
    : reading_(reading), node_(node), name_(std::move(name)) {}

std::string TableReader::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

const Place& TableReader::place(std::string_view key) const {
  const ConfigNode* value = node_.find(key);
  return value != nullptr ? value->place : node_.place;
}

void TableReader::wrong(std::string_view key, std::string_view what) {
  reading_.mistakes.error(place(key), fmt::format("{} {}", full(key), what));
}

const ConfigNode* TableReader::ask(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  reading_.asked.insert(full(key));
  return node_.find(key);
}

template <typename T>
const T* TableReader::get(std::string_view key, std::string_view expected) {
  const ConfigNode* node = ask(key);
  if (node == nullptr) return nullptr;
  const T* value = std::get_if<T>(&node->value);
  if (value == nullptr) wrong(key, fmt::format("is {}; it must be {}", node->type_name(), expected));
  return value;
}

bool TableReader::read_integer(std::string_view key, std::int64_t least, std::int64_t most,
                               std::int64_t& out) {
  const auto* value = get<std::int64_t>(key, fmt::format("an integer from {} to {}", least, most));
  if (value == nullptr) return false;
  if (*value < least || *value > most) {
    wrong(key, fmt::format("is {}; it must be from {} to {}", *value, least, most));
    return false;
  }
  out = *value;
  return true;
}

bool TableReader::read_size(std::string_view key, std::uint64_t least, std::uint64_t most,
                            std::uint64_t& out) {
  const ConfigNode* node = ask(key);
  if (node == nullptr) return false;
  const std::string bounds = fmt::format("from \"{}\" to \"{}\"", format_size(least), format_size(most));
  std::string written;
  std::optional<std::uint64_t> value;
  if (const auto* number = std::get_if<std::int64_t>(&node->value)) {
    written = fmt::format("{}", *number);
    if (*number >= 0) value = static_cast<std::uint64_t>(*number);
  } else if (const auto* text = std::get_if<std::string>(&node->value)) {
    written = fmt::format("\"{}\"", *text);
    value = parse_size(*text);
    if (!value) {
      wrong(key,
            fmt::format("is {}, which is no size; write a number with B, KiB, MiB or GiB, like \"16KiB\", {}",
                        written, bounds));
      return false;
    }
  } else {
    wrong(key, fmt::format("is {}; it must be a size like \"16KiB\", {}", node->type_name(), bounds));
    return false;
  }
  if (!value || *value < least || *value > most) {
    wrong(key, fmt::format("is {}; it must be {}", written, bounds));
    return false;
  }
  out = *value;
  return true;
}

bool TableReader::duration(std::string_view key, Zero zero, milliseconds& out) {
  const auto* text = get<std::string>(key, "a duration in quotes, like \"500ms\", \"10s\", \"2m\" or \"1h\"");
  if (text == nullptr) return false;
  const auto value = parse_duration(*text);
  if (!value) {
    wrong(key, fmt::format(
                   "is \"{}\", which is no duration; write a whole number with ms, s, m or h, like \"10s\"",
                   *text));
    return false;
  }
  const bool off = *value == milliseconds(0) && zero == Zero::means_off;
  if (!off && (*value < milliseconds(1) || *value > std::chrono::hours(24))) {
    wrong(key, fmt::format("is \"{}\"; it must be from \"1ms\" to \"24h\"{}", *text,
                           zero == Zero::means_off ? ", or \"0s\" for never" : ""));
    return false;
  }
  out = *value;
  return true;
}

bool TableReader::boolean(std::string_view key, bool& out) {
  const auto* value = get<bool>(key, "true or false, without quotes");
  if (value == nullptr) return false;
  out = *value;
  return true;
}

bool TableReader::string(std::string_view key, std::string& out) {
  const auto* value = get<std::string>(key, "a string in quotes");
  if (value == nullptr) return false;
  if (value->empty()) {
    wrong(key, "is empty; give it a value");
    return false;
  }
  out = *value;
  return true;
}

bool TableReader::path(std::string_view key, std::string& out) {
  std::string value;
  if (!string(key, value)) return false;
  out = absolute_path(value, reading_.directory);
  return true;
}

bool TableReader::choice(std::string_view key, std::span<const std::string_view> words, std::size_t& out) {
  const auto* value = get<std::string>(key, one_of(words));
  if (value == nullptr) return false;
  const auto found = std::find(words.begin(), words.end(), *value);
  if (found == words.end()) {
    wrong(key, fmt::format("is \"{}\"; it must be {}", *value, one_of(words)));
    return false;
  }
  out = static_cast<std::size_t>(found - words.begin());
  return true;
}

bool TableReader::strings(std::string_view key, Single single, std::vector<Text>& out) {
  const ConfigNode* node = ask(key);
  if (node == nullptr) return false;
  const std::string_view expected = single == Single::allowed ? "a string or an array of strings"
                                                              : "an array of strings, like [\"a\", \"b\"]";
  std::vector<Text> texts;
  const auto add = [&](const ConfigNode& element) {
    const auto* text = std::get_if<std::string>(&element.value);
    if (text != nullptr && !text->empty()) {
      texts.push_back({*text, element.place});
      return true;
    }
    reading_.mistakes.error(element.place,
                            fmt::format("{} holds {}; it must be {}", full(key),
                                        text != nullptr ? "an empty string" : element.type_name(), expected));
    return false;
  };
  bool right = true;
  if (const auto* array = std::get_if<ConfigNode::Array>(&node->value)) {
    for (const ConfigNode& element : *array) right = add(element) && right;
  } else if (single == Single::allowed && std::holds_alternative<std::string>(node->value)) {
    right = add(*node);
  } else {
    wrong(key, fmt::format("is {}; it must be {}", node->type_name(), expected));
    return false;
  }
  if (right) out = std::move(texts);
  return right;
}

const ConfigNode* TableReader::table(std::string_view key) {
  if (get<ConfigNode::Table>(key, fmt::format("a table, like [{}] or {} = {{ ... }}", full(key), key)) ==
      nullptr) {
    return nullptr;
  }
  return node_.find(key);
}

std::vector<const ConfigNode*> TableReader::tables(std::string_view key) {
  std::vector<const ConfigNode*> result;
  const auto expected = fmt::format("tables, each under a line [[{}]]", full(key));
  const auto* array = get<ConfigNode::Array>(key, expected);
  if (array == nullptr) return result;
  for (const ConfigNode& element : *array) {
    if (std::holds_alternative<ConfigNode::Table>(element.value)) {
      result.push_back(&element);
    } else {
      reading_.mistakes.error(
          element.place, fmt::format("{} holds {}; it must be {}", full(key), element.type_name(), expected));
    }
  }
  return result;
}

void TableReader::require(std::string_view key, std::string_view example) {
  if (node_.find(key) == nullptr) missing_.push_back({std::string(key), std::string(example)});
}

void TableReader::finish() {
  const std::vector<std::string_view> known(asked_.begin(), asked_.end());
  bool misspelt = false;
  for (const auto& entry : std::get<ConfigNode::Table>(node_.value)) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    const std::string_view near = nearest_word(entry.key, known);
    misspelt |= !near.empty();
    const std::string right = near.empty() ? fmt::format("the keys here are {}", fmt::join(known, ", "))
                                           : fmt::format("did you mean \"{}\"?", near);
    reading_.mistakes.error(entry.place, fmt::format("unknown key \"{}\"; {}", full(entry.key), right));
  }
  if (misspelt) return;
  for (const Missing& missing : missing_) {
    reading_.mistakes.error(node_.place,
                            fmt::format("{} is missing; write {}", full(missing.key), missing.example));
  }
}

}  // namespace gateway
