#pragma once

#include <cstdint>
#include <string_view>

#include "gateway/http1/message_writer.h"
#include "h2/header_list.h"
#include "pool/output.h"
#include "pool/pipe.h"

namespace gateway {

/// The message that goes: its head, then its body from a pipe, as the head frames it, into a connection's
/// output. A block goes as it is, with a chunk's header in its headroom. Confined to its worker's thread.
class MessageSender {
 public:
  /// How far the body has come: more of it is to come, or is queued already; all of it is there; or it breaks
  /// the length that its head told.
  enum class Progress : std::uint8_t { goes_on, at_end, too_long, too_short };

  /// Both outlive it. `consumer` is told when the pipe has bytes.
  MessageSender(pool::Output& output, pool::PipeConsumer& consumer) : output_(output), consumer_(consumer) {}

  /// Queues `head`. `body` is null where there is none (Framing::none). REQUIRES: !under_way().
  void begin(std::string_view head, const WrittenHead& message, pool::Pipe* body);
  /// Queues what the pipe has, as long as less than 64 KiB are queued. REQUIRES: under_way().
  Progress fill();
  /// Queues what stands behind a body, of a chunked one with `trailers` (null: none). REQUIRES: at_end.
  void finish(const h2::HeaderList* trailers);
  /// Lets go of the message and its pipe, wherever it stands.
  void release();

  /// Not all of it is queued.
  bool under_way() const { return under_way_; }
  /// The pipe has bytes that are not queued.
  bool has_more() const { return body_ != nullptr && body_->readable() > 0; }

 private:
  pool::Output& output_;
  pool::PipeConsumer& consumer_;
  pool::Pipe* body_ = nullptr;
  WrittenHead message_;
  std::uint64_t left_ = 0;  // bytes of a sized body that are still to be queued
  bool under_way_ = false;
};

}  // namespace gateway
