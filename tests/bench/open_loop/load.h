#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/open_loop/connection.h"
#include "tests/bench/open_loop/poll.h"

namespace open_loop {

/// Connections to one proxy (TLS 1.3 with AES-128-GCM, h2), and what is asked for over them.
class Load {
 public:
  /// What is asked for: a path, and the bytes that a whole answer has.
  struct Asked {
    std::string path;
    std::size_t size;
  };

  /// Opens `count` connections to 127.0.0.1, one after the other.
  Load(Poll& poll, std::uint16_t port, Asked asked, std::size_t count);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  /// Asks at the moments of a Poisson process of `rate` a second, over the connections in turn, whether
  /// answers come or not, and waits for what is on its way. Never sleeps meanwhile. Throws if a connection
  /// ends, or has ended before, and if an answer does not come.
  ///
  /// Who encrypts or decodes is late for what comes meanwhile, which would be in the p99 of every proxy: so
  /// requests are prepared before they are due, and answers decoded after their time was taken, in moments
  /// in which there is nothing else to do.
  ///
  /// Writes `log` as h2load does: begin in microseconds since the epoch, status, microseconds. A time counts
  /// from the moment at which the request was due, so that one who is late, here or there, is seen in all
  /// that waits behind it. The status of an answer that is not whole, or has another size, is -1.
  void run(double rate, double seconds, unsigned seed, const std::string& log);

 private:
  /// Waits for what is on its way.
  void finish(const std::vector<Request>& requests);
  /// Serves what is ready; false if nothing was.
  bool turn();
  void write_log(const std::vector<Request>& requests, const std::string& log) const;

  Poll& poll_;
  const Asked asked_;
  SSL_CTX* const context_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t next_ = 0;
  Arrivals arrivals_;
  std::string failure_;  // of a connection
};

}  // namespace open_loop
