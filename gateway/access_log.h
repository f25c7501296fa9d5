#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace gateway {

class Exchange;
class Log;

/// What the access log says of one exchange. The views are borrowed for the call of AccessLog::record().
struct AccessRecord {
  /// What `exchange` knows of itself at `now`. Views borrow from it.
  static AccessRecord of(const Exchange& exchange, std::chrono::steady_clock::time_point now);

  std::chrono::system_clock::time_point time;  // when the request came
  std::string_view client;
  std::string_view protocol;  // "2", "1.1", "1.0"
  std::int32_t stream = 0;
  std::string_view method;
  std::string_view authority;
  std::string_view path;
  int status = 0;               // 0: the client got no response head
  std::uint64_t bytes_in = 0;   // of the request's body
  std::uint64_t bytes_out = 0;  // of the response's body
  std::string_view cluster;
  std::string_view endpoint;
  std::chrono::nanoseconds total{};
  std::chrono::nanoseconds backend{};  // waited for the backend's response head
  std::chrono::nanoseconds paused{};   // waited for blocks, both directions
  std::string_view pause;              // what it waited for (Exchange::pause_reasons); "": nothing
  std::string_view end;                // why it ended; "" for a whole response, written as "complete"
};

/// One JSON line an exchange, on stdout or in a file, written by a thread of its own:
///
///   {"time":"2026-11-22T10:00:00.123Z","client":"127.0.0.1","protocol":"2","stream":1,"method":"GET","authority":"localhost","path":"/",
///    "status":200,"bytes_in":0,"bytes_out":12,"cluster":"app","endpoint":"127.0.0.1:8080","total_ms":1.234,
///    "backend_ms":1.001,"paused_ms":0.0,"pause":"","end":"complete"}
///
/// Bytes that are not UTF-8 appear as U+FFFD. Lines that cannot be written (disk full, reader gone) are lost,
/// which is said once in the error log; a reader that does not read holds up nobody but the writing thread.
class AccessLog {
 public:
  static constexpr std::size_t kMaxRecords = 64 * 1024;      // waiting to be written
  static constexpr std::size_t kMaxText = 16 * 1024 * 1024;  // bytes of text in them

  /// `target`: "off", "stdout", or a path. Throws std::system_error when the file cannot be opened.
  AccessLog(const std::string& target, Log& log);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  /// Writes what waits. A pipe or socket whose reader has stopped reading is given up after kPatience.
  ~AccessLog();

  /// Copies `record` into the queue. False when it was dropped because the queue is full (count it:
  /// WorkerStats::access_log_dropped). Any thread; does nothing when the log is off.
  [[nodiscard]] bool record(const AccessRecord& record);
  bool enabled() const { return enabled_; }

  /// Opens the file by its name again, for log rotation; goes on with the old one if that fails. No effect on
  /// stdout. Any thread, not from a signal handler.
  void reopen();

 private:
  static constexpr std::chrono::milliseconds kGather{50};  // lines that come within it leave together
  static constexpr std::chrono::seconds kPatience{2};
  struct Entry {  // an AccessRecord whose texts stand one after the other in Batch::text
    std::chrono::system_clock::time_point time;
    std::chrono::nanoseconds total, backend, paused;
    std::uint64_t bytes_in, bytes_out;
    std::int32_t stream;
    std::int32_t status;
    std::array<std::uint32_t, 9> lengths;
  };
  struct Batch {
    std::vector<Entry> entries;
    std::string text;
    void clear();
  };
  class Format;

  void run();
  void reopen_file();
  void write_batch(const Batch& batch, Format& format);
  void write_lines(std::string_view lines);
  bool wait_writable();
  void report(std::string_view what, int error);

  const std::string path_;  // "" for stdout
  const bool enabled_;
  Log& log_;

  std::mutex mutex_;
  std::condition_variable wake_;
  Batch waiting_;                      // guarded by mutex_
  bool reopen_ = false;                // guarded by mutex_
  std::atomic<bool> stopping_{false};  // set under mutex_

  // The writing thread's.
  int fd_ = -1;
  bool regular_file_ = false;
  bool torn_ = false;      // the last line is cut short
  bool reported_ = false;  // since the file was opened
  std::optional<std::chrono::steady_clock::time_point> give_up_at_;

  std::thread writer_;
};

}  // namespace gateway
