#include "h2/header_list.h"

#include <gtest/gtest.h>

#include <string>

namespace h2 {
namespace {

TEST(HeaderList, KeepsOrderAndDuplicates) {
  HeaderList list;
  list.add(":status", "200");
  list.add("set-cookie", "a=1");
  list.add("set-cookie", "b=2", true);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1].value, "a=1");
  EXPECT_FALSE(list[1].sensitive);
  EXPECT_EQ(list[2].value, "b=2");
  EXPECT_TRUE(list[2].sensitive);
  EXPECT_EQ(list.count("set-cookie"), 2U);
  EXPECT_EQ(list.find("set-cookie"), "a=1");
  EXPECT_EQ(list.find("etag"), std::nullopt);
  EXPECT_EQ(list.get("etag"), "");
}

TEST(HeaderList, CountsTextAndOverhead) {
  HeaderList list;
  EXPECT_EQ(list.bytes(), 0U);
  list.add("name", "value");
  list.add("x", "");
  EXPECT_EQ(list.bytes(), 4 + 5 + 1 + 2 * HeaderList::kFieldOverhead);
  list.remove("name");
  EXPECT_EQ(list.bytes(), 1 + HeaderList::kFieldOverhead);
  list.clear();
  EXPECT_EQ(list.bytes(), 0U);
  EXPECT_TRUE(list.empty());
}

TEST(HeaderList, RemovesAllOfAName) {
  HeaderList list;
  list.add("a", "1");
  list.add("b", "2");
  list.add("a", "3");
  EXPECT_EQ(list.remove("a"), 2U);
  EXPECT_EQ(list.remove("a"), 0U);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].name, "b");
}

TEST(HeaderList, SetReplaces) {
  HeaderList list;
  list.add("via", "one");
  list.add("x", "y");
  list.add("via", "two");
  list.set("via", "three");
  EXPECT_EQ(list.count("via"), 1U);
  EXPECT_EQ(list.get("via"), "three");
  EXPECT_EQ(list[1].name, "via");
}

TEST(HeaderList, TakesViewsOfItsOwnText) {
  HeaderList list;
  list.add(":authority", std::string(40, 'h'));
  // Growth moves the text that these views are of.
  for (int i = 0; i < 100; ++i) list.add("host", list.get(":authority"));
  list.set("host", list.get("host"));
  EXPECT_EQ(list.get("host"), std::string(40, 'h'));
  EXPECT_EQ(list.count("host"), 1U);
}

TEST(HeaderList, IteratesAndCopies) {
  HeaderList list;
  list.add("a", "1");
  list.add("b", "2");
  const HeaderList copy = list;
  list.clear();
  std::string all;
  for (const HeaderField field : copy) all += std::string(field.name) + "=" + std::string(field.value) + ";";
  EXPECT_EQ(all, "a=1;b=2;");
}

}  // namespace
}  // namespace h2
