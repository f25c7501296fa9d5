#include "gateway/http1/field_syntax.h"

#include <gtest/gtest.h>

namespace gateway {
namespace {

/// Every byte at every place of texts around the size of a machine word.
TEST(FieldSyntax, KnowsEveryByteAtEveryPlace) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(byte);
        const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        ASSERT_EQ(is_field_value(text), !control) << byte << " at " << at << " of " << size;
        ASSERT_EQ(field_value_bytes(text), control ? at : size) << byte << " at " << at << " of " << size;
      }
    }
  }
  EXPECT_TRUE(is_field_value(""));
}

TEST(FieldSyntax, KnowsTokens) {
  const std::string_view separators = "\"(),/:;<=>?@[\\]{} \t";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool good = byte > 0x20 && byte < 0x7f && separators.find(c) == std::string_view::npos;
    EXPECT_EQ(is_token(std::string("a") + c), good) << byte;
    char lower[] = {'x', 'x', 'x'};
    EXPECT_EQ(lower_token(std::string("A") + c, lower), good) << byte;
    EXPECT_EQ(lower[0], 'a');
    const bool is_upper = byte >= 'A' && byte <= 'Z';
    if (good) {
      EXPECT_EQ(lower[1], is_upper ? c + 0x20 : c) << byte;
    }
    EXPECT_EQ(lower[2], 'x');
  }
  EXPECT_FALSE(is_token(""));
}

TEST(FieldSyntax, ReadsLists) {
  EXPECT_TRUE(list_has("close", "close"));
  EXPECT_TRUE(list_has("a,\tClose ,b", "close"));
  EXPECT_TRUE(list_has(",,close", "close"));
  EXPECT_FALSE(list_has("closed", "close"));
  EXPECT_FALSE(list_has("not close", "close"));
  EXPECT_FALSE(list_has("", "close"));
}

TEST(FieldSyntax, ComparesAuthorities) {
  EXPECT_TRUE(same_authority("a.test", "A.Test", "https"));
  EXPECT_TRUE(same_authority("a.test:443", "a.test", "https"));
  EXPECT_TRUE(same_authority("a.test:", "a.test", "https"));
  EXPECT_TRUE(same_authority("[::1]:80", "[::1]", "http"));
  EXPECT_FALSE(same_authority("a.test:80", "a.test", "https"));
  EXPECT_FALSE(same_authority("a.test", "b.test", "https"));
}

}  // namespace
}  // namespace gateway
