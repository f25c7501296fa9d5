#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace h2 {

struct HeaderField {
  std::string_view name;  // lower case; pseudo-header fields with their colon
  std::string_view value;
  bool sensitive = false;  // never indexed by a compressor (RFC 7541 §7.1.3)
};

/// The fields of a request, an interim or final response, or trailers, in order. One buffer holds all of it,
/// since lists come and go with each request: field after field, each with its sizes in front. Views into it
/// are valid until the next add(), set() or clear(), or the end of the list; a list that was moved keeps them.
class HeaderList {
  // What stands in front of a field's text, at any alignment.
  struct Record {
    std::uint32_t name;
    std::uint32_t value;
    bool sensitive;
    bool removed;

    static Record at(const char* place) {
      Record record;
      std::memcpy(&record, place, sizeof record);
      return record;
    }
    void store(char* place) const { std::memcpy(place, this, sizeof *this); }
    std::size_t text() const { return std::size_t{name} + value; }
    std::size_t whole() const { return sizeof(Record) + text(); }
    HeaderField field(const char* place) const {
      const char* const text = place + sizeof(Record);
      return {{text, name}, {text + name, value}, sensitive};
    }
  };

 public:
  /// Bytes that each field counts for beyond its text (RFC 9113 §6.5.2).
  static constexpr std::size_t kFieldOverhead = 32;

  HeaderList() = default;
  HeaderList(const HeaderList& other);
  HeaderList(HeaderList&& other) noexcept { swap(other); }
  HeaderList& operator=(HeaderList other) noexcept {
    swap(other);
    return *this;
  }
  ~HeaderList() = default;

  /// Makes place for fields with so many bytes of text, beside what is there.
  void reserve(std::size_t text, std::size_t fields);
  /// `name` and `value` may be views of the list itself.
  void add(std::string_view name, std::string_view value, bool sensitive = false);
  /// Adds a field whose value is `parts`, one after the other.
  void add_joined(std::string_view name, std::initializer_list<std::string_view> parts, bool sensitive = false);
  /// Adds those fields of `other` for which `wanted` is true.
  template <typename Predicate>
  void append_if(const HeaderList& other, Predicate wanted);
  /// Removes all fields of that name, then adds one.
  void set(std::string_view name, std::string_view value);
  /// Returns how many there were.
  std::size_t remove(std::string_view name);
  /// Removes the fields for which `goes` is true and returns how many. Their text stays where it is: views into the list stay
  /// valid.
  template <typename Predicate>
  std::size_t remove_if(Predicate goes);
  /// The first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  /// The first field of that name, or "".
  std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view()); }
  std::size_t count(std::string_view name) const;
  /// Calls `visit` with the value of each field of that name.
  template <typename Visit>
  void visit(std::string_view name, Visit visit) const;

  /// Text plus kFieldOverhead a field, of the fields that are there.
  std::size_t bytes() const { return bytes_; }
  /// Text alone.
  std::size_t text() const { return bytes_ - fields_ * kFieldOverhead; }
  std::size_t size() const { return fields_; }
  bool empty() const { return fields_ == 0; }
  void clear();

  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = HeaderField;
    using difference_type = std::ptrdiff_t;
    using pointer = const HeaderField*;
    using reference = HeaderField;

    Iterator() = default;
    HeaderField operator*() const { return record_.field(at_); }
    Iterator& operator++() {
      at_ += record_.whole();
      skip_removed();
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    friend class HeaderList;
    Iterator(const char* at, const char* end) : at_(at), end_(end) { skip_removed(); }
    void skip_removed() {
      for (; at_ != end_; at_ += record_.whole()) {
        record_ = Record::at(at_);
        if (!record_.removed) return;
      }
    }

    const char* at_ = nullptr;
    const char* end_ = nullptr;
    Record record_{};  // of the field that it is at
  };
  Iterator begin() const { return {buffer_.get(), buffer_.get() + used_}; }
  Iterator end() const { return {buffer_.get() + used_, buffer_.get() + used_}; }

 private:
  // A look at the sizes is enough for most fields.
  static bool is_named(const Record& record, const char* place, std::string_view name) {
    return record.name == name.size() && !record.removed &&
           std::memcmp(place + sizeof(Record), name.data(), name.size()) == 0;
  }
  void swap(HeaderList& other) noexcept {
    std::swap(buffer_, other.buffer_);
    std::swap(capacity_, other.capacity_);
    std::swap(used_, other.used_);
    std::swap(fields_, other.fields_);
    std::swap(bytes_, other.bytes_);
  }
  /// Makes place for `more` bytes, and returns what the buffer was, so that views of it live a moment longer.
  std::unique_ptr<char[]> grow(std::size_t more);
  /// There is place for it.
  void put(const Record& record, std::string_view name, std::string_view value);
  /// Counts a field that was put at the end of what is used.
  void account(const Record& record) {
    used_ += record.whole();
    ++fields_;
    bytes_ += record.text() + kFieldOverhead;
  }

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;    // bytes of the buffer
  std::size_t fields_ = 0;  // those that were not removed
  std::size_t bytes_ = 0;
};

template <typename Visit>
void HeaderList::visit(std::string_view name, Visit visit) const {
  for (const char *at = buffer_.get(), *end = at + used_; at != end;) {
    const Record record = Record::at(at);
    if (is_named(record, at, name)) visit(record.field(at).value);
    at += record.whole();
  }
}

template <typename Predicate>
std::size_t HeaderList::remove_if(Predicate goes) {
  const std::size_t before = fields_;
  for (char *at = buffer_.get(), *end = at + used_; at != end;) {
    Record record = Record::at(at);
    if (!record.removed && goes(record.field(at))) {
      record.removed = true;
      record.store(at);
      --fields_;
      bytes_ -= record.text() + kFieldOverhead;
    }
    at += record.whole();
  }
  return before - fields_;
}

template <typename Predicate>
void HeaderList::append_if(const HeaderList& other, Predicate wanted) {
  if (capacity_ - used_ < other.used_) grow(other.used_);
  for (const char *at = other.buffer_.get(), *end = at + other.used_; at != end;) {
    const Record record = Record::at(at);
    const std::size_t whole = record.whole();
    if (!record.removed && wanted(record.field(at))) {
      std::memcpy(buffer_.get() + used_, at, whole);
      account(record);
    }
    at += whole;
  }
}

}  // namespace h2
