#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace gateway {

/// What a health check found out.
enum class CheckResult : std::uint8_t {
  ok,
  failed,
  inconclusive,  // it could not be made for want of our own memory: says nothing of the endpoint
};
inline constexpr std::size_t kCheckResults = 3;
std::string_view to_string(CheckResult result);

/// What the workers know together of one endpoint: whether the active checks find it up, and whether it takes
/// connections. Made once at start, outlives the workers. Any thread.
///
///   active     up ──`unhealthy` failed checks in a row──▶ down ──`healthy` good ones in a row──▶ up
///   passive    in ──3 failed connects in a row──▶ out ──a connection, or an answer on one──▶ in
///                                             1 s, doubled to 60 s by each trial that fails
///
/// An endpoint that is down gets nothing. One that is out gets what no other can take, and one trial when its
/// time is over: nobody waits for a return that no check looks for.
class EndpointHealth {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  static constexpr unsigned kConnectFailures = 3;
  static constexpr Duration kFirstOut = std::chrono::seconds(1);
  static constexpr Duration kLongestOut = std::chrono::seconds(60);

  struct Thresholds {
    unsigned healthy = 1;
    unsigned unhealthy = 1;
  };

  EndpointHealth(std::string name, const Thresholds& thresholds, Time now);
  EndpointHealth(const EndpointHealth&) = delete;
  EndpointHealth& operator=(const EndpointHealth&) = delete;

  const std::string& name() const { return name_; }

  // ---- For the balancer ----

  /// False: the checks have found it down.
  bool up() const { return up_.load(std::memory_order_relaxed); }
  /// True: connects to it failed, and it waits for a trial.
  bool out() const { return retry_at_.load(std::memory_order_relaxed) != Time::min(); }
  /// Up, and not out, or out with a trial due.
  bool available(Time now) const { return up() && now >= retry_at_.load(std::memory_order_relaxed); }
  /// An exchange is to go to it. False when it was the trial's turn and another worker took it just now. An
  /// unused trial is not lost: the next one is due after as long again.
  bool claim(Time now);

  // ---- What happened. True, or a change: to be told in the log, once ----

  bool on_check(CheckResult result, std::string_view why, Time now);
  /// No connection could be opened. True when this takes the endpoint out.
  bool on_connect_failed(std::string_view why, Time now);
  /// A connection was opened, or has carried an exchange to its end. True when this brings the endpoint back.
  bool on_connected(Time now);
  void on_exchange_begins() { active_.fetch_add(1, std::memory_order_relaxed); }
  void on_exchange_ends() { active_.fetch_sub(1, std::memory_order_relaxed); }

  // ---- For the pages ----

  struct View {
    bool up;
    bool out;
    std::string why;            // of the last change; "" if there was none
    Duration lasting;           // since the last change, or since the start
    Duration until_trial;       // while it is out
    std::int64_t active;        // exchanges of all workers
    unsigned connect_failures;  // in a row
    unsigned good_in_a_row;     // checks; one of the two is zero
    unsigned bad_in_a_row;
    std::array<std::uint64_t, kCheckResults> checks;
  };
  View view(Time now) const;

 private:
  void change(std::string_view why, Time now);

  const std::string name_;
  const Thresholds thresholds_;

  // Read for each exchange, written under mutex_ when something changes.
  std::atomic<bool> up_{true};
  std::atomic<Time> retry_at_{Time::min()};  // min: not out
  std::atomic<unsigned> connect_failures_{0};

  mutable std::mutex mutex_;  // guards the rest
  Duration out_for_ = kFirstOut;
  bool on_trial_ = false;
  unsigned good_in_a_row_ = 0;
  unsigned bad_in_a_row_ = 0;
  std::array<std::uint64_t, kCheckResults> checks_{};
  std::string why_;
  Time changed_;

  alignas(64) std::atomic<std::int64_t> active_{0};  // apart from what every pick reads
};

}  // namespace gateway
