#include "h2/priority_field.h"

#include <gtest/gtest.h>

namespace h2 {
namespace {

TEST(PriorityField, UrgencyIsADigitFromZeroToSeven) {
  EXPECT_EQ(urgency("u=0"), 0);
  EXPECT_EQ(urgency("u=7, i"), 7);
  EXPECT_EQ(urgency("i,u=2"), 2);
  EXPECT_EQ(urgency(" i \t,\t u=5;a=b , x=(1 2)"), 5);
}

TEST(PriorityField, WhatIsNoneIsTheDefault) {
  for (const char* value : {"", "i", "u", "u=", "u=8", "u=-1", "u=10", "u=1.5", "u=\"1\"", "U=1", "uu=1", ",,,", "u=;"})
    EXPECT_EQ(urgency(value), kDefaultUrgency) << value;
}

TEST(PriorityField, TheLastOneCounts) {
  EXPECT_EQ(urgency("u=1, u=6"), 6);
  EXPECT_EQ(urgency("u=1, u=9"), kDefaultUrgency);
}

}  // namespace
}  // namespace h2
