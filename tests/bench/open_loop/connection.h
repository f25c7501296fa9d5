#pragma once

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tests/bench/open_loop/poll.h"

namespace open_loop {

using Clock = std::chrono::system_clock;  // the log's is since the epoch
using Time = Clock::time_point;

struct Request {
  Time due{};
  int status = 0;
  std::size_t bytes = 0;
  bool over = false;
  Time end{};  // when its last bytes came, whenever they were decoded
};

class Connection;

/// What came over the connections of a load and is not decoded yet.
class Arrivals {
 public:
  /// Whether what comes may wait for decode_next(). If not, as at first, it is decoded at once.
  void defer(bool deferred);
  /// Decodes the oldest at once if there is much, so that the memory and the streams that they hold are few.
  void add(Connection& connection, Time time, std::string_view bytes);
  /// Decodes the oldest, if there is one.
  void decode_next();

 private:
  struct Arrival {
    Connection* connection;
    Time time;
    std::string bytes;
  };
  bool is_much() const;

  bool deferred_ = false;
  std::deque<Arrival> arrivals_;
  std::size_t size_ = 0;  // of their bytes
};

/// One connection with its session. The TLS is between memory and memory: so a request can be encrypted
/// before it is due, and an answer decrypted after its time was taken. A request is to outlive its stream.
class Connection final : Poll::Watched {
 public:
  /// Connects to 127.0.0.1. Tells in `failure` why it has ended.
  Connection(Poll& poll, SSL_CTX* context, std::uint16_t port, Arrivals& arrivals, std::string& failure);
  ~Connection() override;

  /// Makes what ask() is to send, if there is a stream for it. What else there is to send from then on goes
  /// behind it. REQUIRES: it is the next that is asked for, and no other is prepared.
  void prepare(const std::string& path, Request& request);
  /// Sends it, prepared or not.
  void ask(const std::string& path, Request& request);
  /// Takes what came at `arrived`, and answers to it.
  void decode(Time arrived, std::string_view bytes);

 private:
  static nghttp2_session_callbacks* callbacks();
  static Connection& self(void* user_data) { return *static_cast<Connection*>(user_data); }
  /// Null once the stream is closed.
  static Request* request_of(nghttp2_session* session, std::int32_t stream) {
    return static_cast<Request*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  void submit(const std::string& path, Request& request);
  void serve() override;
  void encrypt();
  void write();
  void end(const char* why);

  SSL* const tls_;
  Arrivals& arrivals_;
  std::string& failure_;
  bool ended_ = false;
  nghttp2_session* session_ = nullptr;
  std::size_t streams_ = 0;            // asked for or prepared, and not closed
  const Request* prepared_ = nullptr;  // not asked yet
  std::string held_;                   // its records, and those behind it: TLS fixes their order
  std::string out_;                    // records that the socket did not take yet
  Time arrived_{};                     // of what is decoded
};

}  // namespace open_loop
