#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace h2 {

struct HeaderField {
  std::string_view name;  // lower case; pseudo-header fields with their colon
  std::string_view value;
  bool sensitive = false;  // never indexed by a compressor (RFC 7541 §7.1.3)
};

/// The fields of a request, an interim or final response, or trailers, in order. One buffer holds all text;
/// views into it are valid until the next call that is not const.
class HeaderList {
 public:
  /// Bytes that each field counts for beyond its text (RFC 9113 §6.5.2).
  static constexpr std::size_t kFieldOverhead = 32;

  void reserve(std::size_t bytes, std::size_t fields);
  void add(std::string_view name, std::string_view value, bool sensitive = false);
  /// Removes all fields of that name, then adds one.
  void set(std::string_view name, std::string_view value);
  /// Returns how many there were.
  std::size_t remove(std::string_view name);
  /// Removes the fields for which `goes` is true and returns how many. Their text stays where it is: views into the list stay
  /// valid.
  template <typename Predicate>
  std::size_t remove_if(Predicate goes) {
    return std::erase_if(fields_, [&](const Entry& entry) {
      const HeaderField field = field_of(entry);
      if (!goes(field)) return false;
      bytes_ -= field.name.size() + field.value.size() + kFieldOverhead;
      return true;
    });
  }
  /// The first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  /// The first field of that name, or "".
  std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view()); }
  std::size_t count(std::string_view name) const;

  /// Text plus kFieldOverhead a field, of the fields that are there.
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  void clear();
  HeaderField operator[](std::size_t i) const { return field_of(fields_[i]); }

  class Iterator {
   public:
    Iterator(const HeaderList* list, std::size_t i) : list_(list), i_(i) {}
    HeaderField operator*() const { return (*list_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const HeaderList* list_;
    std::size_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, fields_.size()}; }

 private:
  struct Entry {
    std::uint32_t offset;  // of the name in text_; the value follows it
    std::uint32_t name;
    std::uint32_t value;
    bool sensitive;
  };
  HeaderField field_of(const Entry& entry) const {
    const char* const name = text_.data() + entry.offset;
    return {{name, entry.name}, {name + entry.name, entry.value}, entry.sensitive};
  }

  std::string text_;
  std::vector<Entry> fields_;
  std::size_t bytes_ = 0;
};

}  // namespace h2
