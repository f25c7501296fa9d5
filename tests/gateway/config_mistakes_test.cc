// Every mistake that a configuration's text can hold: its place and the words that it gets.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gateway/config_file.h"

namespace gateway {
namespace {

std::vector<std::string> mistakes_in(std::string_view text) {
  std::vector<std::string> lines;
  const LoadedConfig loaded = read_config(text, "g.toml");
  for (const Mistake& mistake : loaded.mistakes.all()) lines.push_back(mistake.to_string());
  EXPECT_EQ(loaded.config.has_value(), !loaded.mistakes.has_errors());
  return lines;
}

constexpr std::string_view kListener = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
constexpr std::string_view kCluster = "[[cluster]]\nname = \"app\"\nendpoints = [\"127.0.0.1:8080\"]\n";
constexpr std::string_view kRoute = "[[route]]\ncluster = \"app\"\n";

std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text += part;
  return text;
}
std::string in_document(std::string_view text) {
  return join({text, "\n", kListener, kCluster, kRoute});
}
std::string in_listener(std::string_view text) {
  return join({"[[listener]]\n", text, "\n", kCluster, kRoute});
}
std::string in_cluster(std::string_view text) {
  return join({"[[cluster]]\nname = \"app\"\n", text, "\n", kRoute, kListener});
}
std::string in_route(std::string_view text) {
  return join({"[[route]]\n", text, "\n", kCluster, kListener});
}

struct Case {
  std::string text;
  std::vector<std::string> mistakes;
};

void expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(mistakes_in(c.text), c.mistakes);
    for (const std::string& mistake : c.mistakes) EXPECT_EQ(mistake.find('\n'), std::string::npos);
  }
}

TEST(ConfigMistakes, NoneInTheDocumentsOfTheCases) {
  EXPECT_TRUE(mistakes_in(in_document("")).empty());
  EXPECT_TRUE(mistakes_in(in_listener("address = \"[::1]:0\"")).empty());
  EXPECT_TRUE(mistakes_in(in_cluster("endpoints = [\"app.internal:80\"]")).empty());
  EXPECT_TRUE(mistakes_in(in_route("cluster = \"app\"")).empty());
}

TEST(ConfigMistakes, Syntax) {
  struct SyntaxCase {
    std::string text;
    std::string begin;
    std::string end;
  };
  // What is between is the parser's description, which changes with its versions.
  const std::vector<SyntaxCase> cases{
      {"workers = ", "g.toml:1:11: TOML syntax: ", "; write one key = value a line, text in quotes"},
      {"workers = 2\nworkers = 3\n", "g.toml:2:11: TOML syntax: ", "; write each key and each [table] once"},
      {"[memory\nbudget = 1\n",
       "g.toml:1:8: TOML syntax: ", "; write [table], [[table]] or key = { ... }, closed on the same line"},
      {"[log]\naccess = \"off\n",
       "g.toml:2:14: TOML syntax: ", "; put text between quotes that open and close on the same line"},
  };
  for (const SyntaxCase& c : cases) {
    SCOPED_TRACE(c.text);
    const auto mistakes = mistakes_in(c.text);
    ASSERT_EQ(mistakes.size(), 1U);
    EXPECT_TRUE(mistakes[0].starts_with(c.begin) && mistakes[0].ends_with(c.end)) << mistakes[0];
    EXPECT_EQ(mistakes[0].find('\n'), std::string::npos);
  }
}

TEST(ConfigMistakes, UnknownKeys) {
  expect({
      {in_document("worker = 2"), {R"(g.toml:1:1: unknown key "worker"; did you mean "workers"?)"}},
      {in_document("[memroy]\nbudget = \"1MiB\""),
       {R"(g.toml:1:2: unknown key "memroy"; did you mean "memory"?)"}},
      {in_document("[memory]\n  bugdet = \"1MiB\""),
       {R"(g.toml:2:3: unknown key "memory.bugdet"; did you mean "budget"?)"}},
      {in_document("[memory]\ncolour = 1"),
       {R"(g.toml:2:1: unknown key "memory.colour"; the keys here are budget, block_size, blocks, shortage)"}},
      {in_listener("adress = \"127.0.0.1:0\"\n"),
       {R"(g.toml:2:1: unknown key "listener.adress"; did you mean "address"?)"}},
      {in_cluster("endpoint = [\"127.0.0.1:80\"]"),
       {R"(g.toml:3:1: unknown key "cluster.endpoint"; did you mean "endpoints"?)"}},
      {in_cluster("tls = { CA = \"x\" }\nendpoints = [\"a:80\"]"),
       {R"(g.toml:3:9: unknown key "cluster.tls.CA"; did you mean "ca"?)"}},
      {in_route("cluster = \"app\"\npaths = \"/\""),
       {R"(g.toml:3:1: unknown key "route.paths"; did you mean "path"?)"}},
  });
}

