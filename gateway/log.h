#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace gateway {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

std::string_view to_string(LogLevel level);
/// "debug", "info", "warning", "error"; nullopt for anything else.
std::optional<LogLevel> parse_log_level(std::string_view name);

/// The error log, one line a message on stderr:
///
///   2026-11-22T10:00:00.123Z warning upstream: connect to 127.0.0.1:8080: refused
///
/// Lines are written by a thread of their own, so that a slow stderr holds up nobody; when 512 lines wait,
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

 private:
  struct Sink;
  void write(LogLevel level, std::string_view component, fmt::string_view text, fmt::format_args args);

  const LogLevel level_;
  const std::unique_ptr<Sink> sink_;
};

}  // namespace gateway
