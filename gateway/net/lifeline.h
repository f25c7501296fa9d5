#pragma once

namespace gateway {

/// A member that tells a call of its owner, still under way, that the owner died in it. Calls may nest.
///
///   Lifeline::Watch watch(lifeline_);
///   callback();               // may destroy *this
///   if (watch.gone()) return;
class Lifeline {
 public:
  Lifeline() = default;
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;
  ~Lifeline() {
    if (watch_ != nullptr) watch_->line_ = nullptr;
  }

  class Watch {
   public:
    explicit Watch(Lifeline& line);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();
    bool gone() const { return line_ == nullptr; }

   private:
    friend class Lifeline;
    Lifeline* line_;
    Watch* outer_;
  };

 private:
  Watch* watch_ = nullptr;
};

}  // namespace gateway
