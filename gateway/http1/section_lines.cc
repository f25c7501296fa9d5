#include "gateway/http1/section_lines.h"

#include <algorithm>

namespace gateway {

void SectionLines::restart() {
  *this = SectionLines();
}

std::size_t SectionLines::accept(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t lf = bytes.find('\n', at);
    const std::size_t part_end = lf == std::string_view::npos ? bytes.size() : lf;
    if (!check_part(bytes.substr(at, part_end - at))) return at;
    if (lf == std::string_view::npos) return bytes.size();
    if (!ends_in_cr_) {
      error_ = "LF without CR";
      return at;
    }
    ended_ = line_bytes_ == 1;  // CR alone: the empty line
    if (in_first_line_) {
      in_first_line_ = false;
      first_line_ = line_bytes_ - 1;
      first_line_end_.pop_back();
    }
    ends_in_cr_ = false;
    line_bytes_ = 0;
    at = lf + 1;
    if (ended_) break;
  }
  return at;
}

bool SectionLines::check_part(std::string_view part) {
  if (part.empty()) return true;
  const std::size_t cr = part.find('\r');
  if (ends_in_cr_ || (cr != std::string_view::npos && cr + 1 != part.size())) {
    error_ = "CR without LF";
  } else if (line_bytes_ == 0 && (part.front() == ' ' || part.front() == '\t')) {
    error_ = "a line that begins with a blank";
  } else if (part.find('\0') != std::string_view::npos) {
    error_ = "NUL";
  }
  ends_in_cr_ = cr != std::string_view::npos;
  line_bytes_ += part.size();
  if (in_first_line_) keep_end(part);
  return error_.empty();
}

void SectionLines::keep_end(std::string_view part) {
  constexpr std::size_t kKept = 9;
  first_line_end_.append(part.substr(part.size() - std::min(part.size(), kKept)));
  if (first_line_end_.size() > kKept) first_line_end_.erase(0, first_line_end_.size() - kKept);
}

}  // namespace gateway
