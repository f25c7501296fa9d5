#include "gateway/net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/net/network.h"

namespace gateway {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kIPv4Pair =
    "\xc0\x00\x02\x07\x0a\x00\x00\x01\x10\xe1\x01\xbb"s;  // 192.0.2.7:4321 to 10.0.0.1:443

std::string v2(char command, char family, const std::string& rest) {
  return kSignature + command + family + static_cast<char>(rest.size() >> 8) +
         static_cast<char>(rest.size() & 0xff) + rest;
}

std::string ipv6(char last) {
  return "\x20\x01\x0d\xb8"s + std::string(11, '\0') + last;
}

// What is read when the bytes come in two parts, and how many of them were taken.
std::string read_in_parts(const std::string& bytes, std::size_t cut, std::size_t& taken) {
  ProxyHeader header;
  taken = 0;
  for (const std::string& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    if (header.done() || !header.error().empty()) break;
    taken += header.accept(std::as_bytes(std::span(part)));
  }
  if (!header.error().empty()) return "error: " + std::string(header.error());
  if (!header.done()) return "more";
  return header.client() ? header.client()->text : "own";
}

struct Row {
  std::string bytes;
  std::string told;
};

const std::vector<Row>& good() {
  static const std::vector<Row> rows = {
      {"PROXY TCP4 192.0.2.7 10.0.0.1 4321 443\r\n", "192.0.2.7:4321"},
      {"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::7 ::1 65535 1\r\n", "[2001:db8::7]:65535"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
       "65535\r\n",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", "own"},
      {"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", "own"},
      {v2(0x21, 0x11, kIPv4Pair), "192.0.2.7:4321"},
      {v2(0x21, 0x11, kIPv4Pair + "\x04\x00\x01x"s + std::string(600, 'a')), "192.0.2.7:4321"},
      {v2(0x21, 0x21, ipv6(7) + ipv6(1) + "\x00\x50\x01\xbb"s), "[2001:db8::7]:80"},
      {v2(0x21, 0x31, std::string(216, 'p')), "own"},
      {v2(0x21, 0x00, ""), "own"},
      {v2(0x21, 0x00, "abc"), "own"},
      {v2(0x20, 0x00, ""), "own"},
      {v2(0x20, 0x11, kIPv4Pair), "own"},
      {v2(0x20, 0x11, "abc"), "own"},
  };
  return rows;
}

TEST(ProxyHeader, ReadsEachFormAndNothingBehindItHoweverItIsCut) {
  for (const Row& row : good()) {
    for (std::size_t cut = 0; cut <= row.bytes.size(); ++cut) {
      std::size_t taken = 0;
      ASSERT_EQ(read_in_parts(row.bytes + "PRI * HTTP/2.0", cut, taken), row.told)
          << row.bytes << " cut at " << cut;
      ASSERT_EQ(taken, row.bytes.size()) << row.bytes << " cut at " << cut;
    }
  }
}

TEST(ProxyHeader, WaitsForMoreAtEveryByte) {
  for (const Row& row : good()) {
    for (std::size_t size = 0; size < row.bytes.size(); ++size) {
      std::size_t taken = 0;
      ASSERT_EQ(read_in_parts(row.bytes.substr(0, size), size / 2, taken), "more")
          << row.bytes << " up to " << size;
    }
  }
}

TEST(ProxyHeader, RefusesWhatIsMalformedHoweverItIsCut) {
  const std::string none = "error: no PROXY header";
  const std::string line = "error: a malformed PROXY line";
  const std::string port = "error: a PROXY line with a bad port";
  const std::string address = "error: a PROXY line with a bad address";
  const std::string crlf = "error: a PROXY line that does not end with CRLF";
  const std::string brief = "error: a PROXY header too short for its addresses";
  const std::string other = "error: a PROXY header for something else than a TCP or unix stream";
  const std::string version = "error: a PROXY header of an unknown version or command";
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1\r\n", none},
      {"PRI * HTTP/2.0\r\n", none},
      {"\x16\x03\x01\x02", none},
      {"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", none},
      {"PROXY\r\n", none},
      {"\r\n\r\nX", none},
      {"PROXY \r\n", line},
      {"PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n", line},
      {"PROXY UNKNOWNX\r\n", line},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", line},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", line},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", line},
      {"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", line},
      {"PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", none},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", port},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", port},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", port},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1a 2\r\n", port},
      {"PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n", port},
      {"PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", address},
      {"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", address},
      {"PROXY TCP4 1.1.1.1 x 1 2\r\n", address},
      {"PROXY TCP4 ::1 ::1 1 2\r\n", address},
      {"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", address},
      {"PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n"s, address},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", crlf},
      {"PROXY UNKNOWN" + std::string(100, ' '), "error: a PROXY line of more than 107 bytes"},
      {v2(0x21, 0x11, kIPv4Pair.substr(1)), brief},
      {v2(0x21, 0x11, ""), brief},
      {v2(0x21, 0x21, kIPv4Pair), brief},
      {v2(0x21, 0x31, std::string(215, 'p')), brief},
      {v2(0x21, 0x12, kIPv4Pair), other},
      {v2(0x21, 0x41, kIPv4Pair), other},
      {v2(0x22, 0x11, kIPv4Pair), version},
      {v2(0x11, 0x11, kIPv4Pair), version},
  };
  for (const Row& row : rows) {
    for (std::size_t cut = 0; cut <= row.bytes.size(); ++cut) {
      std::size_t taken = 0;
      ASSERT_EQ(read_in_parts(row.bytes, cut, taken), row.told) << row.bytes << " cut at " << cut;
    }
  }
}

