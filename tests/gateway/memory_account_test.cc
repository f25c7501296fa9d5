#include "gateway/memory_account.h"

#include <gtest/gtest.h>

#include <cstring>

#include "pool/pieces.h"
#include "tests/support/new_thread.h"

namespace gateway {
namespace {

std::ptrdiff_t charged() {
  return process_ledger().balances()[static_cast<std::size_t>(pool::Account::tls)];
}

TEST(CountedRealloc, KeepsWhatIsGivenBackForTheNextAndChargesNeither) {
  support::on_a_new_thread([] {
    const std::ptrdiff_t before = charged();
    void* piece = counted_realloc(pool::Account::tls, nullptr, 300);
    EXPECT_GE(charged() - before, 300);
    const std::size_t kept = pool::kept_bytes();
    EXPECT_EQ(counted_realloc(pool::Account::tls, piece, 0), nullptr);
    EXPECT_EQ(charged(), before);
    if (pool::has_pages_of_its_own()) {  // a sanitizer keeps nothing
      EXPECT_EQ(pool::kept_bytes(), kept + pool::piece_capacity(300));
      EXPECT_EQ(counted_realloc(pool::Account::tls, nullptr, 300), piece);
      counted_realloc(pool::Account::tls, piece, 0);
    }
  });
}

TEST(CountedRealloc, ResizesWhatWasKept) {
  support::on_a_new_thread([] {
    counted_realloc(pool::Account::tls, counted_realloc(pool::Account::tls, nullptr, 100), 0);
    void* piece = counted_realloc(pool::Account::tls, nullptr, 100);
    std::memset(piece, 'x', 100);
    const std::ptrdiff_t before = charged();
    piece = counted_realloc(pool::Account::tls, piece, 100'000);
    EXPECT_GE(charged() - before, 100'000 - 100 - 16);
    EXPECT_EQ(static_cast<const char*>(piece)[99], 'x');
    EXPECT_EQ(counted_realloc(pool::Account::tls, piece, 0), nullptr);
  });
}

}  // namespace
}  // namespace gateway
