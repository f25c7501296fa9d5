#include "gateway/access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "gateway/log.h"

namespace gateway {
namespace {

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() {
    std::string name = testing::TempDir() + "access_log_XXXXXX";
    directory_ = mkdtemp(name.data());
    path = directory_ / "access.log";
  }
  ~AccessLogTest() override { std::filesystem::remove_all(directory_); }

  static std::string text(const std::filesystem::path& file) {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  }
  /// Until `done` holds, for at most ten seconds.
  template <typename Done>
  static bool eventually(Done done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return done();
  }

  std::filesystem::path directory_;
  std::filesystem::path path;
  Log log{LogLevel::error};
  AccessRecord record{.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1795341600007)),
                      .client = "192.0.2.7",
                      .protocol = "1.1",
                      .stream = 3,
                      .method = "GET",
                      .authority = "example.org",
                      .path = "/a?b",
                      .status = 200,
                      .bytes_in = 5,
                      .bytes_out = 1ULL << 40,
                      .cluster = "app",
                      .endpoint = "127.0.0.1:8080",
                      .total = std::chrono::microseconds(12345),
                      .backend = std::chrono::microseconds(1001),
                      .paused = {},
                      .pause = "",
                      .end = ""};
};

TEST_F(AccessLogTest, LineHasEveryFieldInOrder) {
  {
    AccessLog access(path, log);
    EXPECT_TRUE(access.enabled());
    EXPECT_TRUE(access.record(record));
  }
  EXPECT_EQ(
      text(path),
      "{\"time\":\"2026-11-22T10:00:00.007Z\",\"client\":\"192.0.2.7\",\"protocol\":\"1.1\",\"stream\":3,\"method\":\"GET\","
      "\"authority\":\"example.org\",\"path\":\"/a?b\",\"status\":200,\"bytes_in\":5,"
      "\"bytes_out\":1099511627776,\"cluster\":\"app\",\"endpoint\":\"127.0.0.1:8080\",\"total_ms\":12.345,"
      "\"backend_ms\":1.001,\"paused_ms\":0.0,\"pause\":\"\",\"end\":\"complete\"}\n");
}

TEST_F(AccessLogTest, EscapesWhatJsonMayNotHold) {
  record.path = "/\"\\\n\x01\xff\xc3\"\xc3\xa9\xed\xa0\x80";
  record.end = "client reset it: CANCEL";
  {
    AccessLog access(path, log);
    EXPECT_TRUE(access.record(record));
  }
  const std::string line = text(path);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(line.c_str());
  ASSERT_FALSE(json.HasParseError()) << line;
  EXPECT_STREQ(json["path"].GetString(),
               "/\"\\\n\x01\xEF\xBF\xBD\xEF\xBF\xBD\"\xc3\xa9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_STREQ(json["end"].GetString(), "client reset it: CANCEL");
}

TEST_F(AccessLogTest, WritesAllLinesOfAllThreadsInItsDestructor) {
  {
    AccessLog access(path, log);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&access, this, t] {
        AccessRecord mine = record;
        for (int i = 0; i < 5000; ++i) {
          mine.stream = t * 5000 + i;
          EXPECT_TRUE(access.record(mine));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<bool> seen(20000);
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    rapidjson::Document json;
    json.Parse(line.c_str());
    ASSERT_FALSE(json.HasParseError()) << line;
    seen[static_cast<std::size_t>(json["stream"].GetInt())] = true;
  }
  EXPECT_EQ(std::ranges::count(seen, true), 20000);
}

TEST_F(AccessLogTest, OffDoesNothing) {
  AccessLog access("off", log);
  EXPECT_FALSE(access.enabled());
  EXPECT_TRUE(access.record(record));
  access.reopen();
  EXPECT_FALSE(std::filesystem::exists("off"));
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsAnErrorAtTheStart) {
  EXPECT_THROW(AccessLog(directory_ / "no" / "access.log", log), std::system_error);
}

TEST_F(AccessLogTest, ReopensAFileThatWasMoved) {
  const std::filesystem::path moved = directory_ / "access.log.1";
  {
    AccessLog access(path, log);
    record.path = "/first";
    EXPECT_TRUE(access.record(record));
    ASSERT_TRUE(eventually([&] { return text(path).ends_with("\n"); }));
    std::filesystem::rename(path, moved);
    access.reopen();
    record.path = "/second";
    EXPECT_TRUE(access.record(record));
  }
  EXPECT_NE(text(moved).find("/first"), std::string::npos);
  EXPECT_EQ(text(moved).find("/second"), std::string::npos);
  EXPECT_NE(text(path).find("/second"), std::string::npos);
}

TEST_F(AccessLogTest, GoesOnWithTheOldFileWhenReopeningFails) {
  testing::internal::CaptureStderr();
  const std::filesystem::path moved = directory_ / "moved";
  {
    Log captured(LogLevel::error);
    AccessLog access(path, captured);
    std::filesystem::rename(path, moved);
    std::filesystem::create_directory(path);
    access.reopen();
    EXPECT_TRUE(access.record(record));
  }
  EXPECT_EQ(std::ranges::count(text(moved), '\n'), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot reopen"), std::string::npos);
}

/// A pipe in the place of the file, whose reader the test plays.
class AccessLogPipeTest : public AccessLogTest {
 protected:
  AccessLogPipeTest() {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~AccessLogPipeTest() override {
    if (reader >= 0) ::close(reader);
  }
  int reader;
};

TEST_F(AccessLogPipeTest, DropsAndCountsWhenTheReaderDoesNotKeepUp) {
  std::size_t dropped = 0;
  const std::string long_path(2000, 'p');
  record.path = long_path;
  testing::internal::CaptureStderr();
  {
    Log captured(LogLevel::error);
    AccessLog access(path, captured);
    for (std::size_t i = 0; i < 3 * AccessLog::kMaxRecords; ++i) dropped += access.record(record) ? 0 : 1;
  }
  EXPECT_GT(dropped, 0U);
  EXPECT_LT(dropped, 3 * AccessLog::kMaxRecords);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("lines are lost"), std::string::npos);
}

TEST_F(AccessLogPipeTest, ReaderThatIsGoneIsReportedOnce) {
  testing::internal::CaptureStderr();
  {
    Log captured(LogLevel::error);
    AccessLog access(path, captured);
    ::close(reader);
    reader = -1;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(access.record(record));
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
  }
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 1) << lines;
  EXPECT_NE(lines.find("Broken pipe"), std::string::npos) << lines;
}

}  // namespace
}  // namespace gateway