TEST(ConfigMistakes, AMisspeltKeyIsOneMistakeEvenWhereItIsNeeded) {
  expect({
      {join({"[[listner]]\naddress = \"127.0.0.1:0\"\n", kCluster, kRoute}),
       {R"(g.toml:1:3: unknown key "listner"; did you mean "listener"?)"}},
      {join({"[[clusters]]\nname = \"app\"\n", kListener, kRoute}),
       {R"(g.toml:1:3: unknown key "clusters"; did you mean "cluster"?)"}},
      {in_cluster("protocl = \"demo\""),
       {R"(g.toml:3:1: unknown key "cluster.protocl"; did you mean "protocol"?)"}},
      {in_route("cluster = \"app\"\nwebsocket = \"yes\""),
       {R"(g.toml:3:13: route.websocket is a string; it must be true or false, without quotes)"}},
      {in_document("[timeouts]\ntunnel_idle = \"5 minutes\""),
       {R"(g.toml:2:15: timeouts.tunnel_idle is "5 minutes", which is no duration; write a whole number with ms, s, m or h, like "10s")"}},
      {in_route("clutser = \"app\""),
       {R"(g.toml:2:1: unknown key "route.clutser"; did you mean "cluster"?)"}},
  });
}

TEST(ConfigMistakes, WrongTypes) {
  expect({
      {in_document("workers = \"2\""),
       {R"(g.toml:1:11: workers is a string; it must be an integer from 1 to 256)"}},
      {in_document("workers = 2.5"),
       {R"(g.toml:1:11: workers is a float; it must be an integer from 1 to 256)"}},
      {in_document("memory = 3"),
       {R"(g.toml:1:10: memory is an integer; it must be a table, like [memory] or memory = { ... })"}},
      {in_document("[memory]\nbudget = true"),
       {R"(g.toml:2:10: memory.budget is a boolean; it must be a size like "16KiB", from "1MiB" to "1024GiB")"}},
      {in_document("[timeouts]\nconnect = 3"),
       {R"(g.toml:2:11: timeouts.connect is an integer; it must be a duration in quotes, like "500ms", "10s", "2m" or "1h")"}},
      {in_document("[log]\nlevel = 2020-01-01"),
       {R"(g.toml:2:9: log.level is a date or time; it must be "debug", "info", "warning" or "error")"}},
      {in_listener("address = 8443"),
       {R"(g.toml:2:11: listener.address is an integer; it must be a string in quotes)"}},
      {in_listener("address = \"127.0.0.1:0\"\ntls = \"a.crt\""),
       {R"(g.toml:3:7: listener.tls is a string; it must be a table, like [listener.tls] or tls = { ... })"}},
      {in_cluster("endpoints = \"127.0.0.1:80\""),
       {R"(g.toml:3:13: cluster.endpoints is a string; it must be an array of strings, like ["a", "b"])"}},
      {in_cluster("endpoints = [\"127.0.0.1:80\", 81]"),
       {R"(g.toml:3:30: cluster.endpoints holds an integer; it must be an array of strings, like ["a", "b"])"}},
      {in_cluster("endpoints = [\"a:80\"]\ntls = { verify = \"no\" }"),
       {R"(g.toml:4:18: cluster.tls.verify is a string; it must be true or false, without quotes)"}},
      {join({"listener = { address = \"127.0.0.1:0\" }\n", kCluster, kRoute}),
       {R"(g.toml:1:12: listener is a table; it must be tables, each under a line [[listener]])"}},
      {join({"route = [1]\n", kListener}),
       {R"(g.toml:1:10: route holds an integer; it must be tables, each under a line [[route]])"}},
  });
}

