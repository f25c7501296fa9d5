#pragma once

#include <ev.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/net/lifeline.h"
#include "pool/local_pool.h"

namespace gateway {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::steady_clock::time_point;

class IoWatcher;
class Lookout;

/// One worker's loop over libev. Confined to the thread that calls run(), except for wake(), post() and
/// stop().
class EventLoop final : public pool::Waker {
 public:
  /// What the loops of the process allocate with. Before the first of them is made. `size` 0 frees, else as realloc(3); libev
  /// ends the process where it returns null.
  using Reallocate = void*(void* memory, long size) noexcept;
  static void set_allocator(Reallocate* reallocate);

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Tasks that were posted and did not run are dropped. REQUIRES: every watcher and deadline of this loop is
  /// gone.
  ~EventLoop();

  /// Turns until stop(); returns at once if stop() came before. Each turn: events, then the turn-end hook,
  /// then sleep.
  void run();
  /// The turn under way ends with its turn-end hook, then run() returns.
  void stop();
  /// Runs `task` in a coming turn, on the loop's thread.
  void post(std::function<void()> task);
  /// Ends the loop's sleep, so that the turn-end hook runs.
  void wake() noexcept override;

  /// Called before each sleep; within a turn also between sockets where few of them have events, and before the next one
  /// once much was read. Returns true to be called again soon, without sleeping (events are looked at in between).
  void set_turn_end(std::function<bool()> hook) { turn_end_ = std::move(hook); }

  /// For how long after a socket's event or a wake() the loop looks for the next one before it sleeps. Zero, as it is at
  /// first: it sleeps at once. What comes meanwhile is not kept waiting by a thread's waking, and who sends it need not wake one.
  void set_busy_poll(Duration duration) { busy_poll_ = duration; }

  /// For Lookout: it looks until that is over, or looks no more. Of several the latest one counts.
  void look(const Lookout& lookout);
  void look_no_more(const Lookout& lookout);

  /// Read at once, so many bytes stay in the CPU's cache until they are written (a core's second level has 1 MiB or so, and
  /// holds them in several forms).
  static constexpr std::size_t kPortion = 128 * 1024;
  /// So many sockets in one turn are each answered at once. What more of them answer leaves together: fewer and fuller writes
  /// are what a busy loop needs.
  static constexpr std::size_t kFew = 4;

  /// For who reads from a socket: `bytes` came.
  void count_read(std::size_t bytes) { read_ += bytes; }
  /// A portion was read since the hook was last called: it is to come before more is.
  bool has_portion() const { return read_ >= kPortion; }

  /// The time at which this turn began; outside of run() the time now.
  Time now() const { return running_ ? turn_began_ : std::chrono::steady_clock::now(); }
  bool in_loop_thread() const {
    return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  struct ev_loop* raw() {
    return loop_;
  }

 private:
  friend class IoWatcher;
  void on_turn_begin();
  void call_ready();
  void on_turn_end();
  bool call_turn_end();
  bool looks() const;
  void on_woken();

  struct ev_loop* loop_;
  ev_check begin_;     // after the poll, before any other callback
  ev_prepare end_;     // before the poll
  ev_idle sleepless_;  // while it is active the poll does not sleep
  ev_async woken_;
  std::function<bool()> turn_end_;
  Time turn_began_;
  Time last_event_;  // the turn of the last socket's event or wake()
  Duration busy_poll_{};
  const Lookout* lookout_ = nullptr;
  std::size_t read_ = 0;  // bytes, since the hook was called
  bool running_ = false;
  std::atomic<bool> stop_{false};
  std::atomic<std::thread::id> thread_;
  // Watchers with events, of this turn and fed to the next one; null: gone meanwhile.
  std::vector<IoWatcher*> ready_;
  std::vector<IoWatcher*> fed_;

  std::mutex mutex_;  // guards tasks_
  std::vector<std::function<void()>> tasks_;
};

/// Watches a file descriptor. Stops in its destructor; may be destroyed in its own callback.
class IoWatcher {
 public:
  using Callback = std::function<void(bool readable, bool writable)>;
  /// Watches for nothing at first. REQUIRES: `fd` is open as long as the watcher lives.
  IoWatcher(EventLoop& loop, int fd, Callback callback);
  IoWatcher(const IoWatcher&) = delete;
  IoWatcher& operator=(const IoWatcher&) = delete;
  ~IoWatcher();
  /// What to watch for; costs nothing when it is what is watched already, and no system call when it is what
  /// was watched at the last poll.
  void want(bool read, bool write);
  bool wants_read() const { return (wanted_ & EV_READ) != 0; }
  bool wants_write() const { return (wanted_ & EV_WRITE) != 0; }
  /// Calls back in the next turn as if the descriptor were readable / writable, whatever is wanted.
  void feed(bool readable, bool writable);

 private:
  friend class EventLoop;
  void call(int events) noexcept;

  EventLoop& loop_;
  ev_io io_;
  int wanted_ = 0;
  int ready_ = 0;  // events of this turn; not 0: stands in the loop's list
  int fed_ = 0;    // the same, of the next turn
  Callback callback_;
  Lifeline lifeline_;
};

/// A moment at which something is called, once. Re-arming to a later moment costs no system call and no heap
/// operation: the timer that is set is left to fire and looks again. Fires on time whatever the pool holds:
/// never before the moment; while the loop is not busy at most kLate and a few milliseconds after it, mostly by a 64th of the
/// time: so the timers of thousands of connections do not each wake the loop. May be destroyed in its callback.
class Deadline {
 public:
  static constexpr Duration kLate = std::chrono::milliseconds(64);

  Deadline(EventLoop& loop, std::function<void()> callback);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();
  /// From now (the turn's time); a moment that has passed (a negative `after`) fires in the next turn, once.
  /// Zero `after` means never: clears.
  void set(Duration after);
  void clear() { expiry_.reset(); }
  bool armed() const { return expiry_.has_value(); }

 private:
  void arm();
  void on_timer() noexcept;

  EventLoop& loop_;
  ev_timer timer_;  // may be set to an earlier moment than expiry_, and stays set when that is cleared
  Time timer_at_;
  std::optional<Time> expiry_;
  std::function<void()> callback_;
  Lifeline lifeline_;
};

/// Calls back from the loop when the process gets a signal. A signal belongs to one loop of the process.
class SignalWatcher {
 public:
  SignalWatcher(EventLoop& loop, int signal, std::function<void()> callback);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

 private:
  EventLoop& loop_;
  ev_signal signal_;
  std::function<void()> callback_;
};

}  // namespace gateway