// ---- Writing ----

std::optional<Address> ip(const std::string& host, std::uint16_t port) {
  return numeric_address(HostPort{.host = host, .port = port});
}

TEST(ProxyHeader, WritesBothVersions) {
  EXPECT_EQ(proxy_header(ProxyVersion::v1, ip("192.0.2.7", 4321), ip("10.0.0.1", 443)),
            "PROXY TCP4 192.0.2.7 10.0.0.1 4321 443\r\n");
  EXPECT_EQ(proxy_header(ProxyVersion::v2, ip("192.0.2.7", 4321), ip("10.0.0.1", 443)),
            v2(0x21, 0x11, kIPv4Pair));
  EXPECT_EQ(proxy_header(ProxyVersion::v2, ip("2001:db8::7", 80), ip("2001:db8::1", 443)),
            v2(0x21, 0x21, ipv6(7) + ipv6(1) + "\x00\x50\x01\xbb"s));
  EXPECT_EQ(proxy_header(ProxyVersion::v1, ip("192.0.2.7", 1), ip("::1", 2)),
            "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n");
  EXPECT_EQ(proxy_header(ProxyVersion::v1, ip("::1", 1), ip("192.0.2.7", 2)),
            "PROXY TCP6 ::1 ::ffff:192.0.2.7 1 2\r\n");
  EXPECT_EQ(proxy_header(ProxyVersion::v1, ip("192.0.2.7", 1), std::nullopt),
            "PROXY TCP4 192.0.2.7 0.0.0.0 1 0\r\n");
  EXPECT_EQ(proxy_header(ProxyVersion::v1, std::nullopt, ip("::1", 2)), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(proxy_header(ProxyVersion::v2, std::nullopt, ip("::1", 2)), v2(0x20, 0x00, ""));
}

TEST(ProxyHeader, ReadsWhatItWrites) {
  for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
    for (const auto* host : {"192.0.2.7", "2001:db8::7"}) {
      std::size_t taken = 0;
      const auto client = ip(host, 4321);
      EXPECT_EQ(read_in_parts(proxy_header(version, client, ip("::1", 443)), 3, taken).find("4321") !=
                    std::string::npos,
                true);
      EXPECT_EQ(read_in_parts(proxy_header(version, client, std::nullopt), 3, taken), client->text);
    }
  }
}

// ---- Who is trusted ----

TEST(Network, ContainsItsAddresses) {
  const auto contains = [](const char* network, const char* address) {
    std::string why;
    const auto parsed = Network::parse(network, why);
    EXPECT_TRUE(parsed) << why;
    return parsed && parsed->contains(*ip(address, 1));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.128.0.0/9", "10.128.0.1"));
  EXPECT_FALSE(contains("10.128.0.0/9", "10.127.0.1"));
  EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::1"));
  EXPECT_FALSE(contains("::/0", "10.0.0.1"));
  std::string why;
  EXPECT_FALSE(
      Network::parse("::/0", why)->contains(*numeric_address({.host = "/run/x.sock", .is_unix = true})));
}

TEST(Network, RefusesWhatIsNone) {
  for (const auto* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "localhost",
                           "::/129", "10.0.0.1/8", "/8", "unix:/x", "10.0.0.0/8/8"}) {
    std::string why;
    EXPECT_FALSE(Network::parse(text, why)) << text;
    EXPECT_NE(why.find('"'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace gateway