TEST(ConfigMistakes, Bounds) {
  expect({
      {in_document("workers = 0"), {R"(g.toml:1:11: workers is 0; it must be from 1 to 256)"}},
      {in_document("workers = 257"), {R"(g.toml:1:11: workers is 257; it must be from 1 to 256)"}},
      {in_document("busy_poll = \"50us\""),
       {R"(g.toml:1:13: busy_poll is "50us", which is no duration; write a whole number with ms, s, m or h, like "10s")"}},
      {in_document("busy_poll = \"25h\""),
       {R"(g.toml:1:13: busy_poll is "25h"; it must be from "1ms" to "24h", or "0s" for never)"}},
      {in_document("[memory]\nbudget = \"1000KiB\""),
       {R"(g.toml:2:10: memory.budget is "1000KiB"; it must be from "1MiB" to "1024GiB")"}},
      {in_document("[memory]\nbudget = -1"),
       {R"(g.toml:2:10: memory.budget is -1; it must be from "1MiB" to "1024GiB")"}},
      {in_document("[memory]\nblock_size = \"2MiB\""),
       {R"(g.toml:2:14: memory.block_size is "2MiB"; it must be from "4KiB" to "1MiB")"}},
      {in_document("[memory]\nshortage = \"sometimes\""),
       {R"(g.toml:2:12: memory.shortage is "sometimes"; it must be "none", "every 3" or "random 0.33 seed 7")"}},
      {in_document("[memory]\nblock_size = 5000"),
       {R"(g.toml:2:14: memory.block_size is 5000B; it must be a multiple of 1KiB, like "4KiB")"}},
      {in_document("[memory]\nblocks = 0"),
       {R"(g.toml:2:10: memory.blocks is 0; it must be from 1 to 268435456)"}},
      {in_listener("address = \"127.0.0.1:0\"\nmax_concurrent_streams = 0"),
       {R"(g.toml:3:26: listener.max_concurrent_streams is 0; it must be from 1 to 10000)"}},
      {in_cluster("endpoints = [\"a:80\"]\nmax_connections = 10001"),
       {R"(g.toml:4:19: cluster.max_connections is 10001; it must be from 1 to 10000)"}},
      {in_document("[limits]\ncontinuations = 0"),
       {R"(g.toml:2:17: limits.continuations is 0; it must be from 1 to 1000)"}},
      {in_document("[limits]\nmax_header_bytes = \"2MiB\""),
       {R"(g.toml:2:20: limits.max_header_bytes is "2MiB"; it must be from "1KiB" to "1MiB")"}},
      {in_document("[timeouts]\nconnect = \"0s\""),
       {R"(g.toml:2:11: timeouts.connect is "0s"; it must be from "1ms" to "24h")"}},
      {in_document("[timeouts]\nstall = \"25h\""),
       {R"(g.toml:2:9: timeouts.stall is "25h"; it must be from "1ms" to "24h", or "0s" for never)"}},
  });
}

TEST(ConfigMistakes, Units) {
  expect({
      {in_document("[memory]\nbudget = \"256MB\""),
       {R"(g.toml:2:10: memory.budget is "256MB", which is no size; write a number with B, KiB, MiB or GiB, like "16KiB", from "1MiB" to "1024GiB")"}},
      {in_document("[memory]\nblock_size = \"16k\""),
       {R"(g.toml:2:14: memory.block_size is "16k", which is no size; write a number with B, KiB, MiB or GiB, like "16KiB", from "4KiB" to "1MiB")"}},
      {in_document("[timeouts]\nconnect = \"3\""),
       {R"(g.toml:2:11: timeouts.connect is "3", which is no duration; write a whole number with ms, s, m or h, like "10s")"}},
      {in_document("[timeouts]\nstream_idle = \"1 minute\""),
       {R"(g.toml:2:15: timeouts.stream_idle is "1 minute", which is no duration; write a whole number with ms, s, m or h, like "10s")"}},
  });
}

TEST(ConfigMistakes, TheBudgetIsTooSmallForTheBlocks) {
  expect({
      {in_document("[memory]\nbudget = \"16MiB\"\nblock_size = \"64KiB\"\nblocks = 4096"),
       {R"(g.toml:4:10: memory.blocks is 4096, but 4096 blocks of 64KiB need 256MiB and memory.budget is 16MiB, of which 256KiB are for everything else: the budget is too small for the blocks; at most 252 would fit)"}},
      {in_document("[memory]\nblocks = 16385"),
       {R"(g.toml:2:10: memory.blocks is 16385, but 16385 blocks of 16KiB need 262160KiB and memory.budget is 256MiB, of which 256KiB are for everything else: the budget is too small for the blocks; at most 16368 would fit)"}},
      {in_document("[memory]\nbudget = \"1MiB\"\nblock_size = \"1MiB\""),
       {R"(g.toml:3:14: memory.block_size is 1MiB, but memory.budget is 1MiB, of which 256KiB are for everything else: not one block fits)"}},
      {in_document("[memory]\nbudget = \"16MB\"\nblocks = 100000000"),
       {R"(g.toml:2:10: memory.budget is "16MB", which is no size; write a number with B, KiB, MiB or GiB, like "16KiB", from "1MiB" to "1024GiB")"}},
  });
  EXPECT_TRUE(mistakes_in(in_document("[memory]\nblocks = 16368")).empty());
}

