#include "pool/pipe.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <functional>

#include "pool/local_pool.h"

namespace pool {
namespace {

// By how much a pipe grows at once. Each step of an upload takes a round trip: 1 MiB over one of 50 ms comes at 27 Mb/s, with
// 2 at 16, with 8 at 38; but what one takes at once, others cannot have.
constexpr std::size_t kGrowth = 4;

bool contains(std::span<const std::byte> all, std::span<const std::byte> part) {
  const std::less_equal<const std::byte*> before;
  return before(all.data(), part.data()) && before(part.data() + part.size(), all.data() + all.size());
}

}  // namespace

Pipe::Pipe(LocalPool& local, TurnGroup& group, const Terms& terms)
    : local_(local), group_(group), terms_(terms), subscription_(local, group, *this), doorbell_left_(terms.doorbell) {
  assert(terms.max_blocks >= 1);
}

Pipe::~Pipe() {
  for (const BlockRef& block : chunks_) forget(*block);
}

// ---- Chunks ----

std::size_t Pipe::space() const {
  std::size_t bytes = doorbell_left_;
  for (std::size_t i = write_; i < chunks_.size(); ++i) bytes += chunks_[i]->space().size();
  return bytes;
}

void Pipe::add(BlockRef block) {
  const bool is_block = !block->is_doorbell();
  chunks_.push_back(std::move(block));
  if (!is_block) return;
  local_.holdings().add(Holdings::State::promised, terms_.direction);
  if (++blocks_ == 1 && watcher_ != nullptr) watcher_->on_holding();
}

// `block` leaves the pipe; its last bytes may still be on their way. The doorbell of a pipe whose producer makes promises rings
// again once its bytes are gone: else two such pipes in series, each with its blocks promised to bytes that the other has no
// place for, would wait for each other (README.md).
void Pipe::forget(const Block& block) {
  if (block.is_doorbell()) {
    if (rings_again()) doorbell_left_ = terms_.doorbell;
    return;
  }
  --blocks_;
  local_.holdings().sub(block.empty() ? Holdings::State::promised : Holdings::State::filled, terms_.direction);
}

void Pipe::count_move(const Block& block, Holdings::State from, Holdings::State to) {
  if (block.is_doorbell()) return;
  local_.holdings().sub(from, terms_.direction);
  local_.holdings().add(to, terms_.direction);
}

void Pipe::drop_first() {
  forget(*chunks_.front());
  chunks_.erase(chunks_.begin());
  if (write_ > 0) --write_;
}

void Pipe::drop_all() {
  if (readable_ > 0 && watcher_ != nullptr) watcher_->on_progress(0, false);
  for (const BlockRef& block : chunks_) forget(*block);
  chunks_.clear();
  write_ = readable_ = promised_ = 0;
}

// Gives up what neither holds bytes nor backs a promise, so that no idle pipe keeps what others need.
void Pipe::drop_unneeded() {
  while (!chunks_.empty() && chunks_.back()->empty()) {
    Block& last = *chunks_.back();
    const std::size_t renewed = last.is_doorbell() && rings_again() ? terms_.doorbell : 0;
    if (space() - last.space().size() + renewed < promised_) return;
    forget(last);
    chunks_.pop_back();
    write_ = std::min(write_, chunks_.size());
  }
}

// One block while others wait. kGrowth times as many each time that a producer has used as much as its share while
// the consumer kept pace.
bool Pipe::may_grow() const {
  return blocks_ == 0 || (blocks_ < target_ && !local_.pool().under_pressure());
}

// Takes another block if the pipe may have one and there is one.
bool Pipe::grow() {
  if (!may_grow()) return false;
  BlockRef block = local_.try_acquire(terms_.direction, &group_);
  if (!block) return false;
  cancel_wait();
  add(std::move(block));
  return true;
}

void Pipe::grow_target() {
  if (local_.pool().under_pressure()) {
    target_ = 1;
  } else if (used_ >= target_ * local_.pool().payload()) {
    target_ = std::min(target_ * kGrowth, terms_.max_blocks);
  } else {
    return;
  }
  used_ = 0;
}

// ---- The producer's side ----

std::size_t Pipe::room() const {
  if (closed_ || end_ != End::open) return 0;
  return space() - promised_;
}

std::size_t Pipe::invite() {
  if (closed_ || end_ != End::open || !accepting_) return 0;
  while (grow()) {
  }
  if (blocks_ == 0 && !subscription_.waiting() && !terms_.doorbell_returns) {
    subscription_.request(terms_.urgency, terms_.direction, rank_);
    if (watcher_ != nullptr) watcher_->on_waiting(true);
  }
  return room();
}

void Pipe::promise(std::size_t n) {
  assert(n <= room());
  has_promised_ = true;
  promised_ += n;
}

// Before anybody accepts, the doorbell comes first and a block is taken only from plenty: this pipe waits for
// its consumer, who may in turn wait for pipes that need blocks.
BlockRef Pipe::next_chunk() {
  BlockRef block;
  if (blocks_ < target_ && (accepting_ || doorbell_left_ == 0)) {
    block = accepting_ ? local_.try_acquire(terms_.direction, &group_) : local_.try_acquire_spare(terms_.direction, &group_);
  }
  if (block) {
    cancel_wait();
  } else if (doorbell_left_ > 0) {
    block = Block::make_doorbell(std::exchange(doorbell_left_, 0));
  }
  return block;
}

bool Pipe::add_spare() {
  if (closed_ || end_ != End::open || !has_promised_) return false;
  BlockRef block = local_.try_acquire_spare(terms_.direction, &group_);
  if (!block) return false;
  cancel_wait();
  add(std::move(block));
  return true;
}

std::span<std::byte> Pipe::writable() {
  if (closed_ || end_ != End::open) return {};
  if (write_ == chunks_.size()) {
    BlockRef block = next_chunk();
    if (!block) return {};
    add(std::move(block));
  }
  return chunks_[write_]->space();
}

void Pipe::commit(std::size_t n) {
  if (n == 0) return;
  if (closed_ || end_ != End::open) {  // ended while the bytes were on their way into the block
    bytes_in_ += n;
    return;
  }
  Block& block = *chunks_[write_];
  if (block.empty()) count_move(block, Holdings::State::promised, Holdings::State::filled);
  block.fill(n);
  readable_ += n;
  bytes_in_ += n;
  promised_ -= std::min(promised_, n);
  if (block.full()) ++write_;
  used_ += n;
  if (watcher_ != nullptr) watcher_->on_progress(n, true);
  if (consumer_ != nullptr) consumer_->on_readable();
}

std::size_t Pipe::spaces(std::span<Space> spaces) {
  if (writable().empty()) return 0;
  while (chunks_.size() - write_ < spaces.size() && grow()) {
  }
  std::size_t count = 0;
  for (std::size_t i = write_; i < chunks_.size() && count < spaces.size(); ++i) {
    spaces[count++] = {chunks_[i], chunks_[i]->space()};
  }
  return count;
}

// In a block without bytes they stay where they are, and what is before them is gone; else they move down to those.
void Pipe::keep(std::span<const std::byte> body) {
  assert(promised_ == 0);
  std::span<std::byte> space;
  while (!body.empty() && !(space = writable()).empty()) {
    Block& block = *chunks_[write_];
    if (block.empty() && contains(space, body)) {
      block.pass(static_cast<std::size_t>(body.data() - space.data()));
      space = block.space();
    }
    const std::size_t n = std::min(space.size(), body.size());
    if (space.data() != body.data()) std::memmove(space.data(), body.data(), n);
    commit(n);
    body = body.subspan(n);
  }
  assert(body.empty() || closed_ || end_ != End::open);
  bytes_in_ += body.size();
}

std::size_t Pipe::write(std::span<const std::byte> bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    std::span<std::byte> space = writable();
    if (space.empty() && add_spare()) space = writable();
    if (space.empty()) break;
    const std::size_t n = std::min(space.size(), bytes.size() - written);
    std::memcpy(space.data(), bytes.data() + written, n);
    written += n;
    commit(n);
  }
  if (!closed_) return written;
  bytes_in_ += bytes.size() - written;
  return bytes.size();
}

