/* The hand-over of pool/buffer_pool.cc and pool/local_pool.cc, for every interleaving of a few workers (scenario H3).
 *
 * A worker asks for blocks right now, subscribes, cancels, takes what was granted and releases, in any order, ROUNDS times. Then, turn
 * by turn, it takes what was granted, gives it back, and sleeps while it waits. What must hold:
 *   - no more blocks are held than there are, and all are back in the end (asserted);
 *   - nobody sleeps for ever: a waiter beside a block that is free, or in the cache of a worker that has gone to sleep, is an
 *     invalid end state, which spin finds by itself.
 * What happens under a lock and touches only what that lock guards is one step. Directions and their reserves are left out; a
 * released block goes to any of the waiters, which is more than the turns allow.
 *
 * BROKEN, each of which must be found:
 *   1  a worker that has cached a block does not look again for waiters
 *   2  a waiter announces itself only after it has searched the caches
 *   3  a waiter that is cancelled drops the block that was granted to it
 *   4  a worker goes to sleep without looking whether more was granted since it delivered
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SEATS
#define SEATS 1 /* subscriptions of a worker */
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef BROKEN
#define BROKEN 0
#endif

bool locked = false;      /* BufferPool::mutex_ */
byte waiters = 0;         /* BufferPool::waiters_: written under the lock, read without */
byte free_blocks = BLOCKS;
byte waiting[WORKERS];    /* subscriptions in the queue, by worker; under the lock */
byte granted[WORKERS];    /* LocalPool::granted_count_: written under the lock, read without */
bool woken[WORKERS];      /* Waker::wake() was called; a loop sleeps until then */
byte cached[WORKERS];     /* blocks in LocalPool::cache_, under its own lock */
byte held[WORKERS];       /* blocks in use; the worker's own */
byte asked[WORKERS];      /* its subscriptions that wait or were granted; its own */
byte held_in_all = 0;
byte ended = 0;

#define LOCK   atomic { !locked -> locked = true }
#define UNLOCK locked = false

inline hold() {
  d_step {
    held[me]++;
    held_in_all++;
    assert(held_in_all <= BLOCKS)
  }
}

/* BufferPool::grant(): only the first grant wakes, and nobody wakes himself. REQUIRES: locked. */
inline grant(who) {
  d_step {
    woken[who] = woken[who] || (granted[who] == 0 && who != me);
    granted[who]++
  }
}

/* BufferPool::put(): to a waiter, else free. REQUIRES: locked. */
inline put() {
  atomic {
    if
    :: waiting[0] > 0 -> to = 0
    :: waiting[1] > 0 -> to = 1
    :: waiting[WORKERS - 1] > 0 -> to = WORKERS - 1
    :: else -> to = WORKERS
    fi;
    if
    :: to < WORKERS -> waiting[to]--; waiters--
    :: else -> free_blocks++
    fi
  }
  if
  :: to < WORKERS -> grant(to)
  :: else
  fi;
  to = 0
}

/* BufferPool::reclaim_cache() of one worker. REQUIRES: locked. */
inline reclaim(from) {
  do
  :: atomic { cached[from] > 0 -> cached[from]-- }
     put()
  :: atomic { cached[from] == 0 -> break }
  od
}

/* BufferPool::settle_caches(). REQUIRES: locked. */
inline settle() {
  if
  :: waiting[0] + waiting[1] + waiting[WORKERS - 1] > 0 ->
     reclaim(0);
     reclaim(1);
     if
     :: WORKERS > 2 -> reclaim(WORKERS - 1)
     :: else
     fi
  :: else
  fi
}

/* BufferPool::take(): a free one, else one of the caches, which are looked at one after the other. REQUIRES: locked. */
inline take() {
  if
  :: free_blocks > 0 -> free_blocks--; got = true
  :: else ->
     do
     :: at < WORKERS ->
        atomic {
          if
          :: cached[at] > 0 -> cached[at]--; got = true; break
          :: else -> at++
          fi
        }
     :: else -> break
     od;
     at = 0
  fi
}

/* LocalPool::try_acquire() */
inline try_acquire() {
  atomic {
    if
    :: cached[me] > 0 -> cached[me]--; got = true
    :: else
    fi
  }
  if
  :: !got -> LOCK; settle(); take(); UNLOCK
  :: else
  fi;
  if
  :: got -> hold(); got = false
  :: else
  fi
}

/* BufferPool::subscribe() */
inline subscribe() {
  LOCK;
  if
  :: BROKEN != 2 -> waiters++
  :: else
  fi;
  settle();
  take();
  if
  :: BROKEN == 2 -> waiters++
  :: else
  fi;
  if
  :: got -> waiters--; grant(me); got = false
  :: else -> waiting[me]++
  fi;
  asked[me]++;
  UNLOCK
}

/* BufferPool::unsubscribe(): of one that waits, or of one that was granted a block. */
inline unsubscribe() {
  LOCK;
  if
  :: waiting[me] > 0 -> d_step { waiting[me]--; waiters-- }
  :: granted[me] > 0 ->
     granted[me]--;
     if
     :: BROKEN != 3 -> put()
     :: else
     fi
  fi;
  asked[me]--;
  UNLOCK
}

/* LocalPool::release() */
inline release() {
  d_step { held[me]--; held_in_all-- }
  if
  :: waiters == 0 ->
     cached[me]++;
     if
     :: waiters > 0 && BROKEN != 1 -> LOCK; reclaim(me); UNLOCK
     :: else
     fi
  :: else -> LOCK; put(); UNLOCK
  fi
}

/* LocalPool::deliver(): as many as had been granted when it was called. */
inline deliver() {
  at = granted[me];
  do
  :: at > 0 ->
     at--;
     LOCK;
     if
     :: granted[me] > 0 -> granted[me]--; asked[me]--; got = true
     :: else -> at = 0
     fi;
     UNLOCK;
     if
     :: got -> hold(); got = false
     :: else
     fi
  :: else -> break
  od
}

proctype Worker(byte me) {
  byte left = ROUNDS;
  byte at = 0;
  byte to = 0;
  bool got = false;
  do
  :: left > 0 ->
     left--;
     if
     :: try_acquire()
     :: asked[me] < SEATS -> subscribe()
     :: asked[me] > 0 -> unsubscribe()
     :: granted[me] > 0 -> deliver()
     :: held[me] > 0 -> release()
     fi
  :: else -> break
  od;
  do
  :: deliver();
     do
     :: held[me] > 0 -> release()
     :: else -> break
     od;
     if
     :: granted[me] > 0 && BROKEN != 4
     :: granted[me] == 0 || BROKEN == 4 ->
        if
        :: asked[me] > 0 -> atomic { woken[me] -> woken[me] = false }
        :: else -> break
        fi
     fi
  od;
  ended++
}

init {
  atomic {
    run Worker(0);
    run Worker(1);
    if
    :: WORKERS > 2 -> run Worker(WORKERS - 1)
    :: else
    fi
  }
  ended == WORKERS;
  assert(waiters == 0 && free_blocks + cached[0] + cached[1] + (WORKERS > 2 -> cached[WORKERS - 1] : 0) == BLOCKS)
}