TEST(ConfigMistakes, ProxyProtocol) {
  const std::string address = "address = \"[::1]:0\"\n";
  const std::string endpoints = "endpoints = [\"a:80\"]\n";
  EXPECT_TRUE(mistakes_in(in_listener(address + "proxy_protocol = true\ntrusted = [\"::/0\", \"10.0.0.0/8\"]")).empty());
  EXPECT_TRUE(mistakes_in(in_listener("address = \"unix:x.sock\"\nproxy_protocol = true")).empty());
  EXPECT_TRUE(mistakes_in(in_listener(address + "trusted = []")).empty());
  EXPECT_TRUE(mistakes_in(in_cluster(endpoints + "proxy_protocol = \"v2\"")).empty());
  EXPECT_TRUE(mistakes_in(in_cluster(endpoints + "proxy_protocol = \"none\"\nprotocol = \"h2\"")).empty());
  expect({
      {in_listener(address + "proxy_protocol = true"),
       {R"(g.toml:3:18: listener.proxy_protocol is true, but nobody is trusted to send a PROXY header; name the proxies in front, like trusted = ["10.0.0.0/8"])"}},
      {in_listener(address + "trusted = [\"::1\"]"),
       {R"(g.toml:3:11: listener.trusted is of no effect without proxy_protocol = true; add that, or leave this out)"}},
      {in_listener(address + "proxy_protocol = true\ntrusted = [\"::1\", \"10.0.0.1/8\"]"),
       {R"(g.toml:4:19: listener.trusted: "10.0.0.1/8" has bits behind its first 8; write the network's own address, or a longer length)"}},
      {in_cluster(endpoints + "proxy_protocol = \"v3\""),
       {R"(g.toml:4:18: cluster.proxy_protocol is "v3"; it must be "none", "v1" or "v2")"}},
      {in_cluster(endpoints + "proxy_protocol = \"v2\"\nprotocol = \"h2\""),
       {R"(g.toml:4:18: cluster.proxy_protocol is "v2", but this cluster has protocol "h2"; a PROXY header goes to cleartext HTTP/1.1 only, on a connection of its own for each request)"}},
      {in_cluster(endpoints + "proxy_protocol = \"v1\"\ntls = {}"),
       {R"(g.toml:4:18: cluster.proxy_protocol is "v1", but this cluster has tls; a PROXY header goes to cleartext HTTP/1.1 only, on a connection of its own for each request)"}},
  });
}

TEST(ConfigMistakes, Choices) {
  expect({
      {in_cluster("protocol = \"http/2\"\nendpoints = [\"a:80\"]"),
       {R"(g.toml:3:12: cluster.protocol is "http/2"; it must be "http/1.1", "h2" or "demo")"}},
      {in_cluster("protocol = \"demmo\""),
       {R"(g.toml:3:12: cluster.protocol is "demmo"; it must be "http/1.1", "h2" or "demo")"}},
      {in_cluster("policy = \"random\"\nendpoints = [\"a:80\"]"),
       {R"(g.toml:3:10: cluster.policy is "random"; it must be "round_robin" or "least_requests")"}},
      {in_document("[log]\nlevel = \"verbose\""),
       {R"(g.toml:2:9: log.level is "verbose"; it must be "debug", "info", "warning" or "error")"}},
  });
}

