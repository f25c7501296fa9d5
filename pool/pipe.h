#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pool/block.h"
#include "pool/holdings.h"
#include "pool/pause_set.h"
#include "pool/release_subscription.h"

namespace pool {

class LocalPool;

/// Who writes into a pipe: a client's or backend's stream, an HTTP/1.1 connection, an applet.
class PipeProducer {
 public:
  /// There may be more room: a block came, or the consumer took bytes. Called on the pipe's thread from
  /// LocalPool::deliver() and from Pipe::take(), accept() and close(); may write to the pipe at once.
  virtual void on_room() = 0;

 protected:
  ~PipeProducer() = default;
};

/// Who takes from a pipe.
class PipeConsumer {
 public:
  /// Bytes came, or the pipe has finished or failed. Called from within the producer's call: note it and take
  /// later.
  virtual void on_readable() = 0;

 protected:
  ~PipeConsumer() = default;
};

/// Told what a pipe does, so that somebody with a clock can measure it.
class PipeWatcher {
 public:
  /// The pipe begins, or ceases, to wait for a block.
  virtual void on_waiting(bool waiting) = 0;
  /// The pipe holds a block again, which it did not before.
  virtual void on_holding() {}
  /// `bytes` went in, or out; 0: what lay in the pipe was dropped. `unread`: there are bytes in it.
  virtual void on_progress(std::size_t bytes, bool unread) = 0;

 protected:
  ~PipeWatcher() = default;
};

/// One direction of one body: bytes in blocks of the shared pool, between one producer and one consumer.
///
///   producer ──write/commit──▶ [doorbell][block][block] ──take──▶ slices ──▶ the socket
///            ◀────on_room────          room                (a slice keeps its block until it is written)
///
/// Room is what the pipe can store with the memory that it has. A producer that invites a peer to send
/// (HTTP/2 credit) promises room first, and a promise always has its bytes: promised() <= space(). A pipe has
/// up to `max_blocks` blocks: one at first, four times as many each time the consumer has kept pace with a producer
/// that used all of its room, back to one while others wait. A drained block goes back to the pool, whose next
/// waiter has it; only promised room is kept. A pipe waits for a block only while it holds none (rule 4: a
/// holder never waits).
///
/// Confined to the thread of its LocalPool. Owned by the exchange; producer, consumer and watcher are
/// borrowed and must be unset (nullptr) before they die.
class Pipe final : private ReleaseSubscription::Owner {
 public:
  struct Terms {
    Direction direction = Direction::request;
    Urgency urgency = Urgency::invite;
    std::size_t doorbell = 0;    // bytes of room that need no block; memory charged to the stream. Once, but again and
                                 // again for a producer that promises
    std::size_t max_blocks = 1;  // at least 1
    bool doorbell_returns = false;  // again and again for any producer, which never waits for a block then: it has one
                                    // if one is free, else the doorbell
  };
  enum class End : std::uint8_t { open, finished, failed };

  Pipe(LocalPool& local, TurnGroup& group, const Terms& terms);
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  void set_producer(PipeProducer* producer) { producer_ = producer; }
  void set_consumer(PipeConsumer* consumer) { consumer_ = consumer; }
  void set_watcher(PipeWatcher* watcher) { watcher_ = watcher; }
  /// From the pipe's next wait for a block on.
  void set_rank(Rank rank) { rank_ = rank; }

  // ---- The producer's side ----

  /// Bytes that can be stored now and are not promised.
  std::size_t room() const;
  /// Asks for more room and returns room(): takes blocks that are free; when the pipe holds
  /// none and there is none it joins the pool's queue, and on_room comes with the block (with Terms::doorbell_returns, when the
  /// doorbell's bytes were taken). 0 as well while no consumer accepts.
  std::size_t invite();
  /// `n` bytes of room are a peer's to fill. REQUIRES: n <= room().
  void promise(std::size_t n);
  std::size_t promised() const { return promised_; }

