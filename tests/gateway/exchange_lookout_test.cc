// An exchange's answer is looked for while its backend is asked, if that has lately been worth it.

#include <gtest/gtest.h>

#include <thread>

#include "tests/gateway/admin/exchange_harness.h"

namespace gateway {
namespace {

/// Takes the request, and answers when it is told to.
class Asked final : public Backend {
 public:
  explicit Asked(Promptness& promptness) : promptness_(promptness) {}
  std::string_view name() const override { return "asked"; }
  void start(Exchange& exchange) override { exchange.sent(&promptness_); }
  void give_up() override {}

 private:
  Promptness& promptness_;
};

class ExchangeLookout : public testing::Test {
 protected:
  void start() {
    harness_.start("GET", "/", [this](Exchange& exchange) {
      exchange_ = &exchange;
      return std::make_unique<Asked>(promptness);
    });
  }
  void answer() {
    h2::HeaderList head;
    head.add(":status", "204");
    exchange_->respond(std::move(head), false);
    harness_.close();
  }
  void give_up() { harness_.close("gone"); }
  void let_it_pass() { std::this_thread::sleep_for(2 * Lookout::kLongest); }
  std::pair<std::uint64_t, std::uint64_t> looks() { return {harness_.stats().upstream_looks[0].value(), harness_.stats().upstream_looks[1].value()}; }

  Promptness promptness;

 private:
  ExchangeHarness harness_;
  Exchange* exchange_ = nullptr;
};

TEST_F(ExchangeLookout, AnAnswerEndsTheLook) {
  start();
  EXPECT_EQ(looks(), std::pair(0UL, 0UL)) << "it is under way";
  answer();
  EXPECT_EQ(looks().first + looks().second, 1U);
}

TEST_F(ExchangeLookout, AfterALateAnswerTheNextOnesAreNotLookedFor) {
  start();
  let_it_pass();
  answer();
  EXPECT_EQ(looks(), std::pair(0UL, 1UL));
  start();
  answer();
  EXPECT_EQ(looks(), std::pair(0UL, 1UL));
}

TEST_F(ExchangeLookout, WhoGivesUpLateHasLookedInVain) {
  start();
  let_it_pass();
  give_up();
  EXPECT_EQ(looks(), std::pair(0UL, 1UL));
}

}  // namespace
}  // namespace gateway
