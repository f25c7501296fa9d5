#include "gateway/http1/section_lines.h"

#include <algorithm>

#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// How many bytes, from the first on, may stand in a head's first line: what else is wrong there the parser says.
std::size_t first_line_bytes(std::string_view bytes) {
  const auto ends = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::size_t at = field_value_bytes(bytes);
  while (at < bytes.size() && !ends(bytes[at])) at += 1 + field_value_bytes(bytes.substr(at + 1));
  return at;
}

// What is wrong with a byte behind a line's text that is no CR.
std::string_view mistake(char c) {
  return c == '\n' ? "LF without CR" : c == '\0' ? "NUL" : "bad byte in a field";
}

}  // namespace

void SectionLines::begin(bool in_first_line) {
  first_line_ = 0;
  in_first_line_ = in_first_line;
  first_line_end_.clear();
  in_line_ = has_cr_ = ended_ = false;
  error_ = {};
}

std::size_t SectionLines::accept(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !ended_) {
    if (!has_cr_) {
      if (!in_line_ && is_blank(bytes[at])) return refuse("a line that begins with a blank", at);
      const std::string_view rest = bytes.substr(at);
      const std::size_t text = in_first_line_ ? accept_first(rest) : field_value_bytes(rest);
      if (text != 0) in_line_ = true;
      at += text;
      if (at == bytes.size()) break;
      if (bytes[at] != '\r') return refuse(mistake(bytes[at]), at);
      has_cr_ = true;
      if (++at == bytes.size()) break;
    }
    if (bytes[at] != '\n') return refuse("CR without LF", at);
    ++at;
    ended_ = !in_line_;
    in_line_ = in_first_line_ = has_cr_ = false;
  }
  return at;
}

std::size_t SectionLines::refuse(std::string_view what, std::size_t at) {
  error_ = what;
  return at;
}

std::size_t SectionLines::accept_first(std::string_view bytes) {
  constexpr std::size_t kKept = 8;
  const std::string_view text = bytes.substr(0, first_line_bytes(bytes));
  first_line_ += text.size();
  first_line_end_.append(text.substr(text.size() - std::min(text.size(), kKept)));
  if (first_line_end_.size() > kKept) first_line_end_.erase(0, first_line_end_.size() - kKept);
  return text.size();
}

}  // namespace gateway
