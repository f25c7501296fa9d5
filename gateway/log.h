#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace gateway {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

std::string_view to_string(LogLevel level);
/// "debug", "info", "warning", "error"; nullopt for anything else.
std::optional<LogLevel> parse_log_level(std::string_view name);

/// One place that could say the same thing very often: lets a line a second through and counts those it holds
/// back. Any thread.
class LogEdge {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How many lines were held back since the last that passed, or nullopt when this one is to be held back.
  std::optional<std::uint64_t> pass(Time now = std::chrono::steady_clock::now());

 private:
  std::atomic<Time> next_{Time::min()};
  std::atomic<std::uint64_t> held_back_{0};
};

/// The error log, one line a message on stderr:
///
///   2026-11-22T10:00:00.123Z warning upstream: connect to 127.0.0.1:8080: refused
///
/// Lines are written by a thread of their own, so that a slow stderr holds up nobody; when 8192 lines wait,
/// the oldest are given up. Control characters in a text are escaped: a peer cannot forge a line. The
/// destructor writes what waits. Any thread may log.
class Log {
 public:
  explicit Log(LogLevel level);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  bool enabled(LogLevel level) const { return level >= level_; }

  template <typename... Args>
  void debug(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::debug, component, text, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void info(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::info, component, text, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void warning(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::warning, component, text, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void error(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
    write(LogLevel::error, component, text, fmt::make_format_args(args...));
  }

  /// At most one line a second through `edge`; the next one tells how many were held back.
  template <typename... Args>
  void limited(LogEdge& edge, LogLevel level, std::string_view component, fmt::format_string<Args...> text,
               Args&&... args) {
    if (!enabled(level)) return;
    if (const auto held_back = edge.pass()) {
      write(level, component, text, fmt::make_format_args(args...), *held_back);
    }
  }

 private:
  struct Sink;
  void write(LogLevel level, std::string_view component, fmt::string_view text, fmt::format_args args,
             std::uint64_t held_back = 0);

  const LogLevel level_;
  const std::unique_ptr<Sink> sink_;
};

}  // namespace gateway
