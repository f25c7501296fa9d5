#include "h2/header_list.h"

#include <algorithm>

namespace h2 {
namespace {

constexpr std::size_t kLeast = 512;  // bytes: most heads need no second buffer

char* append(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

HeaderList::HeaderList(const HeaderList& other)
    : capacity_(other.used_), used_(other.used_), fields_(other.fields_), bytes_(other.bytes_) {
  if (used_ == 0) return;
  buffer_ = std::make_unique_for_overwrite<char[]>(used_);
  std::memcpy(buffer_.get(), other.buffer_.get(), used_);
}

std::unique_ptr<char[]> HeaderList::grow(std::size_t more) {
  capacity_ = std::max({used_ + more, 2 * capacity_, kLeast});
  std::unique_ptr<char[]> larger = std::make_unique_for_overwrite<char[]>(capacity_);
  if (used_ > 0) std::memcpy(larger.get(), buffer_.get(), used_);
  buffer_.swap(larger);
  return larger;
}

void HeaderList::reserve(std::size_t text, std::size_t fields) {
  const std::size_t more = text + fields * sizeof(Record);
  if (capacity_ - used_ < more) grow(more);
}

void HeaderList::add(std::string_view name, std::string_view value, bool sensitive) {
  const Record record{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size()),
                      sensitive, false};
  if (capacity_ - used_ >= record.whole()) return put(record, name, value);
  const auto views = grow(record.whole());
  put(record, name, value);
}

inline void HeaderList::put(const Record& record, std::string_view name, std::string_view value) {
  char* const at = buffer_.get() + used_;
  record.store(at);
  append(append(at + sizeof(Record), name), value);
  account(record);
}

void HeaderList::add_joined(std::string_view name, std::initializer_list<std::string_view> parts,
                            bool sensitive) {
  Record record{static_cast<std::uint32_t>(name.size()), 0, sensitive, false};
  for (std::string_view part : parts) record.value += static_cast<std::uint32_t>(part.size());
  const std::size_t whole = record.whole();
  const auto views = capacity_ - used_ < whole ? grow(whole) : nullptr;
  char* at = buffer_.get() + used_;
  record.store(at);
  at = append(at + sizeof(Record), name);
  for (std::string_view part : parts) at = append(at, part);
  account(record);
}

void HeaderList::set(std::string_view name, std::string_view value) {
  // Text of fields that were removed stays in place, so `name` and `value` may be views of them.
  remove(name);
  add(name, value);
}

std::size_t HeaderList::remove(std::string_view name) {
  return remove_if([name](const HeaderField& field) { return field.name == name; });
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const {
  for (const char *at = buffer_.get(), *end = at + used_; at != end;) {
    const Record record = Record::at(at);
    if (is_named(record, at, name)) return record.field(at).value;
    at += record.whole();
  }
  return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const {
  std::size_t n = 0;
  visit(name, [&n](std::string_view) { ++n; });
  return n;
}

void HeaderList::clear() {
  used_ = fields_ = bytes_ = 0;
}

}  // namespace h2
