#pragma once

#include <initializer_list>
#include <string_view>

#include "h2/header_list.h"

namespace gateway {

/// Takes the fields of a head in order, pseudo-header fields first: into a list, or into the text that is sent. The values of
/// pseudo-header fields stay until the head is whole; what else it is given is copied at once.
class FieldSink {
 public:
  virtual void add(const h2::HeaderField& field) = 0;
  /// A field whose value is `parts`, one after the other. REQUIRES: `name` is a token, one that we know.
  virtual void add_joined(std::string_view name, std::initializer_list<std::string_view> parts) = 0;

 protected:
  ~FieldSink() = default;
};

}  // namespace gateway
