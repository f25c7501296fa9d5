#include "pool/ledger.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

namespace pool {
namespace {

std::int64_t sum(const Ledger& ledger) {
  const auto balances = ledger.balances();
  return std::accumulate(balances.begin(), balances.end(), std::int64_t{0});
}

TEST(Ledger, KeepsEachAccountToTheByte) {
  static constinit Ledger ledger;
  ledger.charge(Account::tls, 1000);
  ledger.charge(Account::heap, 70);
  ledger.charge(Account::tls, -400);
  EXPECT_EQ(ledger.balances()[static_cast<std::size_t>(Account::tls)], 600);
  EXPECT_EQ(ledger.balances()[static_cast<std::size_t>(Account::heap)], 70);
  EXPECT_EQ(sum(ledger), 670);
}

TEST(Ledger, TheTotalIsWrongByLessThanOneStepAThread) {
  static constinit Ledger ledger;
  for (int i = 0; i < 10'000; ++i) {
    ledger.charge(Account::heap, 100);
    ASSERT_LT(sum(ledger) - ledger.total(), Ledger::kPublish);
  }
  ledger.charge(Account::heap, -1'000'000);
  EXPECT_EQ(sum(ledger), 0);
  EXPECT_GT(ledger.total(), -Ledger::kPublish);
  EXPECT_LT(ledger.total(), Ledger::kPublish);
}

TEST(Ledger, WhatOneThreadTookAnotherMayGiveBack) {
  static constinit Ledger ledger;
  constexpr int kThreads = 300;  // more than there are shards
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 100; ++n) ledger.charge(Account::http2, 4096);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum(ledger), kThreads * 100 * 4096);
  ledger.charge(Account::http2, -kThreads * 100 * 4096);
  EXPECT_EQ(sum(ledger), 0);
}

TEST(Ledger, AReservationGivesItselfBackOnce) {
  static constinit Ledger ledger;
  Reservation kept;
  {
    Reservation first(ledger, 500);
    Reservation second(ledger, 40);
    EXPECT_EQ(ledger.promised(), 540);
    kept = std::move(first);
    second.release();
    EXPECT_EQ(ledger.promised(), 500);
  }
  EXPECT_EQ(ledger.promised(), 500);
  kept.release();
  kept.release();
  EXPECT_EQ(ledger.promised(), 0);
}

}  // namespace
}  // namespace pool
