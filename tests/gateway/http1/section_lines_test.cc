#include "gateway/http1/section_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace gateway {
namespace {

using namespace std::string_view_literals;

enum class Section { head, trailers };

/// What is told of `text` in pieces of `size` bytes, behind a first one of `first`.
std::string read_in_pieces(std::string_view text, Section section, std::size_t first, std::size_t size) {
  SectionLines lines;
  section == Section::head ? lines.begin_head() : lines.begin_trailers();
  std::size_t at = 0;
  while (at < text.size() && !lines.ended() && lines.error().empty()) {
    const std::string piece(text.substr(at, at == 0 ? first : size));  // of its own, so that no read goes beyond it
    const std::size_t accepted = lines.accept(piece);
    EXPECT_TRUE(accepted == piece.size() || lines.ended() || !lines.error().empty());
    at += accepted;
  }
  if (!lines.error().empty()) return std::string(lines.error());
  if (!lines.ended()) return "more";
  if (section == Section::trailers) return "ended at " + std::to_string(at);
  return "ended at " + std::to_string(at) + " with " + std::to_string(lines.first_line()) + " " +
         std::string(lines.first_line_end());
}

/// The same whole, cut at every byte and byte by byte.
std::string read_all_ways(std::string_view text, Section section) {
  const std::string whole = read_in_pieces(text, section, text.size(), text.size());
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    EXPECT_EQ(read_in_pieces(text, section, cut, text.size()), whole) << "cut at " << cut;
  }
  EXPECT_EQ(read_in_pieces(text, section, 1, 1), whole) << "byte by byte";
  return whole;
}

TEST(SectionLines, FindsTheEnd) {
  EXPECT_EQ(read_all_ways("HTTP/1.1 200 OK\r\nA: b\r\n\r\n\n\r\0 body"sv, Section::head),
            "ended at 25 with 15 1 200 OK");
  EXPECT_EQ(read_all_ways("GET /\r\n\r\nGET"sv, Section::head), "ended at 9 with 5 GET /");
  EXPECT_EQ(read_all_ways("\r\nGET /"sv, Section::head), "ended at 2 with 0 ");
  EXPECT_EQ(read_all_ways("A: b\r\n\r\n\n"sv, Section::trailers), "ended at 8");
  EXPECT_EQ(read_all_ways("\r\n\n"sv, Section::trailers), "ended at 2");
  EXPECT_EQ(read_all_ways("A: b\r\n\r"sv, Section::trailers), "more");
}

TEST(SectionLines, KnowsBlanks) {
  for (const Section section : {Section::head, Section::trailers}) {
    EXPECT_EQ(read_all_ways("a\t \tb \t\r\n\r\n"sv, section).substr(0, 8), "ended at");
    EXPECT_EQ(read_all_ways("\ta\r\n\r\n"sv, section), "a line that begins with a blank");
    EXPECT_EQ(read_all_ways("a\r\n \r\n"sv, section), "a line that begins with a blank");
    EXPECT_EQ(read_all_ways("a\r\n\tb\r\n\r\n"sv, section), "a line that begins with a blank");
  }
}

TEST(SectionLines, IsBegunAnew) {
  SectionLines lines;
  lines.begin_head();
  EXPECT_EQ(lines.accept("GET /a HTTP/1.1\r\nA: b\nC"), 21U);
  EXPECT_EQ(lines.error(), "LF without CR");
  lines.begin_head();
  EXPECT_EQ(lines.accept("a\r"), 2U);
  lines.begin_head();
  EXPECT_EQ(lines.accept("ab\r\n\r\nc"), 6U);
  EXPECT_TRUE(lines.ended());
  EXPECT_EQ(lines.error(), "");
  EXPECT_EQ(lines.first_line(), 2U);
  EXPECT_EQ(lines.first_line_end(), "ab");
}

/// Every byte at every place of a line of either kind, for lines around the size of two machine words.
TEST(SectionLines, KnowsEveryByteAtEveryPlace) {
  const auto answer = [](char c, bool in_first_line) -> std::string_view {
    const unsigned byte = static_cast<unsigned char>(c);
    if (c == '\0') return "NUL";
    if (c == '\r') return "CR without LF";
    if (c == '\n') return "LF without CR";
    if (!in_first_line && c != '\t' && (byte < 0x20 || byte == 0x7f)) return "bad byte in a field";
    return "ended at";
  };
  for (std::size_t size = 2; size <= 18; ++size) {
    for (std::size_t place = 1; place < size; ++place) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string line(size, 'a');
        line[place] = static_cast<char>(byte);
        const std::string head = line + "\r\n\r\n";
        const std::string field = "a\r\n" + line + "\r\n\r\n";
        SCOPED_TRACE(testing::Message() << byte << " at " << place << " of " << size);
        ASSERT_TRUE(read_all_ways(head, Section::head).starts_with(answer(line[place], true)));
        ASSERT_TRUE(read_all_ways(field, Section::head).starts_with(answer(line[place], false)));
        ASSERT_TRUE(read_all_ways(head, Section::trailers).starts_with(answer(line[place], false)));
      }
    }
  }
}

}  // namespace
}  // namespace gateway
