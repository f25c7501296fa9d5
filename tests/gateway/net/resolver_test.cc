#include "gateway/net/resolver.h"

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

TEST(ResolverTest, ResolvesNowAndSaysWhyNot) {
  const Resolved local = resolve_now({"localhost", 8080, false});
  ASSERT_FALSE(local.addresses.empty()) << local.error;
  EXPECT_EQ(port_of(local.addresses[0]), 8080);

  const Resolved literal = resolve_now({"::1", 81, false});
  ASSERT_EQ(literal.addresses.size(), 1U);
  EXPECT_EQ(literal.addresses[0].text, "[::1]:81");

  // A label of more than 63 bytes is no name (RFC 1035 §2.3.4): refused without asking anybody.
  const std::string no_name(64, 'x');
  const Resolved nothing = resolve_now({no_name, 80, false});
  EXPECT_TRUE(nothing.addresses.empty());
  EXPECT_TRUE(nothing.error.starts_with(no_name + ": ")) << nothing.error;
}

TEST(ResolverTest, AnswersOnTheLoopOfWhoAsked) {
  EventLoop loop;
  Resolver resolver;
  std::vector<Resolved> answers;
  bool inside = true;
  const auto callback = [&](Resolved resolved) {
    inside = inside && loop.in_loop_thread();
    answers.push_back(std::move(resolved));
  };
  const auto name = resolver.resolve({"localhost", 80, false}, loop, callback);
  const auto literal = resolver.resolve({"127.0.0.1", 81, false}, loop, callback);
  EXPECT_TRUE(name.waiting());
  EXPECT_TRUE(literal.waiting());
  EXPECT_TRUE(answers.empty());
  ASSERT_TRUE(run_until(loop, [&] { return answers.size() == 2; }));
  EXPECT_FALSE(name.waiting());
  EXPECT_TRUE(inside);
  EXPECT_FALSE(answers[0].addresses.empty());
  EXPECT_FALSE(answers[1].addresses.empty());
}

TEST(ResolverTest, CancelledIsNotCalled) {
  EventLoop loop;
  Resolver resolver;
  bool last = false;
  {
    auto dropped = resolver.resolve({"localhost", 80, false}, loop, [](Resolved) { ADD_FAILURE(); });
    auto replaced = resolver.resolve({"127.0.0.1", 80, false}, loop, [](Resolved) { ADD_FAILURE(); });
    replaced = resolver.resolve({"127.0.0.2", 80, false}, loop, [](Resolved) { ADD_FAILURE(); });
  }
  Resolver::Ticket ticket = resolver.resolve({"localhost", 80, false}, loop, [&](Resolved) {
    last = true;
    ticket.cancel();  // in its own callback
  });
  EXPECT_TRUE(run_until(loop, [&] { return last; }));
}

TEST(ResolverTest, GoesWithLookUpsWaiting) {
  EventLoop loop;
  std::vector<Resolver::Ticket> tickets;
  {
    Resolver resolver;
    for (int i = 0; i < 50; ++i) {
      tickets.push_back(resolver.resolve({"localhost", 80, false}, loop, [](Resolved) {}));
    }
  }
  tickets.clear();
}

TEST(ResolverTest, IsBounded) {
  EventLoop loop;
  Resolver resolver;
  std::vector<Resolver::Ticket> tickets;
  int answered = 0;
  int refused = 0;
  constexpr int kAsked = 20 * static_cast<int>(Resolver::kMaxWaiting);
  for (int i = 0; i < kAsked; ++i) {
    tickets.push_back(resolver.resolve({"localhost", 80, false}, loop, [&](Resolved resolved) {
      ++answered;
      if (resolved.error.find("too many") != std::string::npos) ++refused;
    }));
  }
  EXPECT_TRUE(run_until(loop, [&] { return answered == kAsked; }));
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace gateway
