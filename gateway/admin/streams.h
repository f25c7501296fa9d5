#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/backend.h"
#include "gateway/net/event_loop.h"

namespace gateway {

class TurnEnd;

/// One client's stream at a moment: what it holds and why it does not go on. Copied, so that it may cross
/// threads.
struct StreamInfo {
  struct Side {                // one direction of its body
    std::size_t blocks = 0;    // of the pool, in its pipe
    std::size_t bytes = 0;     // in the pipe, not taken yet
    std::size_t promised = 0;  // the peer may send them and has not
    std::string pause;         // reasons joined by "+", see README.md; "none"
    Duration paused{};         // how long
  };
  std::string connection;  // "0-17": the 17th of worker 0
  std::string client;      // its address
  std::int32_t stream = 0;
  std::string cluster;
  std::string endpoint;
  std::string method;
  std::string path;  // its first 64 bytes
  std::string_view state;
  Side request;
  Side response;
  Duration age{};
  std::size_t connection_blocks = 0;  // queued for the connection's socket, of all of its streams
  std::size_t connection_bytes = 0;

  std::size_t blocks() const { return request.blocks + response.blocks; }
  std::size_t bytes() const { return request.bytes + request.promised + response.bytes + response.promised; }
};
/// The order of the page: who holds most comes first; of equals, the older.
bool holds_more(const StreamInfo& a, const StreamInfo& b);

/// What one worker told.
struct StreamSample {
  std::size_t worker = 0;
  std::size_t streams = 0;          // live ones in all
  std::vector<StreamInfo> largest;  // in order
};

/// Asks the workers for their streams.
class StreamCollector {
 public:
  using Answer = std::function<void(StreamSample)>;
  /// Each worker calls `answer` once, on its own thread, with at most `limit` streams; a worker that is stuck
  /// does so late, one that ends never. Returns how many were asked. Any worker's thread.
  virtual std::size_t collect(std::size_t limit, Answer answer) = 0;

 protected:
  ~StreamCollector() = default;
};

/// The page /streams, JSON: the live streams of all workers by the memory that they hold, the largest `limit`
/// of them (?limit=N, 100 unless said, at most 1000). It answers when every worker did, or after half a
/// second with what there is. `loop` is the one of the worker that answers.
std::unique_ptr<Backend> make_streams_applet(TurnEnd& turn_end, EventLoop& loop, StreamCollector& collector);

}  // namespace gateway
