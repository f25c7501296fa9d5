#include "pool/pause_set.h"

#include <gtest/gtest.h>

namespace pool {
namespace {

TEST(PauseSet, IsEmptyAtFirst) {
  const PauseSet pauses;
  EXPECT_TRUE(pauses.empty());
  EXPECT_EQ(pauses.to_string(), "none");
  for (const Pause pause : kPauses) EXPECT_FALSE(pauses.has(pause));
}

TEST(PauseSet, HasWhatWasAddedAndNothingElse) {
  for (const Pause added : kPauses) {
    PauseSet pauses;
    pauses.add(added);
    pauses.add(added);
    EXPECT_FALSE(pauses.empty());
    for (const Pause pause : kPauses) EXPECT_EQ(pauses.has(pause), pause == added);
    EXPECT_EQ(pauses.to_string(), to_string(added));
  }
}

TEST(PauseSet, PrintsItsReasonsInAFixedOrder) {
  PauseSet pauses;
  pauses.add(Pause::held_back);
  pauses.add(Pause::no_block);
  EXPECT_EQ(pauses.to_string(), "no_block+held_back");
  pauses.add(Pause::sink_slow);
  EXPECT_EQ(pauses.to_string(), "no_block+sink_slow+held_back");
}

TEST(PauseSet, ComparesByContent) {
  PauseSet one;
  PauseSet two;
  one.add(Pause::no_block);
  EXPECT_NE(one, two);
  two.add(Pause::no_block);
  EXPECT_EQ(one, two);
}

}  // namespace
}  // namespace pool
