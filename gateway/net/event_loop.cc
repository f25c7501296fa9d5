#include "gateway/net/event_loop.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

#include "gateway/net/lookout.h"

namespace gateway {

namespace {

/// Added to each timer. libev's clock reads a little earlier than ours in the same turn; without this a timer
/// would often fire that little too early and have to look twice.
constexpr Duration kTimerSlack = std::chrono::microseconds(200);
constexpr Duration kForever = std::chrono::hours(24 * 365);

/// How long after `moment`, which is `rest` away, its timer is set: a 64th of `rest` and Deadline::kLate at most, to a grid of
/// milliseconds, so that the timers of many connections wake the loop together.
Duration to_grid(Time moment, Duration rest) {
  using std::chrono::milliseconds;
  const auto share = std::chrono::duration_cast<milliseconds>(std::min(rest / 64, Deadline::kLate));
  if (share == milliseconds::zero()) return Duration::zero();
  const Duration step = milliseconds(std::bit_floor(static_cast<unsigned>(share.count())));
  const Duration past = moment.time_since_epoch() % step;
  return (step - past) % step;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <typename T, typename Watcher>
T& owner(Watcher* watcher) {
  return *static_cast<T*>(watcher->data);
}

}  // namespace

void EventLoop::set_allocator(Reallocate* reallocate) {
  ev_set_allocator(reallocate);
}

EventLoop::EventLoop() : loop_(ev_loop_new(EVFLAG_AUTO)), thread_(std::this_thread::get_id()) {
  if (loop_ == nullptr) throw std::bad_alloc();
  ev_check_init(&begin_, [](struct ev_loop*, ev_check* w, int) { owner<EventLoop>(w).on_turn_begin(); });
  ev_prepare_init(&end_, [](struct ev_loop*, ev_prepare* w, int) { owner<EventLoop>(w).on_turn_end(); });
  ev_idle_init(&sleepless_, [](struct ev_loop*, ev_idle*, int) {});
  ev_async_init(&woken_, [](struct ev_loop*, ev_async* w, int) { owner<EventLoop>(w).on_woken(); });
  begin_.data = end_.data = woken_.data = this;
  ev_set_userdata(loop_, this);
  ev_set_invoke_pending_cb(loop_, [](struct ev_loop* loop) {
    ev_invoke_pending(loop);
    static_cast<EventLoop*>(ev_userdata(loop))->call_ready();
  });
  ev_set_priority(&begin_, EV_MAXPRI);
  ev_set_priority(&end_, EV_MINPRI);
  ev_check_start(loop_, &begin_);
  ev_prepare_start(loop_, &end_);
  ev_async_start(loop_, &woken_);
}

EventLoop::~EventLoop() {
  assert(std::ranges::all_of(fed_, [](const IoWatcher* watcher) { return watcher == nullptr; }));
  ev_idle_stop(loop_, &sleepless_);
  ev_async_stop(loop_, &woken_);
  ev_prepare_stop(loop_, &end_);
  ev_check_stop(loop_, &begin_);
  ev_loop_destroy(loop_);
}

void EventLoop::run() {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  turn_began_ = std::chrono::steady_clock::now();
  running_ = true;
  if (!stop_.load(std::memory_order_acquire)) ev_run(loop_, 0);
  running_ = false;
  stop_.store(false, std::memory_order_relaxed);
}

void EventLoop::stop() {
  stop_.store(true, std::memory_order_release);
  ev_async_send(loop_, &woken_);
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  ev_async_send(loop_, &woken_);
}

void EventLoop::wake() noexcept {
  ev_async_send(loop_, &woken_);
}

void EventLoop::on_turn_begin() {
  turn_began_ = std::chrono::steady_clock::now();
  ev_idle_stop(loop_, &sleepless_);
  // Those of the last turn: who feeds itself in its callback does not keep a turn from ending. call_ready() begins at the end.
  fed_.swap(ready_);
  std::ranges::reverse(ready_);
  for (IoWatcher* watcher : ready_) {
    if (watcher != nullptr) watcher->ready_ = std::exchange(watcher->fed_, 0);
  }
}

// libev tells of the sockets in the reverse of the order in which the kernel tells of them. The kernel's is kept, or who waits
// longest would wait for all that came after him as well; then come those that were fed.
void EventLoop::call_ready() {
  const bool few = ready_.size() <= kFew;
  for (std::size_t i = ready_.size(); i-- > 0;) {
    IoWatcher* const watcher = ready_[i];
    if (watcher == nullptr) continue;
    watcher->call(std::exchange(watcher->ready_, 0));
    const bool is_last = i == 0;  // the turn's end is next
    if ((few && !is_last) || has_portion()) call_turn_end();
  }
  ready_.clear();
}

bool EventLoop::call_turn_end() {
  read_ = 0;
  return turn_end_ && turn_end_();
}

void EventLoop::on_turn_end() {
  const bool again = call_turn_end();
  if (stop_.load(std::memory_order_acquire)) {
    ev_break(loop_, EVBREAK_ALL);
  } else if (again || !fed_.empty() || looks()) {
    ev_idle_start(loop_, &sleepless_);
  }
}

void EventLoop::look(const Lookout& lookout) {
  lookout_ = &lookout;
}

void EventLoop::look_no_more(const Lookout& lookout) {
  if (lookout_ == &lookout) lookout_ = nullptr;
}

// By the turn's time, which is that of the last look.
bool EventLoop::looks() const {
  return turn_began_ - last_event_ < busy_poll_ || (lookout_ != nullptr && turn_began_ < lookout_->until());
}

void EventLoop::on_woken() {
  last_event_ = turn_began_;
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;  // what it holds goes before the next task runs
  }
}

IoWatcher::IoWatcher(EventLoop& loop, int fd, Callback callback)
    : loop_(loop), callback_(std::move(callback)) {
  const auto note = [](struct ev_loop*, ev_io* w, int events) {
    IoWatcher& watcher = owner<IoWatcher>(w);
    if (watcher.ready_ == 0) watcher.loop_.ready_.push_back(&watcher);
    watcher.ready_ |= events;
  };
  ev_io_init(&io_, note, fd, 0);
  io_.data = this;
}

IoWatcher::~IoWatcher() {
  ev_io_stop(loop_.raw(), &io_);
  if (ready_ != 0) std::ranges::replace(loop_.ready_, this, nullptr);
  if (fed_ != 0) std::ranges::replace(loop_.fed_, this, nullptr);
}

void IoWatcher::want(bool read, bool write) {
  const int wanted = (read ? EV_READ : 0) | (write ? EV_WRITE : 0);
  if (wanted == wanted_) return;
  wanted_ = wanted;
  ev_io_stop(loop_.raw(), &io_);
  if (wanted == 0) return;
  ev_io_modify(&io_, wanted);
  ev_io_start(loop_.raw(), &io_);
}

void IoWatcher::feed(bool readable, bool writable) {
  const int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);
  if (events == 0) return;
  if (fed_ == 0) loop_.fed_.push_back(this);
  fed_ |= events;
}

