#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/config_mistake.h"

namespace gateway {

/// A value of a TOML document, with the place where it stands.
struct ConfigNode {
  struct Entry;
  using Table = std::vector<Entry>;  // in no particular order; keys are unique
  using Array = std::vector<ConfigNode>;
  struct Other {};  // a type that no key has: a date, a time

  Place place;
  std::variant<Other, bool, std::int64_t, double, std::string, Array, Table> value;

  /// "a string", "a table"…, for messages.
  std::string_view type_name() const;
  const ConfigNode* find(std::string_view key) const;  // null if this is no table or has no such key
};

struct ConfigNode::Entry {
  std::string key;
  Place place;  // of the key
  ConfigNode node;
};

/// Reads a TOML document. `file` is the name for places. A syntax error is the only mistake it makes; then
/// there is no tree.
std::optional<ConfigNode> parse_config_tree(std::string_view text, const std::string& file,
                                            Mistakes& mistakes);

}  // namespace gateway
