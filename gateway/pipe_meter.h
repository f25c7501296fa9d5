#pragma once

#include <optional>

#include "gateway/net/event_loop.h"
#include "gateway/pace.h"
#include "pool/pipe.h"

namespace gateway {

/// Measures one pipe, by the times of the loop's turns: when a byte last went in or out, how long it waited
/// for blocks, and how long bytes lay in it that its consumer did not take. Confined to its worker's thread.
class PipeMeter final : public pool::PipeWatcher {
 public:
  explicit PipeMeter(const EventLoop& loop) : loop_(loop), last_progress_(loop.now()), pace_(loop.now()) {}
  void on_waiting(bool waiting) override { waiting_.set(waiting, loop_.now()); }
  void on_holding() override { pace_.begin(loop_.now()); }
  void on_progress(std::size_t bytes, bool unread) override {
    unread_.set(unread, loop_.now());
    if (bytes == 0) return;
    last_progress_ = loop_.now();
    pace_.moved(bytes, last_progress_);
  }

  Time last_progress() const { return last_progress_; }
  /// Since when it has moved next to nothing, while it held blocks.
  Time slow_since() const { return pace_.since(); }
  Duration waited() const { return waiting_.total(loop_.now()); }
  Duration unread() const { return unread_.total(loop_.now()); }
  /// When the wait for a block began; none: it does not wait.
  std::optional<Time> waiting_since() const { return waiting_.since(); }

 private:
  /// The time during which something was so, in all.
  class Span {
   public:
    void set(bool on, Time now) {
      if (on == since_.has_value()) return;
      if (on) {
        since_ = now;
      } else {
        total_ += now - *since_;
        since_.reset();
      }
    }
    Duration total(Time now) const { return since_ ? total_ + (now - *since_) : total_; }
    std::optional<Time> since() const { return since_; }

   private:
    std::optional<Time> since_;
    Duration total_{};
  };

  const EventLoop& loop_;
  Time last_progress_;
  Pace pace_;
  Span waiting_;
  Span unread_;
};

}  // namespace gateway
