#include "h2/header_list.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

namespace h2 {
namespace {

HeaderField at(const HeaderList& list, std::ptrdiff_t i) { return *std::next(list.begin(), i); }

TEST(HeaderList, KeepsOrderAndDuplicates) {
  HeaderList list;
  list.add(":status", "200");
  list.add("set-cookie", "a=1");
  list.add("set-cookie", "b=2", true);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(at(list, 1).value, "a=1");
  EXPECT_FALSE(at(list, 1).sensitive);
  EXPECT_EQ(at(list, 2).value, "b=2");
  EXPECT_TRUE(at(list, 2).sensitive);
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
  EXPECT_EQ(at(list, 0).name, "b");
}

TEST(HeaderList, VisitsWhatIsThereOfAName) {
  HeaderList list;
  list.add("via", "gone");
  list.add("via", "a");
  list.add("Via", "another name");
  list.add("vie", "as long");
  list.add("via", "");
  list.remove_if([](const HeaderField& field) { return field.value == "gone"; });
  std::string seen;
  list.visit("via", [&seen](std::string_view value) { seen.append("<").append(value).append(">"); });
  EXPECT_EQ(seen, "<a><>");
}

TEST(HeaderList, IteratesFromAndToRemovedFields) {
  HeaderList list;
  for (const char* name : {"x", "a", "x", "x", "b", "x"}) list.add(name, "value");
  list.remove("x");
  std::string names;
  for (const HeaderField field : list) names += field.name;
  EXPECT_EQ(names, "ab");
  list.remove_if([](const HeaderField&) { return true; });
  EXPECT_TRUE(list.begin() == list.end());
}

TEST(HeaderList, SetReplaces) {
  HeaderList list;
  list.add("via", "one");
  list.add("x", "y");
  list.add("via", "two");
  list.set("via", "three");
  EXPECT_EQ(list.count("via"), 1U);
  EXPECT_EQ(list.get("via"), "three");
  EXPECT_EQ(at(list, 1).name, "via");
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

TEST(HeaderList, JoinsParts) {
  HeaderList list;
  list.add("x", "first");
  list.add_joined("y", {list.get("x"), "", ", second"});
  EXPECT_EQ(list.get("y"), "first, second");
  EXPECT_EQ(list.bytes(), 2 + 5 + 13 + 2 * HeaderList::kFieldOverhead);
}

TEST(HeaderList, TakesSomeFieldsOfAnother) {
  HeaderList source;
  source.add("a", "1");
  source.add("b", "2", true);
  source.add("c", "3");
  source.remove("a");
  HeaderList list;
  list.add("z", "0");
  list.append_if(source, [](const HeaderField& field) { return field.name != "c"; });
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(at(list, 1).name, "b");
  EXPECT_TRUE(at(list, 1).sensitive);
  EXPECT_EQ(list.bytes(), 4 + 2 * HeaderList::kFieldOverhead);
}

TEST(HeaderList, ViewsStayWhileFieldsGo) {
  HeaderList list;
  list.add("a", "1");
  list.add("b", "2");
  const std::string_view view = list.get("b");
  EXPECT_EQ(list.remove_if([](const HeaderField& field) { return field.name == "a"; }), 1U);
  const HeaderList moved = std::move(list);
  EXPECT_EQ(view.data(), moved.get("b").data());
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
