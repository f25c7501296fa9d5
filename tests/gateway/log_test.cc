#include "gateway/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace gateway {
namespace {

/// What `say` leaves on stderr; the log has ended by then.
template <typename Say>
std::string lines_of(LogLevel level, Say say) {
  testing::internal::CaptureStderr();
  {
    Log log(level);
    say(log);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, LineHasTimeLevelComponentAndText) {
  const std::string line = lines_of(LogLevel::info, [](Log& log) {
    log.warning("upstream", "connect to {}: {}", "127.0.0.1:8080", "refused");
  });
  EXPECT_THAT(
      line, testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z warning "
                                  "upstream: connect to 127\\.0\\.0\\.1:8080: refused\n"));
}

TEST(LogTest, LevelsBelowAreSilent) {
  const std::string lines = lines_of(LogLevel::warning, [](Log& log) {
    EXPECT_FALSE(log.enabled(LogLevel::info));
    EXPECT_TRUE(log.enabled(LogLevel::error));
    log.debug("a", "one");
    log.info("a", "two");
    log.warning("a", "three");
    log.error("a", "four");
  });
  EXPECT_EQ(lines.find("one"), std::string::npos);
  EXPECT_EQ(lines.find("two"), std::string::npos);
  EXPECT_NE(lines.find(" warning a: three\n"), std::string::npos);
  EXPECT_NE(lines.find(" error a: four\n"), std::string::npos);
}

TEST(LogTest, APeerCannotForgeALine) {
  const std::string lines =
      lines_of(LogLevel::info, [](Log& log) { log.info("a", "{}", "x\ny\r\x1b[0m {}"); });
  EXPECT_NE(lines.find("info a: x\\x0ay\\x0d\\x1b[0m {}\n"), std::string::npos) << lines;
}

TEST(LogTest, LevelNames) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    EXPECT_EQ(parse_log_level(to_string(level)), level);
  }
  EXPECT_EQ(parse_log_level("warn"), std::nullopt);
  EXPECT_EQ(parse_log_level(""), std::nullopt);
}

TEST(LogTest, EveryLineOfEveryThreadIsWrittenWhole) {
  const std::string lines = lines_of(LogLevel::info, [](Log& log) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 120; ++i) log.info("thread", "{} says {}", t, i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(std::ranges::count(lines, '\n'), 480);
  EXPECT_NE(lines.find(" info thread: 3 says 119\n"), std::string::npos);
}

}  // namespace
}  // namespace gateway
