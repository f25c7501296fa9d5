#include "gateway/router.h"

#include <gtest/gtest.h>

#include <string>

namespace gateway {
namespace {

struct Route {
  std::string host;
  std::string path;
};

// One cluster a route, so that the index of the cluster names the route.
Router make_router(const std::vector<Route>& routes) {
  std::vector<ClusterConfig> clusters;
  std::vector<RouteConfig> configs;
  for (const Route& route : routes) {
    ClusterConfig cluster;
    cluster.name = "c" + std::to_string(clusters.size());
    configs.push_back({.host = route.host, .path = route.path, .cluster = cluster.name, .place = {}, .cluster_place = {}});
    clusters.push_back(cluster);
  }
  return Router(configs, clusters);
}

constexpr int kNone = -1;

int find(const Router& router, std::string_view authority, std::string_view path = "/") {
  const auto found = router.find(authority, path);
  return found ? static_cast<int>(found->cluster) : kNone;
}

TEST(Router, TakesTheMostSpecificHost) {
  const Router router = make_router({{"*", "/"},
                                     {"*.example.com", "/"},
                                     {"*.b.example.com", "/"},
                                     {"www.example.com", "/"},
                                     {"a.b.example.com", "/"}});
  EXPECT_EQ(find(router, "other.org"), 0);
  EXPECT_EQ(find(router, ""), 0);
  EXPECT_EQ(find(router, "example.com"), 0) << "the star stands for one label at least";
  EXPECT_EQ(find(router, ".example.com"), 0) << "an empty label is none";
  EXPECT_EQ(find(router, "badexample.com"), 0);
  EXPECT_EQ(find(router, "x.example.com"), 1);
  EXPECT_EQ(find(router, "y.x.example.com"), 1) << "or for several";
  EXPECT_EQ(find(router, "b.example.com"), 1);
  EXPECT_EQ(find(router, "x.b.example.com"), 2) << "the longest suffix first";
  EXPECT_EQ(find(router, "y.x.b.example.com"), 2);
  EXPECT_EQ(find(router, "www.example.com"), 3);
  EXPECT_EQ(find(router, "a.b.example.com"), 4);
}

TEST(Router, ComparesHostsWithoutCasePortAndTrailingDot) {
  const Router router =
      make_router({{"WWW.Example.com", "/"}, {"*.Suffix.ORG", "/"}, {"[::1]", "/"}, {"dot.net.", "/"}});
  for (const auto* host :
       {"www.example.com", "WWW.EXAMPLE.COM:8443", "www.example.com.", "www.example.com.:80"}) {
    EXPECT_EQ(find(router, host), 0) << host;
  }
  EXPECT_EQ(find(router, "A.suffix.org:1"), 1);
  EXPECT_EQ(find(router, "a.suffix.org."), 1);
  EXPECT_EQ(find(router, "[::1]"), 2);
  EXPECT_EQ(find(router, "[::1]:8443"), 2);
  EXPECT_EQ(find(router, "dot.net"), 3);
  for (const auto* host :
       {"", ":80", ".", "[", "[::1", "[::2]:8443", "[]", "*", "*.suffix.org.evil", "www.example.comx"}) {
    EXPECT_EQ(find(router, host), kNone) << '"' << host << '"';
  }
}

TEST(Router, TakesTheLongestPathOnSegmentBorders) {
  const Router router =
      make_router({{"*", "/"}, {"*", "/a"}, {"*", "/a/b"}, {"*", "/dir/"}, {"*", "/a/b/c/d"}});
  EXPECT_EQ(find(router, "h", "/"), 0);
  EXPECT_EQ(find(router, "h", "/ab"), 0);
  EXPECT_EQ(find(router, "h", "/A"), 0) << "paths have letter case";
  EXPECT_EQ(find(router, "h", "/a"), 1);
  EXPECT_EQ(find(router, "h", "/a/"), 1);
  EXPECT_EQ(find(router, "h", "/a?x"), 1);
  EXPECT_EQ(find(router, "h", "/a?x=/a/b"), 1) << "a query is no path";
  EXPECT_EQ(find(router, "h", "/a/bc"), 1);
  EXPECT_EQ(find(router, "h", "/a/b"), 2);
  EXPECT_EQ(find(router, "h", "/a/b/"), 2);
  EXPECT_EQ(find(router, "h", "/a/b/c"), 2);
  EXPECT_EQ(find(router, "h", "/a/b?"), 2);
  EXPECT_EQ(find(router, "h", "/dir"), 0);
  EXPECT_EQ(find(router, "h", "/dir/"), 3);
  EXPECT_EQ(find(router, "h", "/dir/x"), 3);
  EXPECT_EQ(find(router, "h", "/a/b/c/d/e"), 4);
  EXPECT_EQ(find(router, "h", "*"), 0) << "OPTIONS *";
}

TEST(Router, AHostWithRoutesHidesTheOthers) {
  const Router router = make_router({{"*", "/"}, {"*.example.com", "/x"}, {"www.example.com", "/y"}});
  EXPECT_EQ(find(router, "www.example.com", "/y"), 2);
  EXPECT_EQ(find(router, "www.example.com", "/x"), kNone);
  EXPECT_EQ(find(router, "www.example.com", "/"), kNone);
  EXPECT_EQ(find(router, "a.example.com", "/y"), kNone);
}

TEST(Router, FindsNothingWithoutAMatchingRoute) {
  EXPECT_EQ(find(make_router({}), "h"), kNone);
  const Router router = make_router({{"*", "/a"}});
  EXPECT_EQ(find(router, "h", "/"), kNone);
  EXPECT_EQ(find(router, "h", ""), kNone);
  EXPECT_EQ(find(router, "h", "*"), kNone);
}

TEST(Router, ReturnsTheIndexOfTheCluster) {
  std::vector<ClusterConfig> clusters(3);
  clusters[0].name = "a";
  clusters[1].name = "b";
  clusters[2].name = "c";
  const auto to = [](const char* host, const char* path, const char* cluster) {
    return RouteConfig{.host = host, .path = path, .cluster = cluster, .place = {}, .cluster_place = {}};
  };
  const Router router({to("*", "/", "c"), to("*", "/b", "b"), to("h", "/", "c")}, clusters);
  EXPECT_EQ(find(router, "x", "/"), 2);
  EXPECT_EQ(find(router, "x", "/b"), 1);
  EXPECT_EQ(find(router, "h", "/b"), 2);
}

TEST(Router, IsNotImpressedByAHostThatIsAllDots) {
  const Router router = make_router({{"*.example.com", "/"}, {"*", "/"}});
  EXPECT_EQ(find(router, std::string(60'000, '.')), 1);
  EXPECT_EQ(find(router, std::string(1'000, '.') + "example.com"), 1) << "longer than any name";
}

TEST(Router, CanonicalHost) {
  EXPECT_EQ(Router::canonical_host("Example.COM."), "example.com");
  EXPECT_EQ(Router::canonical_host("*.Example.COM"), "*.example.com");
  EXPECT_EQ(Router::canonical_host("[::A]"), "[::a]");
  EXPECT_EQ(Router::canonical_host("*"), "*");
}

}  // namespace
}  // namespace gateway
