#include "gateway/forwarding.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "gateway/exchange.h"

namespace gateway {
namespace {

using namespace std::string_view_literals;
using h2::HeaderField;
using h2::HeaderList;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

HeaderList list_of(const Fields& fields) {
  HeaderList list;
  for (const auto& [name, value] : fields) list.add(name, value);
  return list;
}

HeaderList get_with(const Fields& fields) {
  HeaderList list =
      list_of({{":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/p"}});
  for (const auto& [name, value] : fields) list.add(name, value);
  return list;
}

std::string told(const HeaderList& list) {
  std::string text;
  for (const HeaderField field : list) text.append(field.name).append("=").append(field.value).append("|");
  return text;
}

RequestOrigin from(std::string_view peer, bool secure = true) {
  RequestOrigin origin;
  origin.peer = peer;
  origin.secure = secure;
  return origin;
}

TEST(CheckRequest, LetsProperRequestsThrough) {
  const HeaderList good[] = {
      get_with({}),
      get_with({{"host", "a.test"}}),
      get_with({{"host", "A.TEST:443"}}),
      get_with({{"te", "trailers"}, {"te", "Trailers"}}),
      get_with({{"content-length", "0"}}),
      get_with({{"content-length", "18446744073709551615"}}),
      get_with({{"x-tab", "a\tb"}, {"x-utf8", "\xc3\xa4"}, {"x-empty", ""}}),
      get_with({{"expect", "100-continue"}}),
      list_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "only.host"}}),
      list_of(
          {{":method", "GET"}, {":scheme", "http"}, {":authority", "a:80"}, {":path", "/"}, {"host", "a"}}),
      list_of({{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "[::1]:80"}, {":path", "*"}}),
      list_of(
          {{":method", "PURGE"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/\xc3\xa4?q=1&x=[2]"}}),
  };
  for (const HeaderList& request : good) {
    const auto error = check_request(request);
    EXPECT_FALSE(error) << told(request) << error->reason;
  }
}

TEST(CheckRequest, RefusesFieldsThatMayNotBe) {
  const Fields rows = {
      {"connection", "close"},
      {"keep-alive", "timeout=5"},
      {"proxy-connection", "keep-alive"},
      {"transfer-encoding", "chunked"},
      {"upgrade", "websocket"},
      {"te", "gzip"},
      {"te", "trailers, gzip"},
      {"te", ""},
      {"content-length", ""},
      {"content-length", "-1"},
      {"content-length", "+1"},
      {"content-length", " 1"},
      {"content-length", "1,1"},
      {"content-length", "0x10"},
      {"content-length", "18446744073709551616"},
      {"host", "b.test"},
      {"host", ""},
      {"host", "a.test:80"},
      {"x", "a\r\nb: c"},
      {"x", "a\nb"},
      {"x", "a\rb"},
      {"x", "a\0b"sv},
      {"x", "a\x1b"},
      {"x", "a\x7f"},
      {"X-Upper", "a"},
      {"x y", "a"},
      {"x:", "a"},
      {"x\r\n", "a"},
      {"", "a"},
      {"\xc3\xa4", "a"},
      {":path", "/late"},
      {":status", "200"},
  };
  for (const auto& row : rows) {
    const auto error = check_request(get_with({row}));
    ASSERT_TRUE(error) << row.first << ": " << row.second;
    EXPECT_EQ(error->status, 400) << row.first;
    EXPECT_EQ(error->source, ErrorSource::client);
    EXPECT_FALSE(error->retry_safe);
    EXPECT_FALSE(error->reason.empty());
  }
  EXPECT_TRUE(check_request(get_with({{"content-length", "5"}, {"content-length", "5"}})));
  EXPECT_TRUE(check_request(get_with({{"host", "a.test"}, {"host", "a.test"}})));
}

TEST(CheckRequest, RefusesTargetsThatMayNotBe) {
  struct Row {
    std::string_view method = "GET";
    std::string_view scheme = "https";
    std::string_view authority = "a.test";
    std::string_view path = "/";
    int status = 400;
  };
  const Row rows[] = {
      {.method = "CONNECT", .status = 501},
      {.method = ""},
      {.method = "G T"},
      {.method = "GET\r\n"},
      {.scheme = ""},
      {.scheme = "ftp"},
      {.scheme = "HTTPS"},
      {.authority = ""},
      {.authority = "a b"},
      {.authority = "a\r\nb"},
      {.authority = "user:pass@a"},
      {.authority = "a/b"},
      {.authority = "a\0b"sv},
      {.path = ""},
      {.path = "*"},
      {.path = "p"},
      {.path = "http://a.test/"},
      {.path = "/ HTTP/1.1"},
      {.path = "/\r\nx: y"},
      {.path = "/\0"sv},
      {.path = "/#f"},
      {.path = "/\x7f"},
  };
  for (const Row& row : rows) {
    const auto error = check_request(list_of({{":method", row.method},
                                              {":scheme", row.scheme},
                                              {":authority", row.authority},
                                              {":path", row.path}}));
    ASSERT_TRUE(error) << row.method << " " << row.scheme << " " << row.authority << " " << row.path;
    EXPECT_EQ(error->status, row.status);
  }
}

TEST(CheckRequest, WantsEachPseudoFieldOnceAndFirst) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  for (const auto& odd : fields) {
    Fields without;
    Fields twice;
    for (const auto& field : fields) {
      twice.push_back(field);
      if (field.first != odd.first) without.push_back(field);
    }
    twice.push_back(odd);
    EXPECT_TRUE(check_request(list_of(without))) << odd.first;
    EXPECT_TRUE(check_request(list_of(twice))) << odd.first;
  }
  EXPECT_TRUE(check_request(HeaderList()));
  EXPECT_EQ(check_request(list_of({{":method", "CONNECT"}, {":authority", "a:1"}}))->status, 501);
}

TEST(CheckRequest, AWebSocketIsTheOnlyTunnel) {
  const auto connect = [](std::string_view method, std::string_view protocol) {
    return list_of({{":method", method}, {":protocol", protocol}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}});
  };
  EXPECT_FALSE(check_request(connect("CONNECT", "websocket")));
  EXPECT_TRUE(asks_tunnel(connect("CONNECT", "websocket")));
  EXPECT_EQ(check_request(connect("CONNECT", "connect-udp"))->status, 501);
  EXPECT_EQ(check_request(connect("GET", "websocket"))->status, 400);
  HeaderList sized = connect("CONNECT", "websocket");
  sized.add("content-length", "5");
  EXPECT_EQ(check_request(sized)->status, 400);
  const HeaderList passed_on = upstream_request(connect("CONNECT", "websocket"), {.peer = "192.0.2.1", .local = "l"});
  EXPECT_EQ(passed_on.get(":protocol"), "websocket");
}