TEST(ConfigMistakes, Addresses) {
  expect({
      {in_listener("address = \"8443\""),
       {R"(g.toml:2:11: listener.address: "8443" has no host; write it like "127.0.0.1:8443")"}},
      {in_listener("address = \"127.0.0.1:http\""),
       {R"(g.toml:2:11: listener.address: "http" is not a port; a port is a number from 0 to 65535)"}},
      {in_listener("address = \"localhost:8443\""),
       {R"(g.toml:2:11: listener.address is "localhost:8443", but "localhost" is a name; write an IP address, like "127.0.0.1:8443" or "0.0.0.0:8443")"}},
      {in_listener("address = \"::1:8443\""),
       {R"(g.toml:2:11: listener.address: an IPv6 address stands in brackets, like "[::1]:8080", not "::1:8443")"}},
      {in_listener("address = \"\""), {R"(g.toml:2:11: listener.address is empty; give it a value)"}},
      {in_listener("max_concurrent_streams = 10"),
       {R"(g.toml:1:1: listener.address is missing; write address = "127.0.0.1:8443")"}},
      {in_document("[admin]"), {R"(g.toml:1:1: admin.address is missing; write address = "127.0.0.1:8443")"}},
      {in_document("[[listener]]\naddress = \"127.0.0.1:81\"\n[admin]\naddress = \"127.0.0.1:81\""),
       {R"(g.toml:4:11: admin.address "127.0.0.1:81" is taken by the listener on line 2; choose another port)"}},
      {in_document("[[listener]]\naddress = \"[::1]:81\"\n[[listener]]\naddress = \"[::1]:81\""),
       {R"(g.toml:4:11: listener.address "[::1]:81" is taken by the listener on line 2; choose another port)"}},
      {in_cluster("endpoints = [\"127.0.0.1:80\", \"app.internal\"]"),
       {R"(g.toml:3:30: cluster.endpoints: "app.internal" has no port; write it like "app.internal:8080")"}},
      {in_cluster("endpoints = [\"127.0.0.1:0\"]"),
       {R"(g.toml:3:14: cluster.endpoints: "127.0.0.1:0" has port 0; name the port, from 1 to 65535)"}},
      {in_cluster("endpoints = [\"a:80\", \"b:80\", \"a:80\"]"),
       {R"(g.toml:3:30: cluster.endpoints names "a:80" twice; name each endpoint once)"}},
      {in_cluster("endpoints = [\"\"]"),
       {R"(g.toml:3:14: cluster.endpoints holds an empty string; it must be an array of strings, like ["a", "b"])"}},
  });
}

