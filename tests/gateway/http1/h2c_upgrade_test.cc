#include "gateway/http1/h2c_upgrade.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace gateway {
namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

H2cUpgrade read(const Fields& fields) {
  h2::HeaderList head;
  head.add(":method", "GET");
  for (const auto& [name, value] : fields) head.add(name, value);
  return read_h2c_upgrade(head);
}

constexpr std::pair<std::string_view, std::string_view> kUpgrade = {"upgrade", "h2c"};
constexpr std::pair<std::string_view, std::string_view> kConnection = {"connection",
                                                                       "Upgrade, HTTP2-Settings"};

TEST(H2cUpgrade, ReadsWhatCurlSends) {
  // MAX_CONCURRENT_STREAMS 100, INITIAL_WINDOW_SIZE 10 MiB, ENABLE_PUSH 0
  const H2cUpgrade upgrade = read({kConnection, kUpgrade, {"http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"}});
  EXPECT_EQ(upgrade.kind, H2cUpgrade::Kind::asked);
  ASSERT_EQ(upgrade.settings.size(), 18U);
  EXPECT_EQ(upgrade.settings[1], std::byte{3});
  EXPECT_EQ(upgrade.settings[5], std::byte{100});
  EXPECT_EQ(read({kConnection, kUpgrade, {"http2-settings", ""}}).kind, H2cUpgrade::Kind::asked);
}

TEST(H2cUpgrade, StaysInHttp11WhereNotAllIsThere) {
  const std::pair<std::string_view, std::string_view> settings = {"http2-settings", ""};
  EXPECT_EQ(read({}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({kConnection, kUpgrade}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({kConnection, settings}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({kUpgrade, settings}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({{"connection", "upgrade"}, kUpgrade, settings}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({kConnection, {"upgrade", "websocket"}, settings}).kind, H2cUpgrade::Kind::none);
  EXPECT_EQ(read({kConnection, kUpgrade, settings, settings}).kind, H2cUpgrade::Kind::none);
}

TEST(H2cUpgrade, KnowsBrokenSettings) {
  const std::string_view broken[] = {
      "AAMAAABk=",     // padded
      "AAMAAAB",       // cut
      "AAMAAABkA",     // a digit that is no byte
      "AAMA AABk",     // a byte that is no digit
      "AAMAAABkAA",    // 7 bytes
      "AAIAAAAC",      // ENABLE_PUSH 2
      "AASAAAAA",      // INITIAL_WINDOW_SIZE 2^31
      "AAUAAAAB",      // MAX_FRAME_SIZE 1
      "AAMAAABkAA+/",  // base64, not base64url
  };
  for (std::string_view text : broken) {
    EXPECT_EQ(read({kConnection, kUpgrade, {"http2-settings", text}}).kind, H2cUpgrade::Kind::broken) << text;
  }
}

}  // namespace
}  // namespace gateway
