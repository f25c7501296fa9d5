#include "gateway/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <iterator>

namespace gateway {
namespace {

constexpr std::size_t kQueuedLines = 512;  // a place takes 0.4 KiB from the start, used or not
constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

/// Appends `text` so that it stays one line, whatever a peer put into it.
void append_escaped(fmt::memory_buffer& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", byte);
    } else {
      line.push_back(c);
    }
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

struct Log::Sink {
  // Writes what is queued and ends the thread before the logger goes, which does not own it.
  ~Sink() { threads.reset(); }

  std::shared_ptr<spdlog::details::thread_pool> threads =
      std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             threads, spdlog::async_overflow_policy::overrun_oldest);
};

Log::Log(LogLevel level) : level_(level), sink_(std::make_unique<Sink>()) {
  sink_->logger->set_level(spdlog_level(level));
  sink_->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view component, fmt::string_view text, fmt::format_args args) {
  if (!enabled(level)) return;
  fmt::memory_buffer message;
  fmt::vformat_to(std::back_inserter(message), text, args);
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), "{} {}: ", to_string(level), component);
  append_escaped(line, {message.data(), message.size()});
  sink_->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace gateway
