#include "gateway/config_tree.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gateway {

namespace {

Place place_of(const toml::source_region& source, const std::string& file) {
  return {file, source.begin.line, source.begin.column};
}

ConfigNode convert(const toml::node& node, const std::string& file) {
  ConfigNode result;
  result.place = place_of(node.source(), file);
  if (const auto* table = node.as_table()) {
    ConfigNode::Table entries;
    for (const auto& [key, value] : *table) {
      entries.push_back({std::string(key.str()), place_of(key.source(), file), convert(value, file)});
    }
    result.value = std::move(entries);
  } else if (const auto* array = node.as_array()) {
    ConfigNode::Array elements;
    for (const auto& element : *array) elements.push_back(convert(element, file));
    result.value = std::move(elements);
  } else if (const auto* text = node.as_string()) {
    result.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.value = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    result.value = real->get();
  } else if (const auto* boolean = node.as_boolean()) {
    result.value = boolean->get();
  }
  return result;
}

// What would be right, as far as the parser's description tells what it was reading.
std::string_view remedy(std::string_view description) {
  const auto about = [description](std::string_view word) {
    return description.find(word) != description.npos;
  };
  if (about("redefine") || about("duplicate") || about("already"))
    return "write each key and each [table] once";
  if (about("string")) return "put text between quotes that open and close on the same line";
  if (about("table")) return "write [table], [[table]] or key = { ... }, closed on the same line";
  return "write one key = value a line, text in quotes";
}

}  // namespace

std::string_view ConfigNode::type_name() const {
  constexpr std::array<std::string_view, 7> kNames{"a date or time", "a boolean", "an integer", "a float",
                                                   "a string",       "an array",  "a table"};
  static_assert(std::variant_size_v<decltype(value)> == kNames.size());
  return kNames[value.index()];
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const auto* table = std::get_if<Table>(&value);
  if (table == nullptr) return nullptr;
  const auto entry =
      std::find_if(table->begin(), table->end(), [key](const Entry& e) { return e.key == key; });
  return entry == table->end() ? nullptr : &entry->node;
}

std::optional<ConfigNode> parse_config_tree(std::string_view text, const std::string& file,
                                            Mistakes& mistakes) {
  try {
    return convert(toml::parse(text), file);
  } catch (const toml::parse_error& error) {
    mistakes.error(place_of(error.source(), file),
                   fmt::format("TOML syntax: {}; {}", error.description(), remedy(error.description())));
    return std::nullopt;
  }
}

}  // namespace gateway
