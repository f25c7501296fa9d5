#include "gateway/net/listener.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/gateway/net/net_fixture.h"

namespace gateway {
namespace {

using testing::HasSubstr;

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    char name[] = "/tmp/listener_test.XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  ~ListenerTest() override { EXPECT_EQ(::rmdir(folder_.c_str()), 0); }

  ListeningSocket open(const Address& where) {
    std::string why;
    auto socket = ListeningSocket::open(where, why);
    EXPECT_TRUE(socket) << why;
    return std::move(*socket);
  }
  Listener::Callbacks callbacks() {
    return {[this](Fd fd, const Address& peer) {
              accepted_.push_back(std::move(fd));
              peers_.push_back(ip_text(peer));
            },
            [this](std::string_view reason) { errors_.emplace_back(reason); }};
  }
  Fd dial(const Address& where) {
    std::string why;
    Fd fd = start_connect(where, why);
    EXPECT_TRUE(fd) << why;
    return fd;
  }
  Address unix_path() const { return address("unix:" + folder_ + "/socket"); }
  bool exists() const {
    struct stat file;
    return ::lstat((folder_ + "/socket").c_str(), &file) == 0;
  }

  EventLoop loop_;
  std::string folder_;
  std::vector<Fd> accepted_;
  std::vector<std::string> peers_;
  std::vector<std::string> errors_;
};

TEST_F(ListenerTest, PortZeroTakesAFreePort) {
  Listener listener(loop_, open(address("127.0.0.1:0")), callbacks());
  EXPECT_NE(port_of(listener.bound_address()), 0);
  const Fd client = dial(listener.bound_address());
  ASSERT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
  EXPECT_EQ(peers_[0], "127.0.0.1");
  EXPECT_TRUE(errors_.empty());
}

TEST_F(ListenerTest, ListensOnIpv6) {
  std::string why;
  auto socket = ListeningSocket::open(address("[::1]:0"), why);
  if (!socket) GTEST_SKIP() << why;
  Listener listener(loop_, std::move(*socket), callbacks());
  const Fd client = dial(listener.bound_address());
  ASSERT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
  EXPECT_EQ(peers_[0], "::1");
}

TEST_F(ListenerTest, WorkersShareAPort) {
  std::string why;
  const ListeningSocket first = open(address("127.0.0.1:0"));
  const auto second = first.another(why);
  ASSERT_TRUE(second) << why;
  EXPECT_EQ(second->bound_address().text, first.bound_address().text);
  EXPECT_NE(second->fd(), first.fd());
}

TEST_F(ListenerTest, SaysThatAnAddressIsInUse) {
  const Fd other = make_stream_socket(AF_INET);  // a program that does not share its ports
  const Address any = address("127.0.0.1:0");
  ASSERT_EQ(::bind(other.get(), any.raw(), any.length), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const Address taken = local_address(other.get());
  std::string why;
  EXPECT_FALSE(ListeningSocket::open(taken, why));
  EXPECT_EQ(why, "address " + taken.text + " is in use by another program");
}

TEST_F(ListenerTest, ProbeSeesWhoSharesItsPorts) {
  std::string why;
  std::optional<ListeningSocket> other = open(address("127.0.0.1:0"));
  const Address taken = other->bound_address();
  EXPECT_FALSE(probe_free(taken, why));
  EXPECT_EQ(why, "address " + taken.text + " is in use by another program");
  other.reset();
  EXPECT_TRUE(probe_free(taken, why));
  EXPECT_TRUE(probe_free(address("127.0.0.1:0"), why));
}

TEST_F(ListenerTest, SaysThatAnAddressIsNotOurs) {
  std::string why;
  EXPECT_FALSE(ListeningSocket::open(address("192.0.2.1:80"), why));
  EXPECT_EQ(why, "address 192.0.2.1:80 does not belong to this machine");
}

TEST_F(ListenerTest, UnixSocketIsMadeSharedAndRemoved) {
  {
    Listener listener(loop_, open(unix_path()), callbacks());
    EXPECT_TRUE(exists());
    const Fd client = dial(unix_path());
    ASSERT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
    EXPECT_EQ(peers_[0], "unix");

    std::string why;
    EXPECT_FALSE(probe_free(unix_path(), why));
    EXPECT_FALSE(ListeningSocket::open(unix_path(), why));
    EXPECT_THAT(why, HasSubstr("is in use by another program"));
  }
  EXPECT_FALSE(exists());
}

TEST_F(ListenerTest, WorkersShareAUnixSocket) {
  std::string why;
  ListeningSocket first = open(unix_path());
  auto second = first.another(why);
  ASSERT_TRUE(second) << why;
  Listener listener(loop_, std::move(*second), callbacks());
  const Fd client = dial(unix_path());
  EXPECT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
}

TEST_F(ListenerTest, ReplacesASocketFileThatNobodyAnswersOn) {
  {
    const Fd dead = make_stream_socket(AF_UNIX);
    const Address path = unix_path();
    ASSERT_EQ(::bind(dead.get(), path.raw(), path.length), 0);
  }
  ASSERT_TRUE(exists());
  const ListeningSocket socket = open(unix_path());
  const Fd client = dial(unix_path());
}

TEST_F(ListenerTest, LeavesAFileThatIsNoSocket) {
  std::ofstream(folder_ + "/socket") << "precious";
  std::string why;
  EXPECT_FALSE(ListeningSocket::open(unix_path(), why));
  EXPECT_THAT(why, HasSubstr("is no socket"));
  EXPECT_TRUE(exists());
  ::unlink((folder_ + "/socket").c_str());
}

TEST_F(ListenerTest, PauseLeavesConnectionsInTheQueue) {
  Listener listener(loop_, open(address("127.0.0.1:0")), callbacks());
  listener.pause();
  const Fd client = dial(listener.bound_address());
  run_for(loop_, 10ms);
  EXPECT_TRUE(accepted_.empty());
  listener.resume();
  EXPECT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
}

TEST_F(ListenerTest, StopAcceptsWhatIsInTheQueueThenCloses) {
  Listener listener(loop_, open(address("127.0.0.1:0")), callbacks());
  std::vector<Fd> clients;
  for (int i = 0; i < 2 * Listener::kBatch; ++i) clients.push_back(dial(listener.bound_address()));
  listener.stop();
  EXPECT_EQ(accepted_.size(), clients.size());
  std::string why;
  EXPECT_TRUE(probe_free(listener.bound_address(), why)) << why;
}

TEST_F(ListenerTest, MayStopOrDieInItsCallback) {
  for (const bool dies : {false, true}) {
    std::optional<Listener> listener;
    int accepted = 0;
    listener.emplace(loop_, open(address("127.0.0.1:0")),
                     Listener::Callbacks{[&](Fd, const Address&) {
                                           if (++accepted > 1) return;
                                           dies ? listener.reset() : listener->stop();
                                         },
                                         nullptr});
    const Fd first = dial(listener->bound_address());
    const Fd second = dial(listener->bound_address());
    EXPECT_TRUE(run_until(loop_, [&] { return accepted == (dies ? 1 : 2); }));
  }
}

TEST_F(ListenerTest, RestsWhenDescriptorsRunOut) {
  Listener listener(loop_, open(address("127.0.0.1:0")), callbacks());
  const Fd client = dial(listener.bound_address());
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  run_for(loop_, 1ms);  // libev opens its own descriptors in its first turn
  accepted_.clear();
  const Fd waiting = dial(listener.bound_address());
  const Fd lowest_free(::dup(client.get()));
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int turns = 0;
  loop_.set_turn_end([&] { return ++turns, false; });
  run_for(loop_, 50ms);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_THAT(errors_[0], HasSubstr("too many open files"));
  EXPECT_TRUE(accepted_.empty());
  EXPECT_LT(turns, 20);
  EXPECT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
}

}  // namespace
}  // namespace gateway
