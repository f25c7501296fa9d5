#include "h2/header_list.h"

#include <functional>

namespace h2 {
namespace {

// Whether `part` points into `whole`, so that it moves when `whole` grows.
bool lies_in(std::string_view part, const std::string& whole) {
  const std::less_equal<const char*> before;
  return !part.empty() && before(whole.data(), part.data()) &&
         before(part.data(), whole.data() + whole.size());
}

}  // namespace

void HeaderList::reserve(std::size_t bytes, std::size_t fields) {
  text_.reserve(bytes);
  fields_.reserve(fields);
}

void HeaderList::add(std::string_view name, std::string_view value, bool sensitive) {
  if (lies_in(name, text_) || lies_in(value, text_)) {
    return add(std::string(name), std::string(value), sensitive);
  }
  const auto offset = static_cast<std::uint32_t>(text_.size());
  text_.append(name).append(value);
  fields_.push_back(
      {offset, static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size()), sensitive});
  bytes_ += name.size() + value.size() + kFieldOverhead;
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
  for (const HeaderField field : *this) {
    if (field.name == name) return field.value;
  }
  return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const {
  std::size_t n = 0;
  for (const HeaderField field : *this) n += field.name == name ? 1 : 0;
  return n;
}

void HeaderList::clear() {
  text_.clear();
  fields_.clear();
  bytes_ = 0;
}

}  // namespace h2
