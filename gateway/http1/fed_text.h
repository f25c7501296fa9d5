#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/http1/field_syntax.h"

namespace gateway {

/// A text that comes in parts of bytes that are fed. It is a view of them while it is one part, and a copy once it has
/// several or is to be kept beyond them. Confined to its codec.
class FedText {
 public:
  FedText() = default;
  FedText(const FedText&) = delete;  // view_ may point into kept_
  FedText& operator=(const FedText&) = delete;

  void add(std::string_view part) {
    if (view_.empty()) {
      view_ = part;
      return;
    }
    keep();
    view_ = kept_.append(part);
  }
  /// The bytes that were fed go away.
  void keep() {
    if (view_.empty() || view_.data() == kept_.data()) return;
    view_ = kept_.assign(view_);
  }
  void clear() { view_ = {}; }
  std::string_view view() const { return view_; }

 private:
  std::string_view view_;
  std::string kept_;
};

/// A field's name that comes in parts, in lower case. Confined to its codec.
class FedName {
 public:
  /// False: a byte of it may not stand in a name.
  bool add(std::string_view part) {
    if (text_.size() - size_ < part.size()) text_.resize(size_ + part.size());
    const bool good = lower_token(part, text_.data() + size_);
    size_ += part.size();
    return good;
  }
  void clear() { size_ = 0; }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::string text_;  // as large as the largest name so far: a name is written once
  std::size_t size_ = 0;
};

}  // namespace gateway
