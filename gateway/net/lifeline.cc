#include "gateway/net/lifeline.h"

namespace gateway {

// Not inline: the compiler would warn of a pointer to a local variable that in truth is taken back in time.
Lifeline::Watch::Watch(Lifeline& line) : line_(&line), outer_(line.watch_) {
  line.watch_ = this;
}

Lifeline::Watch::~Watch() {
  if (line_ != nullptr) {
    line_->watch_ = outer_;
  } else if (outer_ != nullptr) {
    outer_->line_ = nullptr;
  }
}

}  // namespace gateway