constexpr std::string_view kHead = ":method=GET|:scheme=https|:authority=a.test|:path=/p|";
constexpr std::string_view kTail =
    "via=2 gateway|x-forwarded-for=192.0.2.7|x-forwarded-proto=https|x-forwarded-host=a.test|"
    "forwarded=for=192.0.2.7;host=a.test;proto=https|";

TEST(UpstreamRequest, CopiesAndRemoves) {
  struct Row {
    Fields in;
    std::string_view out;
  };
  const Row rows[] = {
      {{}, ""},
      {{{"accept", "*/*"}, {"x-a", "1"}, {"x-a", "2"}}, "accept=*/*|x-a=1|x-a=2|"},
      {{{"host", "a.test"}}, ""},
      {{{"expect", "100-continue"}, {"content-length", "5"}, {"date", "d"}, {"trailer", "x"}},
       "expect=100-continue|content-length=5|date=d|trailer=x|"},
      {{{"connection", "close, X-One"}, {"x-one", "1"}, {"x-two", "2"}}, "x-two=2|"},
      {{{"x-one", "1"}, {"connection", "x-one"}, {"connection", "x-two"}, {"x-two", "2"}}, ""},
      {{{"connection", "content-length"}, {"content-length", "5"}}, "content-length=5|"},
      {{{"keep-alive", "1"}, {"proxy-connection", "2"}, {"transfer-encoding", "3"}, {"upgrade", "4"}}, ""},
      {{{"http2-settings", "AAMAAABkAAQAAP__"}}, ""},
      {{{"te", "gzip"}}, ""},
      {{{"te", "trailers"}, {"x-a", "1"}}, "x-a=1|te=trailers|"},
      {{{"connection", "te"}, {"te", "gzip, trailers"}}, "te=trailers|"},
      {{{"cookie", "a=b"}}, "cookie=a=b|"},
      {{{"cookie", "a=b"}, {"x-a", "1"}, {"cookie", "c=d"}, {"cookie", "e=f"}},
       "x-a=1|cookie=a=b; c=d; e=f|"},
      {{{"via", "1.1 before"}}, "via=1.1 before|"},
      {{{"x-forwarded-proto", "gopher"}, {"x-forwarded-host", "evil"}}, ""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(told(upstream_request(get_with(row.in), from("192.0.2.7"))),
              std::string(kHead).append(row.out).append(kTail));
  }
}

TEST(UpstreamRequest, AppendsTheClient) {
  struct Row {
    std::string_view peer;
    Fields in;
    std::string_view x_forwarded_for;
    std::string_view forwarded;
  };
  const Row rows[] = {
      {"192.0.2.7",
       {{"x-forwarded-for", "10.0.0.1"}},
       "10.0.0.1, 192.0.2.7",
       "for=192.0.2.7;host=a.test;proto=https"},
      {"192.0.2.7",
       {{"x-forwarded-for", "10.0.0.1"}, {"x-forwarded-for", "10.0.0.2"}},
       "10.0.0.1, 10.0.0.2, 192.0.2.7",
       "for=192.0.2.7;host=a.test;proto=https"},
      {"192.0.2.7", {{"x-forwarded-for", ""}}, "192.0.2.7", "for=192.0.2.7;host=a.test;proto=https"},
      {"2001:db8::1", {}, "2001:db8::1", "for=\"[2001:db8::1]\";host=a.test;proto=https"},
      {"unix", {}, "", "for=unknown;host=a.test;proto=https"},
      {"unix", {{"x-forwarded-for", "10.0.0.1"}}, "10.0.0.1", "for=unknown;host=a.test;proto=https"},
      {"192.0.2.7",
       {{"forwarded", "for=10.0.0.1"}, {"forwarded", "for=\"[::1]\""}},
       "192.0.2.7",
       "for=10.0.0.1, for=\"[::1]\", for=192.0.2.7;host=a.test;proto=https"},
      {"192.0.2.7", {{"forwarded", "for=\"open"}}, "192.0.2.7", "for=192.0.2.7;host=a.test;proto=https"},
      {"192.0.2.7", {{"forwarded", "for=\"open\\\""}}, "192.0.2.7", "for=192.0.2.7;host=a.test;proto=https"},
  };
  for (const Row& row : rows) {
    const HeaderList out = upstream_request(get_with(row.in), from(row.peer));
    EXPECT_EQ(out.get("x-forwarded-for"), row.x_forwarded_for);
    EXPECT_EQ(out.get("forwarded"), row.forwarded);
    EXPECT_EQ(out.count("forwarded"), 1U);
    EXPECT_LE(out.count("x-forwarded-for"), 1U);
  }
}

TEST(UpstreamRequest, HostBecomesAuthority) {
  const HeaderList out = upstream_request(
      list_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b.test:8443"}}),
      from("::1", false));
  EXPECT_EQ(out.get(":authority"), "b.test:8443");
  EXPECT_FALSE(out.find("host"));
  EXPECT_EQ(out.get("x-forwarded-host"), "b.test:8443");
  EXPECT_EQ(out.get("x-forwarded-proto"), "http");
  EXPECT_EQ(out.get("forwarded"), "for=\"[::1]\";host=\"b.test:8443\";proto=http");
}

TEST(UpstreamRequest, KeepsSensitivity) {
  HeaderList request = get_with({{"cookie", "a=b"}});
  request.add("cookie", "c=d", true);
  request.add("authorization", "secret", true);
  for (const HeaderField field : upstream_request(request, from("::1"))) {
    EXPECT_EQ(field.sensitive, field.name == "cookie" || field.name == "authorization") << field.name;
  }
}

TEST(ClientResponse, CopiesAndRemoves) {
  struct Row {
    Fields in;
    std::string_view out;
  };
  const Row rows[] = {
      {{{":status", "200"}}, ":status=200|"},
      {{{":status", "200"}, {"connection", "close, x-hop"}, {"x-hop", "1"}, {"x-end", "2"}},
       ":status=200|x-end=2|"},
      {{{":status", "200"}, {"x-hop", "1"}, {"connection", "X-Hop"}}, ":status=200|"},
      {{{":status", "200"}, {"connection", "content-length"}, {"content-length", "3"}},
       ":status=200|content-length=3|"},
      {{{":status", "200"}, {"transfer-encoding", "chunked"}, {"keep-alive", "1"}, {"upgrade", "h2c"}},
       ":status=200|"},
      {{{":status", "426"}, {"proxy-connection", "1"}, {"te", "trailers"}}, ":status=426|"},
      {{{":status", "204"}, {"content-length", "0"}}, ":status=204|"},
      {{{":status", "103"}, {"content-length", "0"}, {"link", "</a>"}}, ":status=103|link=</a>|"},
      {{{":status", "304"}, {"content-length", "9"}}, ":status=304|content-length=9|"},
      {{{":status", "200"}, {"set-cookie", "a"}, {"set-cookie", "b"}},
       ":status=200|set-cookie=a|set-cookie=b|"},
      {{{":status", "200"}, {"date", "d"}, {"via", "1.1 inner"}}, ":status=200|date=d|via=1.1 inner|"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(told(client_response(list_of(row.in), "1.1")), std::string(row.out) + "via=1.1 gateway|");
  }
  EXPECT_EQ(told(client_response(list_of({{":status", "200"}}), "2")), ":status=200|via=2 gateway|");
}

TEST(SanitizeTrailers, KeepsOnlyTrailers) {
  const HeaderList out = sanitize_trailers(list_of({{"grpc-status", "0"},
                                                    {"grpc-message", "fine"},
                                                    {":status", "200"},
                                                    {"content-length", "5"},
                                                    {"transfer-encoding", "chunked"},
                                                    {"connection", "x"},
                                                    {"host", "evil"},
                                                    {"set-cookie", "a"},
                                                    {"etag", "e"}}));
  EXPECT_EQ(told(out), "grpc-status=0|grpc-message=fine|etag=e|");
}

TEST(Forwarding, ReadsLengthsAndStatuses) {
  EXPECT_EQ(content_length(list_of({{"content-length", "42"}})), 42U);
  EXPECT_EQ(content_length(list_of({{"content-length", "4 2"}})), std::nullopt);
  EXPECT_EQ(content_length(HeaderList()), std::nullopt);
  EXPECT_EQ(status_of(list_of({{":status", "503"}})), 503);
  EXPECT_EQ(status_of(HeaderList()), 0);
}

TEST(Forwarding, KnowsWhetherABodyFollows) {
  const HeaderList none;
  const HeaderList empty = list_of({{"content-length", "0"}});
  const HeaderList sized = list_of({{"content-length", "5"}});
  EXPECT_TRUE(has_response_body("GET", 200, none));
  EXPECT_TRUE(has_response_body("GET", 200, sized));
  EXPECT_FALSE(has_response_body("GET", 200, empty));
  EXPECT_FALSE(has_response_body("HEAD", 200, sized));
  for (int status : {100, 103, 204, 304}) EXPECT_FALSE(has_response_body("GET", status, sized)) << status;
  for (int status : {200, 205, 301, 404, 500}) EXPECT_FALSE(bodyless_status(status)) << status;
}

TEST(Errors, EverySourceHasAName) {
  EXPECT_EQ(to_string(ErrorSource::client), "client");
  EXPECT_EQ(to_string(ErrorSource::timeout), "timeout");
  EXPECT_EQ(to_string(ErrorSource::shortage), "shortage");
}

}  // namespace
}  // namespace gateway
