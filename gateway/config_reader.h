#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config_tree.h"

namespace gateway {

/// Where one reading of a document leaves what it finds.
struct ConfigReading {
  std::string directory;  // of the file; relative paths start here
  Mistakes& mistakes;
  std::set<std::string> asked;  // every key that was asked for: "memory.budget", "listener.tls.key"
};

/// Typed access to one table. Each call reads one key: it writes to `out` and returns true if the key is
/// there and right; it leaves `out` alone if the key is absent or wrong, and notes a mistake if it is wrong.
/// The keys that were asked for are the keys that the table may have: finish() makes mistakes of all others.
class TableReader {
 public:
  /// `name`: how the table is called in messages and in ConfigReading::asked, "" for the whole document.
  /// REQUIRES: `node` holds a table.
  TableReader(ConfigReading& reading, const ConfigNode& node, std::string name);
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  /// Bounds are inclusive.
  template <typename Integer>
  bool integer(std::string_view key, std::int64_t least, std::int64_t most, Integer& out) {
    std::int64_t value = 0;
    if (!read_integer(key, least, most, value)) return false;
    out = static_cast<Integer>(value);
    return true;
  }
  template <typename Integer>
  bool size(std::string_view key, std::uint64_t least, std::uint64_t most, Integer& out) {
    std::uint64_t value = 0;
    if (!read_size(key, least, most, value)) return false;
    out = static_cast<Integer>(value);
    return true;
  }
  enum class Zero : std::uint8_t { no, means_off };
  /// From 1 ms to 24 h, and zero if that means off.
  bool duration(std::string_view key, Zero zero, std::chrono::milliseconds& out);
  bool boolean(std::string_view key, bool& out);
  /// Not empty.
  bool string(std::string_view key, std::string& out);
  /// Not empty; made absolute, relative to the file's directory.
  bool path(std::string_view key, std::string& out);
  /// An index into `words`.
  bool choice(std::string_view key, std::span<const std::string_view> words, std::size_t& out);

  struct Text {
    std::string value;
    Place place;
  };
  /// A string, or an array of strings; none of them empty, the array may be.
  enum class Single : std::uint8_t { no, allowed };
  bool strings(std::string_view key, Single single, std::vector<Text>& out);

  /// The table under `key`; null if it is absent or wrong.
  const ConfigNode* table(std::string_view key);
  /// The tables of [[key]]; an empty array counts as absent.
  std::vector<const ConfigNode*> tables(std::string_view key);

  /// Asks for a key without reading it; null if absent.
  const ConfigNode* ask(std::string_view key);
  /// A mistake in finish() if `key` is absent; `example` says what would be right: `name = "app"`.
  void require(std::string_view key, std::string_view example);
  /// Makes mistakes of unknown keys and of missing ones. A misspelt key speaks for the missing ones too: one
  /// slip, one line.
  void finish();

  /// Where the value of `key` stands, or the table if the key is absent.
  const Place& place(std::string_view key) const;
  const Place& place() const { return node_.place; }
  /// "listener.address": the key as messages name it.
  std::string full(std::string_view key) const;
  ConfigReading& reading() const { return reading_; }
  void wrong(std::string_view key, std::string_view what);

 private:
  bool read_integer(std::string_view key, std::int64_t least, std::int64_t most, std::int64_t& out);
  bool read_size(std::string_view key, std::uint64_t least, std::uint64_t most, std::uint64_t& out);
  template <typename T>
  const T* get(std::string_view key, std::string_view expected);

  struct Missing {
    std::string key;
    std::string example;
  };

  ConfigReading& reading_;
  const ConfigNode& node_;
  const std::string name_;
  std::vector<std::string> asked_;
  std::vector<Missing> missing_;
};

/// `path` made absolute, relative to `directory`. Nothing is resolved: links may change while the gateway
/// runs.
std::string absolute_path(const std::string& path, const std::string& directory);

}  // namespace gateway