  /// Contiguous space to fill in place, then commit(). May take a free block or the doorbell; empty when
  /// there is none: call invite() and wait for on_room. Before accept() the doorbell comes first, and a block
  /// is taken only while there are plenty (LocalPool::try_acquire_spare).
  std::span<std::byte> writable();
  /// The same over several blocks, as many as the pipe may have now: what is read into them in this order goes to keep().
  /// Returns how many of `spaces` it set. They keep their blocks, so that the producer may outlast a close() meanwhile.
  std::size_t spaces(std::span<Space> spaces);
  /// `body` is next. It stands in the last spaces(), behind what came with it and is no body (a head, the framing of
  /// chunks), or elsewhere. Calls on_readable. REQUIRES: there is space for it; a producer that does not promise.
  void keep(std::span<const std::byte> body);
  /// `n` bytes at the front of the last writable() are body. Counts against what is promised. Calls
  /// on_readable. Discards them when the pipe was closed since.
  void commit(std::size_t n);
  /// Copies as much as there is room for and returns how much that was. Bytes for a closed pipe are
  /// discarded. From a producer that promises, bytes beyond its room were sent before the peer knew our
  /// window (RFC 9113 §6.9.3): they get more blocks while there are plenty.
  std::size_t write(std::span<const std::byte> bytes);
  /// The producer has nothing to store now: gives back blocks that are empty and back no promise, and the place in the queue.
  void rest();
  /// No more bytes will come: the body is whole. Calls on_readable.
  void finish();
  /// The body cannot be completed; what is stored is dropped. Calls on_readable. No effect on an ended pipe.
  void fail();

  // ---- The consumer's side ----

  /// From now on bytes can be taken as they come, so the producer may be invited (blocks for a request are
  /// taken only once its backend can accept them). Calls on_room.
  void accept();
  bool accepting() const { return accepting_; }
  std::size_t readable() const { return readable_; }
  /// Bytes of readable() that one take() can have: those of the first block.
  std::size_t contiguous() const;
  /// Takes up to `max` bytes from the first block; an empty slice when nothing is readable. May call on_room.
  Slice take(std::size_t max);
  /// The consumer wants no more: drops what is stored, discards what still comes. Calls on_room.
  void close();
  bool closed() const { return closed_; }

  End end() const { return end_; }
  /// Finished, and every byte was taken.
  bool drained() const { return end_ == End::finished && readable_ == 0; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  /// Blocks of the shared pool that the pipe holds; slices on their way are not counted.
  std::size_t blocks() const { return blocks_; }
  PauseSet pauses() const;

 private:
  void on_block(BlockRef block) override;
  std::size_t space() const;
  BlockRef next_chunk();
  bool add_spare();
  void add(BlockRef block);
  void forget(const Block& block);
  void count_move(const Block& block, Holdings::State from, Holdings::State to);
  void drop_first();
  void drop_all();
  void drop_unneeded();
  bool rings_again() const { return has_promised_ || terms_.doorbell_returns; }
  bool may_grow() const;
  bool grow();
  void grow_target();
  void cancel_wait();
  void notify_room();

  LocalPool& local_;
  TurnGroup& group_;
  const Terms terms_;
  ReleaseSubscription subscription_;
  PipeProducer* producer_ = nullptr;
  PipeConsumer* consumer_ = nullptr;
  PipeWatcher* watcher_ = nullptr;

  std::vector<BlockRef> chunks_;  // full ones, then the one being filled, then empty ones; the doorbell too
  std::size_t write_ = 0;         // index of the first chunk with space; chunks_.size() when there is none
  std::size_t blocks_ = 0;
  std::size_t target_ = 1;
  std::size_t doorbell_left_;
  std::size_t readable_ = 0;
  std::size_t promised_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  End end_ = End::open;
  bool accepting_ = false;
  bool closed_ = false;
  bool has_promised_ = false;
  Rank rank_ = kUsualRank;
  std::size_t used_ = 0;   // bytes that came in since the target changed
};

}  // namespace pool
