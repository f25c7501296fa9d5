#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "pool/buffer_pool.h"
#include "pool/local_pool.h"
#include "pool/pipe.h"

namespace pool {
namespace {

struct NoWaker final : Waker {
  void wake() noexcept override {}
};

/// One gateway of a series: a pool of one block for requests, and a pipe for each of two uploads.
struct Hop {
  static constexpr std::size_t kDoorbell = 64;
  Hop() {
    a.accept();
    b.accept();
  }
  static constexpr Pipe::Terms kTerms{Direction::request, Urgency::invite, kDoorbell, 1};
  NoWaker waker;
  BufferPool pool{PoolLimits::with_reserves(1024, 1)};
  LocalPool local{pool, waker};
  TurnGroup group;
  Pipe a{local, group, kTerms};
  Pipe b{local, group, kTerms};
};

void promise_all(Pipe& pipe) {
  if (const std::size_t room = pipe.invite(); room > 0) pipe.promise(room);
}

/// Moves what `to` has promised from `from` into it.
void forward(Pipe& from, Pipe& to) {
  while (from.readable() > 0 && to.promised() > 0) {
    const Slice slice = from.take(to.promised());
    ASSERT_EQ(to.write(slice.bytes), slice.bytes.size());
  }
}

// The first hop's block is full of bytes for upload A, which waits for a block in the second; the second's is promised to upload
// B, which waits for one in the first. Without the doorbells nothing would ever move again.
TEST(SeriesTest, P6_TwoHopsDoNotWaitForEachOther) {
  Hop first;
  Hop second;
  std::size_t left_a = 20000;
  std::size_t left_b = 20000;
  std::size_t arrived = 0;
  promise_all(first.a);
  promise_all(second.b);
  ASSERT_EQ(first.a.blocks(), 1U);
  ASSERT_EQ(second.b.blocks(), 1U);
  const std::vector<std::byte> bytes(20000);
  const auto send = [&bytes](Pipe& pipe, std::size_t& left) {
    const std::size_t n = std::min(left, pipe.promised());
    EXPECT_EQ(pipe.write(std::span(bytes).first(n)), n);
    left -= n;
  };
  const auto drain = [&arrived](Pipe& pipe) {
    while (pipe.readable() > 0) arrived += pipe.take(pipe.readable()).bytes.size();
  };
  int turns = 0;
  for (; turns < 2000 && arrived < 40000; ++turns) {
    for (Pipe* pipe : {&first.a, &first.b, &second.a, &second.b}) promise_all(*pipe);
    first.local.deliver();
    second.local.deliver();
    send(first.a, left_a);
    send(first.b, left_b);
    forward(first.a, second.a);
    forward(first.b, second.b);
    drain(second.a);
    drain(second.b);
  }
  EXPECT_EQ(arrived, 40000U) << "after " << turns << " turns";
  for (Hop* hop : {&first, &second}) {
    hop->a.finish();
    hop->b.finish();
  }
}

}  // namespace
}  // namespace pool