void IoWatcher::call(int events) noexcept {
  loop_.last_event_ = loop_.turn_began_;
  Lifeline::Watch watch(lifeline_);
  Callback callback = std::move(callback_);  // it must outlive *this
  callback((events & EV_READ) != 0, (events & EV_WRITE) != 0);
  if (!watch.gone()) callback_ = std::move(callback);
}

Deadline::Deadline(EventLoop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::move(callback)) {
  ev_timer_init(
      &timer_, [](struct ev_loop*, ev_timer* w, int) { owner<Deadline>(w).on_timer(); }, 0., 0.);
  timer_.data = this;
}

Deadline::~Deadline() {
  ev_timer_stop(loop_.raw(), &timer_);
}

void Deadline::set(Duration after) {
  if (after == Duration::zero()) return clear();
  expiry_ = loop_.now() + std::min(after, kForever);
  if (!ev_is_active(&timer_) || *expiry_ < timer_at_) arm();
}

void Deadline::arm() {
  ev_timer_stop(loop_.raw(), &timer_);
  const Duration rest = std::max(Duration(*expiry_ - loop_.now()), Duration::zero());
  ev_timer_set(&timer_, seconds(rest + to_grid(*expiry_, rest) + kTimerSlack), 0.);
  ev_timer_start(loop_.raw(), &timer_);
  timer_at_ = *expiry_;
}

void Deadline::on_timer() noexcept {
  if (!expiry_) return;
  if (*expiry_ > loop_.now()) return arm();
  expiry_.reset();
  Lifeline::Watch watch(lifeline_);
  std::function<void()> callback = std::move(callback_);  // it must outlive *this
  callback();
  if (!watch.gone()) callback_ = std::move(callback);
}

SignalWatcher::SignalWatcher(EventLoop& loop, int signal, std::function<void()> callback)
    : loop_(loop), callback_(std::move(callback)) {
  ev_signal_init(
      &signal_, [](struct ev_loop*, ev_signal* w, int) { owner<SignalWatcher>(w).callback_(); }, signal);
  signal_.data = this;
  ev_signal_start(loop_.raw(), &signal_);
}

SignalWatcher::~SignalWatcher() {
  ev_signal_stop(loop_.raw(), &signal_);
}

}  // namespace gateway