void Pipe::rest() {
  cancel_wait();
  // A doorbell that rings once is kept for when it is needed.
  const bool keeps = std::ranges::any_of(chunks_, &Block::is_doorbell) && !rings_again();
  if (!keeps) drop_unneeded();
}

void Pipe::finish() {
  if (end_ != End::open) return;
  end_ = End::finished;
  promised_ = 0;
  cancel_wait();
  drop_unneeded();
  if (consumer_ != nullptr) consumer_->on_readable();
}

void Pipe::fail() {
  if (end_ != End::open) return;
  end_ = End::failed;
  cancel_wait();
  drop_all();
  if (consumer_ != nullptr) consumer_->on_readable();
}

// ---- The consumer's side ----

void Pipe::accept() {
  if (accepting_) return;
  accepting_ = true;
  notify_room();
}

std::size_t Pipe::contiguous() const {
  return chunks_.empty() ? 0 : chunks_.front()->filled().size();
}

Slice Pipe::take(std::size_t max) {
  const std::size_t n = std::min(max, contiguous());
  if (n == 0) return {};
  Slice slice{chunks_.front(), chunks_.front()->filled().first(n)};
  slice.block->drain(n);
  readable_ -= n;
  bytes_out_ += n;
  if (watcher_ != nullptr) watcher_->on_progress(n, readable_ > 0);
  if (!slice.block->empty()) return slice;
  count_move(*slice.block, Holdings::State::filled, Holdings::State::promised);
  if (readable_ == 0) grow_target();

  // The slice is all that keeps a full block now: written, it goes back to the pool. A block with space stays
  // only if it backs a promise.
  if (slice.block->full()) {
    drop_first();
  } else {
    drop_unneeded();
  }
  notify_room();
  return slice;
}

void Pipe::close() {
  if (closed_) return;
  closed_ = true;
  cancel_wait();
  drop_all();
  doorbell_left_ = 0;
  notify_room();
}

PauseSet Pipe::pauses() const {
  PauseSet pauses;
  if (closed_ || end_ != End::open) return pauses;
  if (subscription_.waiting()) pauses.add(Pause::no_block);
  if (!accepting_) pauses.add(Pause::held_back);
  if (readable_ > 0 && space() == 0) pauses.add(Pause::sink_slow);
  return pauses;
}

// ---- Waiting ----

void Pipe::on_block(BlockRef block) {
  if (watcher_ != nullptr) watcher_->on_waiting(false);
  add(std::move(block));
  notify_room();
}

void Pipe::cancel_wait() {
  if (!subscription_.waiting()) return;
  subscription_.cancel();
  if (watcher_ != nullptr) watcher_->on_waiting(false);
}

void Pipe::notify_room() {
  if (producer_ != nullptr) producer_->on_room();
}

}  // namespace pool
