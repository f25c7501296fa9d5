#include "gateway/net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gateway {
namespace {

using testing::HasSubstr;

struct Good {
  const char* text;
  HostPort expected;
};

TEST(ParseHostPortTest, ReadsWhatItShould) {
  const Good table[] = {
      {"127.0.0.1:8443", {"127.0.0.1", 8443, false}},
      {"0.0.0.0:0", {"0.0.0.0", 0, false}},
      {"[::1]:8443", {"::1", 8443, false}},
      {"[::]:65535", {"::", 65535, false}},
      {"name:8080", {"name", 8080, false}},
      {"app-1.internal_x:80", {"app-1.internal_x", 80, false}},
      {"unix:/run/gateway.sock", {"/run/gateway.sock", 0, true}},
      {"unix:relative.sock", {"relative.sock", 0, true}},
  };
  for (const Good& row : table) {
    std::string why;
    const auto parsed = parse_host_port(row.text, why);
    ASSERT_TRUE(parsed) << row.text << ": " << why;
    EXPECT_EQ(*parsed, row.expected) << row.text;
    EXPECT_EQ(to_string(*parsed), row.text);
  }
}

TEST(ParseHostPortTest, RefusesTheRestInWords) {
  const std::pair<std::string, const char*> table[] = {
      {"", "no port"},
      {"127.0.0.1", "like \"127.0.0.1:8080\""},
      {"[::1]", "no port"},
      {"localhost:", "\"\" is not a port"},
      {"localhost:http", "\"http\" is not a port"},
      {"localhost:65536", "from 0 to 65535"},
      {"localhost:-1", "not a port"},
      {"localhost: 80", "not a port"},
      {"::1:8080", "stands in brackets"},
      {"[localhost]:80", "no IPv6 address"},
      {"[::1:80", "no port"},
      {"[]:80", "no IPv6 address"},
      {"[::1]x:80", "no IPv6 address"},
      {":80", "like \"127.0.0.1:80\""},
      {"a b:80", "neither a name nor an IP address"},
      {"http://localhost:80", "in brackets"},
      {std::string(254, 'a') + ":80", "neither a name"},
      {"unix:", "no path"},
      {"unix:/" + std::string(107, 'a'), "at most 107 bytes"},
  };
  for (const auto& [text, expected] : table) {
    std::string why;
    EXPECT_FALSE(parse_host_port(text, why)) << text;
    EXPECT_THAT(why, HasSubstr(expected)) << text;
  }
}

TEST(AddressTest, OfLiteralsAndSocketsOnly) {
  const auto v4 = numeric_address({"127.0.0.1", 8443, false});
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->text, "127.0.0.1:8443");
  EXPECT_EQ(ip_text(*v4), "127.0.0.1");
  EXPECT_EQ(port_of(*v4), 8443);
  EXPECT_EQ(v4->family(), AF_INET);

  const auto v6 = numeric_address({"0:0::1", 80, false});
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->text, "[::1]:80");
  EXPECT_EQ(ip_text(*v6), "::1");

  const auto local = numeric_address({"/tmp/x.sock", 0, true});
  ASSERT_TRUE(local);
  EXPECT_EQ(local->text, "unix:/tmp/x.sock");
  EXPECT_EQ(ip_text(*local), "unix");

  EXPECT_FALSE(numeric_address({"localhost", 80, false}));
  EXPECT_FALSE(numeric_address({"127.1", 80, false}));
}

}  // namespace
}  // namespace gateway
