#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "pool/block.h"
#include "pool/histogram.h"
#include "pool/tally.h"

namespace pool {

class BufferPool;
class LocalPool;
class ReleaseSubscription;

/// How much it matters that a waiter goes on; a block goes to the most urgent class that may have it.
enum class Urgency : std::uint8_t {
  invite,  // to grant a peer more bytes: nothing is lost while it waits
  keep,    // for bytes that came and need a place
  leave,   // to let bytes leave: every one of these frees memory elsewhere
};
inline constexpr std::size_t kUrgencies = 3;

/// A waiter's place among those of its own connection, class and direction: 0 first, 7 last (the urgency of RFC 9218 §4.1).
using Rank = std::uint8_t;
inline constexpr Rank kUsualRank = 3;

/// One connection in the pool: what it holds, and its waiters. Turns within a class go round the groups first and then round
/// the waiters of one, so that a client with a thousand streams weighs as one client; and a group that holds much waits for
/// those that hold less (TurnQueue). Owned by the connection, confined to its thread; must outlive its subscriptions. The
/// waiters are guarded by the pool's lock.
class TurnGroup {
 public:
  TurnGroup() : tally_(new Tally(*this)) {}
  TurnGroup(const TurnGroup&) = delete;
  TurnGroup& operator=(const TurnGroup&) = delete;
  ~TurnGroup();

  /// Blocks in use for one direction of its streams, those included that are on their way to a socket.
  std::size_t held(Direction direction) const { return tally_->held(direction); }

 private:
  friend class BufferPool;
  friend class TurnQueue;
  /// What it holds, and what its waiters were granted. Guarded by the pool's lock.
  std::size_t claimed(Direction direction) const {
    return held(direction) + granted_[static_cast<std::size_t>(direction)];
  }
  struct Line {  // the waiters of one class and direction, by rank, then first come first served
    ReleaseSubscription* first = nullptr;
    ReleaseSubscription* last = nullptr;
    std::uint32_t level = 0;    // of the ring that it is in
    unsigned by_rank = 0;       // turns running that went by rank
    TurnGroup* next = nullptr;  // the ring of groups of this level that have waiters in this line
    TurnGroup* prev = nullptr;
  };
  Tally* tally_;
  std::array<std::size_t, kDirections> granted_{};  // blocks that its waiters have but did not take yet
  std::array<std::array<Line, kDirections>, kUrgencies> lines_;
};

/// A waiter's place in the pool's queue: IDLE → WAITING → GRANTED → IDLE.
///
/// The baton is the block: whoever releases a block moves it into the first waiter (WAITING → GRANTED, under
/// the pool's lock) before it is free for anyone else, and wakes the waiter's worker. The owner gets it on
/// its own thread from LocalPool::deliver(). A waiter can give up at any moment: cancel() leaves the queue,
/// or passes on a block that has come meanwhile. Nothing is lost and nobody barges in.
///
/// Confined to the thread of its LocalPool; only the pool touches it from elsewhere, under its lock.
class ReleaseSubscription {
 public:
  class Owner {
   public:
    /// A block has come. Called once for each request() that was not cancelled, on the owner's thread, from
    /// LocalPool::deliver() only. The owner may drop the block at once (then the next waiter gets it).
    virtual void on_block(BlockRef block) = 0;

   protected:
    ~Owner() = default;
  };

  ReleaseSubscription(LocalPool& local, TurnGroup& group, Owner& owner)
      : local_(local), group_(group), owner_(owner) {}
  ReleaseSubscription(const ReleaseSubscription&) = delete;
  ReleaseSubscription& operator=(const ReleaseSubscription&) = delete;
  ~ReleaseSubscription() { cancel(); }

  /// Joins the queue. When a block is free it is granted at once, and still arrives through deliver().
  /// REQUIRES: !waiting().
  void request(Urgency urgency, Direction direction, Rank rank = kUsualRank);

  /// Leaves the queue; on_block will not be called. A block granted meanwhile goes to the next waiter.
  void cancel() noexcept;

  /// True from request() until on_block or cancel().
  bool waiting() const { return state_.load(std::memory_order_relaxed) != State::idle; }

 private:
  friend class BufferPool;
  friend class LocalPool;
  friend class TurnQueue;
  friend class TurnQueueTest;  // has a queue of its own
  enum class State : std::uint8_t { idle, waiting, granted };

  LocalPool& local_;
  TurnGroup& group_;
  Owner& owner_;
  std::atomic<State> state_{State::idle};  // written under the pool's lock; leaves idle only by the owner
  Urgency urgency_ = Urgency::invite;
  Direction direction_ = Direction::request;
  Rank rank_ = kUsualRank;
  std::uint64_t number_ = 0;  // counted in the order in which they came
  Block* granted_ = nullptr;
  bool queued_ = false;          // it was not granted at once
  bool granted_by_own_ = false;  // by a release of its own worker
  Ticks asked_at_ = 0;
  Ticks granted_at_ = 0;
  ReleaseSubscription* next_ = nullptr;  // in its line while waiting, in its worker's list while granted
  ReleaseSubscription* prev_ = nullptr;
};

}  // namespace pool
