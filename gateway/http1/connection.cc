#include "gateway/http1/connection.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "gateway/worker_parts.h"

namespace gateway {
namespace {

constexpr std::size_t kHeadBytes = 4 * 1024;  // read at once where there is no pipe
constexpr int kReadsATurn = 8;
constexpr std::size_t kBlocksARead = 4;

}  // namespace

Http1Connection::Http1Connection(const WorkerParts& worker, std::unique_ptr<Transport> transport,
                                 CodecRole role, const CodecLimits& limits, Duration stall, Owner& owner)
    : worker_(worker),
      role_(role),
      owner_(owner),
      transport_(std::move(transport)),
      codec_(role, *this, limits, transport_->secure() ? "https" : "http"),
      stall_(worker.loop, worker.pool.pool(), worker.admission, output_, stall,
             [this](Eviction kind, std::string_view reason) { on_stall(kind, reason); }) {
  transport_->set_events(this);
}

void Http1Connection::expect(std::string_view method) {
  codec_.begin(method);
  transport_->want_read(true);
  if (!held_.empty()) worker_.turn_end.schedule(*this);
}

void Http1Connection::receive(pool::Pipe* body) {
  if (incoming_ != nullptr) incoming_->set_producer(nullptr);
  incoming_ = body;
  if (body != nullptr) body->set_producer(this);
}

void Http1Connection::send(std::string_view head, const WrittenHead& message, pool::Pipe* body) {
  sender_.begin(head, message, body);
  write_soon();
  // A request that is whole leaves now: its backend works on it while what came beside it is decoded. How that went
  // is for flush() to see, which offers what is left, at the turn's end.
  if (!is_client() && message.framing == Framing::none && !is_blocked_) transport_->write(output_);
}

void Http1Connection::begin_tunnel(pool::Pipe& body) {
  codec_.begin_tunnel();
  receive(&body);
  on_room();
}

void Http1Connection::send(std::string_view bytes) {
  output_.append(std::as_bytes(std::span(bytes)));
  write_soon();
}

void Http1Connection::release() {
  receive(nullptr);
  sender_.release();
}

void Http1Connection::end_sending() {
  sending_ends_ = true;
  worker_.turn_end.schedule(*this);
}

void Http1Connection::finish() {
  finishing_ = true;
  held_ = {};
  transport_->want_read(true);
  end_sending();
}

void Http1Connection::end() {
  if (ended_) return;
  ended_ = true;
  release();
  stall_.clear();
  output_.clear();
}

void Http1Connection::break_off() {
  if (!ended_) transport_->break_off();
  end();
}

// ---- The transport ----

void Http1Connection::on_open() {
  owner_.on_connection_open();
}

void Http1Connection::on_open_failed(std::string_view reason) {
  owner_.on_connection_failed(reason);
}

void Http1Connection::on_writable() {
  is_blocked_ = false;
  write_soon();
}

void Http1Connection::on_readable() {
  if (finishing_) return discard();
  for (int i = 0; i < kReadsATurn && !ended_; ++i) {
    if (!read_some()) return;
  }
  if (!ended_ && !held_.empty()) worker_.turn_end.schedule(*this);
}

// ---- What comes ----

bool Http1Connection::has_pipe() const {
  return incoming_ != nullptr && !incoming_->closed() && !codec_.idle();
}

// Where the next bytes are to be read; how many of `spaces` it set. None: nowhere, on_room comes.
std::size_t Http1Connection::place(std::span<pool::Space> spaces) {
  if (!has_pipe()) {
    spaces[0].bytes = worker_.scratch.first(kHeadBytes);
    return 1;
  }
  // A block that another worker released in between comes with invite(), and then no on_room follows.
  if (incoming_->writable().empty() && incoming_->invite() == 0) return 0;
  if (!is_client()) return incoming_->spaces(spaces);
  // What comes behind a request is the next one, and to be held.
  const std::size_t count = incoming_->spaces(spaces.first(1));
  spaces[0].bytes = spaces[0].bytes.first(std::min(spaces[0].bytes.size(), kAhead));
  return count;
}

// Returns whether there may be more to read now.
bool Http1Connection::read_some() {
  if (!held_.empty()) return feed_held();
  // Who takes the body may be gone by what the codec tells; its bytes must not be: these keep their blocks.
  std::array<pool::Space, kBlocksARead> spaces;
  const std::size_t count = place(spaces);
  if (count == 0) {
    transport_->want_read(false);
    return false;
  }
  std::size_t offered = 0;
  for (std::size_t i = 0; i < count; ++i) offered += spaces[i].bytes.size();
  const Transport::Result result = count == 1 ? transport_->read(spaces[0].bytes)
                                              : transport_->read_scattered(std::span(spaces).first(count));
  worker_.loop.count_read(result.bytes);
  std::size_t fed = 0;
  for (std::size_t i = 0; fed < result.bytes; ++i) {
    const std::span<std::byte> space = spaces[i].bytes;
    const std::size_t n = std::min(space.size(), result.bytes - fed);
    fed += n;
    if (!take(space.first(n), n, fed < result.bytes)) return false;
  }
  if (fed < offered && has_pipe()) incoming_->rest();
  if (result.status == Transport::Status::closed || result.status == Transport::Status::failed) {
    end_of_input(result.status);
    return false;
  }
  return (fed == offered && !worker_.loop.has_portion()) || !held_.empty();
}

bool Http1Connection::feed_held() {
  std::array<pool::Space, 1> spaces;
  if (codec_.idle() || place(spaces) == 0) {
    transport_->want_read(false);
    return false;
  }
  const std::vector<std::byte> bytes = std::exchange(held_, {});
  return take(bytes, spaces[0].bytes.size(), false);
}

void Http1Connection::hold(std::span<const std::byte> bytes) {
  held_.assign(bytes.begin(), bytes.end());
}

// Feeds at most `room` of the bytes; what a client sent and nobody takes yet is held. Returns whether the
// message goes on. `more`: of it was read, and follows.
bool Http1Connection::take(std::span<const std::byte> bytes, std::size_t room, bool more) {
  if (is_client() && codec_.idle()) {  // the next request, before this one is answered
    hold(bytes);
    transport_->want_read(false);
    return false;
  }
  const Http1Codec::Result result = codec_.feed(bytes.first(std::min(room, bytes.size())));
  if (ended_) return false;
  if (!result.error.empty()) {
    malformed_ = true;
    transport_->want_read(false);
    owner_.on_broken(result.status, std::string(result.error));
    return false;
  }
  if (is_client()) hold(bytes.subspan(result.consumed));
  if (std::exchange(received_, false)) {
    // What was read behind a response nobody asked for.
    owner_.on_received(keep_alive_ && !more);
    return false;
  }
  // Once a message: until something is sent the kernel goes on to acknowledge by itself.
  if (!more && std::exchange(owes_acknowledgement_, false)) transport_->acknowledge();
  owner_.on_read();
  return !ended_ && !finishing_;
}

void Http1Connection::end_of_input(Transport::Status status) {
  if (status == Transport::Status::failed) return owner_.on_broken(0, transport_->error());
  const std::string error(codec_.end_of_input().error);
  if (ended_) return;
  if (std::exchange(received_, false)) return owner_.on_received(false);
  owner_.on_broken(0, error);
}

void Http1Connection::on_head(h2::HeaderList&& head, bool has_body) {
  owes_acknowledgement_ = true;
  if (is_client() && has_body) codec_.stop();  // it has no place yet
  owner_.on_head(std::move(head), has_body);
}

void Http1Connection::on_interim(h2::HeaderList&& head) {
  owes_acknowledgement_ = true;
  owner_.on_interim(std::move(head));
}

void Http1Connection::on_body(std::span<const std::byte> bytes) {
  if (incoming_ != nullptr) incoming_->keep(bytes);
}

void Http1Connection::on_complete(bool keep_alive) {
  received_ = true;
  owes_acknowledgement_ = false;
  keep_alive_ = keep_alive;
}

void Http1Connection::on_room() {
  if (ended_ || malformed_) return;
  transport_->want_read(true);
  if (!held_.empty()) worker_.turn_end.schedule(*this);
}

// A socket that is closed with unread bytes in it is reset, and the peer may lose the end of our answer.
void Http1Connection::discard() {
  for (int i = 0; i < kReadsATurn; ++i) {
    const Transport::Result result = transport_->read(worker_.scratch);
    if (result.status == Transport::Status::again) return;
    if (result.status != Transport::Status::ok) return owner_.on_broken(0, "");
  }
}

// ---- What goes ----

void Http1Connection::write_soon() {
  if (!ended_ && !is_blocked_ && !write_failed_) worker_.turn_end.schedule(*this);
}

void Http1Connection::at_turn_end() {
  if (!ended_ && !finishing_ && !malformed_ && !held_.empty()) on_readable();
  if (!ended_ && sender_.under_way()) pump();
  if (!ended_) flush();
}

void Http1Connection::on_stall(Eviction kind, std::string_view reason) {
  worker_.stats.count_eviction(kind);
  write_failed_ = true;
  owner_.on_stuck(reason);
}

void Http1Connection::pump() {
  switch (sender_.fill()) {
    case MessageSender::Progress::goes_on:
      return;
    case MessageSender::Progress::too_long:
      return owner_.on_unsendable("body longer than its content-length");
    case MessageSender::Progress::too_short:
      return owner_.on_unsendable("body shorter than its content-length");
    case MessageSender::Progress::at_end:
      sender_.finish(owner_.trailers());
      return owner_.on_sent();
  }
}

void Http1Connection::flush() {
  if (is_blocked_ || write_failed_) return;
  const std::size_t before = output_.bytes();
  const Transport::Status status = before == 0 ? Transport::Status::ok : transport_->write(output_).status;
  switch (status) {
    case Transport::Status::ok:
      stall_.clear();
      if (sender_.has_more()) write_soon();
      if (sending_ends_) transport_->shutdown();
      return owner_.on_written();
    case Transport::Status::again:
      stall_.blocked(before - output_.bytes());
      is_blocked_ = true;
      return;
    case Transport::Status::closed:
    case Transport::Status::failed:
      write_failed_ = true;
      output_.clear();
      stall_.clear();
      return owner_.on_write_failed();
  }
}

}  // namespace gateway