TEST(ConfigMistakes, Clusters) {
  expect({
      {in_cluster("endpoints = []"),
       {R"(g.toml:3:13: cluster.endpoints is empty; name at least one, like ["127.0.0.1:8080"])"}},
      {in_cluster("protocol = \"h2\""),
       {R"(g.toml:1:1: cluster.endpoints is missing; write endpoints = ["127.0.0.1:8080"])"}},
      {in_cluster("protocol = \"demo\"\nendpoints = [\"a:80\"]\ntls = {}\npolicy = \"round_robin\""),
       {R"(g.toml:4:13: cluster.endpoints stands in a cluster of protocol "demo", which has no backends; leave it out, or use "http/1.1" or "h2")",
        R"(g.toml:5:7: cluster.tls stands in a cluster of protocol "demo", which has no backends; leave it out, or use "http/1.1" or "h2")",
        R"(g.toml:6:10: cluster.policy stands in a cluster of protocol "demo", which has no backends; leave it out, or use "http/1.1" or "h2")"}},
      {in_document("[[cluster]]\nname = \"app\"\nprotocol = \"demo\""),
       {R"(g.toml:7:8: cluster.name "app" is taken by the cluster on line 2; choose another name)"}},
      {in_document("[[cluster]]\nname = \"two words\"\nprotocol = \"demo\""),
       {R"(g.toml:2:8: cluster.name is "two words"; it must be up to 64 letters, digits, '-', '_' and '.')"}},
      {in_document("[[cluster]]\nprotocol = \"demo\""),
       {R"(g.toml:1:1: cluster.name is missing; write name = "app")"}},
      {in_cluster("endpoints = [\"a:80\"]\ntls = { server_name = \"https://a\" }"),
       {R"(g.toml:4:23: cluster.tls.server_name is "https://a"; it must be a host name without scheme or port, like "app.internal")"}},
  });
}

TEST(ConfigMistakes, Routes) {
  expect({
      {in_route("cluster = \"ap\""), {R"(g.toml:2:11: route.cluster "ap" is unknown; did you mean "app"?)"}},
      {in_route("cluster = \"backend\""),
       {R"(g.toml:2:11: route.cluster "backend" is unknown; the clusters are app)"}},
      {join({kRoute, kListener}),
       {R"(g.toml:2:11: route.cluster "app" is unknown; add a [[cluster]] of that name)"}},
      {in_route("path = \"/\""),
       {R"(g.toml:1:1: route.cluster is missing; write cluster = "app", the name of a [[cluster]])"}},
      {in_route("cluster = \"app\"\npath = \"api\""),
       {R"(g.toml:3:8: route.path is "api", which does not begin with a slash; write "/api")"}},
      {in_route("cluster = \"app\"\npath = \"/a?b\""),
       {R"(g.toml:3:8: route.path is "/a?b"; a route knows only the path, write "/a")"}},
      {in_route("cluster = \"app\"\nhost = \"example.com:80\""),
       {R"(g.toml:3:8: route.host is "example.com:80"; it must be "*", a name like "example.com" or "*.example.com", or an address like "[::1]", without scheme or port)"}},
      {in_route("cluster = \"app\"\nhost = \"www.*\""),
       {R"(g.toml:3:8: route.host is "www.*"; it must be "*", a name like "example.com" or "*.example.com", or an address like "[::1]", without scheme or port)"}},
      {in_route("cluster = \"app\"\nhost = \"Example.com\"\n[[route]]\ncluster = \"app\"\nhost = "
                "\"example.com.\""),
       {R"(g.toml:4:1: route for host "example.com." and path "/" stands already on line 1; remove one of them)"}},
  });
  EXPECT_TRUE(mistakes_in(in_route("cluster = \"app\"\nhost = \"[::1]\"")).empty());
}

TEST(ConfigMistakes, WhatIsMissing) {
  expect({
      {join({kCluster, kRoute}),
       {R"(g.toml:1:1: listener is missing; write [[listener]] with address = "127.0.0.1:8443")"}},
      {join({"listener = []\n", kCluster, kRoute}),
       {R"(g.toml:1:12: listener is empty; write [[listener]] with address = "127.0.0.1:8443")"}},
      {join({kListener, kCluster}),
       {R"(g.toml:1:1: route is missing; write [[route]] with host = "*", path = "/" and cluster = "app")"}},
      {"",
       {R"(g.toml:1:1: listener is missing; write [[listener]] with address = "127.0.0.1:8443")",
        R"(g.toml:1:1: route is missing; write [[route]] with host = "*", path = "/" and cluster = "app")"}},
  });
}

TEST(ConfigMistakes, Warnings) {
  expect({
      {in_document("[[cluster]]\nname = \"spare\"\nprotocol = \"demo\""),
       {R"(g.toml:2:8: warning: no route leads to cluster "spare"; add a [[route]] with cluster = "spare", or remove the cluster)"}},
      {in_cluster("endpoints = [\"a:80\"]\ntls = { verify = false }"),
       {R"(g.toml:4:18: warning: cluster.tls.verify is false: any certificate is accepted from these endpoints; safer: name their authority with ca = "FILE")"}},
  });
}

TEST(ConfigMistakes, AllAreFoundInTheOrderOfTheFile) {
  expect(
      {{"workers = 0\n[memory]\nbugdet = 1\n[[listener]]\naddress = \"x\"\n[[cluster]]\nname = "
        "\"a\"\nendpoints = []\n"
        "[[route]]\npath = \"x\"\ncluster = \"b\"\n[timeouts]\nstall = \"1\"\n",
        {R"(g.toml:1:11: workers is 0; it must be from 1 to 256)",
         R"(g.toml:3:1: unknown key "memory.bugdet"; did you mean "budget"?)",
         R"(g.toml:5:11: listener.address: "x" has no port; write it like "x:8080")",
         R"(g.toml:8:13: cluster.endpoints is empty; name at least one, like ["127.0.0.1:8080"])",
         R"(g.toml:10:8: route.path is "x", which does not begin with a slash; write "/x")",
         R"(g.toml:11:11: route.cluster "b" is unknown; the clusters are a)",
         R"(g.toml:13:9: timeouts.stall is "1", which is no duration; write a whole number with ms, s, m or h, like "10s")"}}});
}

TEST(ConfigMistakes, ALineBreakInAValueIsNoLineBreakInAMessage) {
  expect({{in_document("[log]\nlevel = \"a\\nb\""),
           {R"(g.toml:2:9: log.level is "a b"; it must be "debug", "info", "warning" or "error")"}}});
}

}  // namespace
}  // namespace gateway
