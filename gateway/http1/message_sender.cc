#include "gateway/http1/message_sender.h"

#include <cassert>
#include <span>
#include <string>
#include <utility>

namespace gateway {
namespace {

constexpr std::size_t kOutputBytes = 64 * 1024;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

void MessageSender::begin(std::string_view head, const WrittenHead& message, pool::Pipe* body) {
  assert(!under_way_);
  output_.append(as_bytes(head));
  message_ = message;
  left_ = message.content_length;
  under_way_ = true;
  if (message.framing == Framing::none) return;
  body_ = body;
  body->set_consumer(&consumer_);
  body->accept();
}

MessageSender::Progress MessageSender::fill() {
  if (body_ == nullptr) return Progress::at_end;
  while (output_.bytes() < kOutputBytes && body_->readable() > 0) {
    pool::Slice slice = body_->take(kOutputBytes);
    if (message_.framing == Framing::chunked) {
      const ChunkHeader header(static_cast<std::uint32_t>(slice.bytes.size()));
      output_.append(header.bytes(), std::move(slice));
      output_.append(as_bytes(kChunkEnd));
      continue;
    }
    if (message_.framing == Framing::sized) {
      if (slice.bytes.size() > left_) return Progress::too_long;
      left_ -= slice.bytes.size();
    }
    output_.append({}, std::move(slice));
  }
  if (!body_->drained()) return Progress::goes_on;
  return left_ > 0 ? Progress::too_short : Progress::at_end;
}

void MessageSender::finish(const h2::HeaderList* trailers) {
  if (message_.framing == Framing::chunked) {
    std::string last;
    write_last_chunk(trailers, last);
    output_.append(as_bytes(last));
  }
  release();
}

void MessageSender::release() {
  if (body_ != nullptr) std::exchange(body_, nullptr)->set_consumer(nullptr);
  under_way_ = false;
}

}  // namespace gateway
