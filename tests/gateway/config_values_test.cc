#include "gateway/config_values.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

namespace gateway {
namespace {

using std::chrono::milliseconds;

TEST(ConfigValues, ReadsDurations) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("10s"), milliseconds(10'000));
  EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
}

TEST(ConfigValues, RefusesWhatIsNoDuration) {
  for (const auto* text : {"", "10", "s", "10 s", " 10s", "10s ", "1.5s", "-1s", "+1s", "10S", "10sec", "1d",
                           "9223372036854775807h", "9223372036854775808ms"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ConfigValues, ReadsSizes) {
  EXPECT_EQ(parse_size("16KiB"), 16'384U);
  EXPECT_EQ(parse_size("256MiB"), 268'435'456U);
  EXPECT_EQ(parse_size("1GiB"), 1'073'741'824U);
  EXPECT_EQ(parse_size("512B"), 512U);
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("0"), 0U);
}

TEST(ConfigValues, RefusesWhatIsNoSize) {
  for (const auto* text :
       {"", "KiB", "16 KiB", "16kib", "16KB", "16K", "-1B", "1.5MiB", "9223372036854775807GiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ConfigValues, WritesTheShortestExactForm) {
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
  EXPECT_EQ(format_duration(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(format_duration(milliseconds(90'000)), "90s");
  EXPECT_EQ(format_duration(milliseconds(120'000)), "2m");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1'000), "1000B");
  EXPECT_EQ(format_size(16'384), "16KiB");
  EXPECT_EQ(format_size(1ULL << 40), "1024GiB");
}

TEST(ConfigValues, WhatIsWrittenIsReadBack) {
  for (const std::uint64_t bytes : {1ULL, 1023ULL, 1024ULL, 1ULL << 20, (1ULL << 30) + 1, 5ULL << 30}) {
    EXPECT_EQ(parse_size(format_size(bytes)), bytes);
  }
  for (const int ms : {1, 999, 1'000, 60'000, 3'600'000, 3'600'001}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds(ms))), milliseconds(ms));
  }
}

TEST(ConfigValues, FindsTheWordThatWasMeant) {
  constexpr std::array<std::string_view, 5> kWords{"address", "tls", "max_concurrent_streams", "budget",
                                                   "blocks"};
  EXPECT_EQ(nearest_word("adress", kWords), "address");
  EXPECT_EQ(nearest_word("addres", kWords), "address");
  EXPECT_EQ(nearest_word("adderss", kWords), "address");
  EXPECT_EQ(nearest_word("Address", kWords), "address");
  EXPECT_EQ(nearest_word("tsl", kWords), "tls");
  EXPECT_EQ(nearest_word("max_streams", kWords), "");
  EXPECT_EQ(nearest_word("max_concurent_stream", kWords), "max_concurrent_streams");
  EXPECT_EQ(nearest_word("bugdet", kWords), "budget");
}

TEST(ConfigValues, FindsNoWordWhereNoneIsClose) {
  constexpr std::array<std::string_view, 2> kWords{"address", "tls"};
  EXPECT_EQ(nearest_word("colour", kWords), "");
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word("a", kWords), "");
  EXPECT_EQ(nearest_word("a", std::vector<std::string_view>{"b"}), "") << "nothing in common";
  EXPECT_EQ(nearest_word(std::string(100'000, 'a'), kWords), "");
  EXPECT_EQ(nearest_word("address", {}), "");
}

TEST(ConfigValues, NamesAChoice) {
  EXPECT_EQ(one_of(std::vector<std::string_view>{"a"}), R"("a")");
  EXPECT_EQ(one_of(std::vector<std::string_view>{"a", "b"}), R"("a" or "b")");
  EXPECT_EQ(one_of(std::vector<std::string_view>{"a", "b", "c"}), R"("a", "b" or "c")");
}

TEST(ConfigValues, ShortagesAreRead) {
  EXPECT_EQ(parse_shortage("none"), pool::Shortage());
  EXPECT_EQ(parse_shortage("every 3"), (pool::Shortage{.every = 3}));
  EXPECT_EQ(parse_shortage("random 0.33"), (pool::Shortage{.share = 0.33}));
  EXPECT_EQ(parse_shortage("random 1 seed 7"), (pool::Shortage{.share = 1, .seed = 7}));
  for (const auto* text :
       {"", "every", "every 0", "every -1", "every x", "every 3 4", "every3", "random", "random 0",
        "random 1.5", "random nan", "random 0.5 seed", "random 0.5 7", "none of it", "sometimes"}) {
    EXPECT_EQ(parse_shortage(text), std::nullopt) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace gateway
