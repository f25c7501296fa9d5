// Asks proxies for one thing at a rate, over many connections, whether answers come or not: an open loop
// (peers/load.py runs it). It is also the backend that the proxies ask.
//
// Prints "ready PORT PORT", the ports of its backend: HTTP/1.1, h2c. Then answers each line of its input with
// "done":
//
//   connect PORT PATH SIZE COUNT      opens connections to the proxy that listens there: a load
//   ask LOAD RATE SECONDS SEED LOG    asks over those of a load, the first of which is 0
//
// While it asks it never sleeps. So nobody pays for waking it, and it is not late: what is measured is the
// proxy. To ask over a connection that has ended is an error: all of them are to be there.
#include <unistd.h>

#include <array>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/open_loop/backend.h"
#include "tests/bench/open_loop/load.h"
#include "tests/bench/open_loop/poll.h"

namespace {

using open_loop::Backend;
using open_loop::Load;
using open_loop::Poll;
using open_loop::Protocol;

/// The lines that come on the standard input.
class Commands final : Poll::Watched {
 public:
  explicit Commands(Poll& poll) : Watched(poll, STDIN_FILENO) {}
  /// False once there are no more.
  bool next(Poll& poll, std::string& line) {
    for (;;) {
      const std::size_t end = text_.find('\n');
      if (end != std::string::npos) {
        line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return true;
      }
      if (over_) return false;
      poll.turn(true);
    }
  }

 private:
  void serve() override {
    std::array<char, 4096> bytes;
    const ssize_t size = read(fd(), bytes.data(), bytes.size());
    if (size > 0) text_.append(bytes.data(), static_cast<std::size_t>(size));
    over_ = size <= 0;
  }

  std::string text_;
  bool over_ = false;
};

void obey(const std::string& line, Poll& poll, std::vector<std::unique_ptr<Load>>& loads) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "connect") {
    std::uint16_t port = 0;
    Load::Asked asked;
    std::size_t count = 0;
    if (words >> port >> asked.path >> asked.size >> count) {
      loads.push_back(std::make_unique<Load>(poll, port, asked, count));
      return;
    }
  } else if (command == "ask") {
    std::size_t load = 0;
    double rate = 0;
    double seconds = 0;
    unsigned seed = 0;
    std::string log;
    if (words >> load >> rate >> seconds >> seed >> log) return loads.at(load)->run(rate, seconds, seed, log);
  }
  throw std::runtime_error("not a command: " + line);
}

}  // namespace

int main() {
  try {
    Poll poll;
    const Backend http1(poll, Protocol::http1);
    const Backend h2c(poll, Protocol::h2c);
    Commands commands(poll);
    std::vector<std::unique_ptr<Load>> loads;
    std::cout << "ready " << http1.port() << ' ' << h2c.port() << std::endl;
    for (std::string line; commands.next(poll, line);) {
      obey(line, poll, loads);
      std::cout << "done" << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "open_loop: " << error.what() << '\n';
    return 1;
  }
}
