#pragma once

#include <string>
#include <string_view>

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

}  // namespace gateway
