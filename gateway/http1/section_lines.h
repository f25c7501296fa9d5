#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gateway {

/// Walks along the lines of a header or trailer section and finds its end, before the parser sees them.
///
/// Every line has to end with CRLF; there is no CR, LF or NUL elsewhere, and no line begins with a space or
/// tab (obs-fold, RFC 9112 §5.2). The parser is more lenient in places (llhttp before 8.1.1 takes a CR alone
/// for the end of a field, CVE-2023-30589), and what two parsers read differently can smuggle a message.
/// Gives the same answers however the bytes are cut.
class SectionLines {
 public:
  /// Begins a section.
  void restart();
  /// How many of the next bytes belong to the section: all of them, or those up to and including the empty
  /// line that ends it. Sets error() on a bad one. REQUIRES: !ended().
  std::size_t accept(std::string_view bytes);
  bool ended() const { return ended_; }
  /// Bytes of the section's first line, without its CRLF, once that has come; 0: it is empty.
  std::size_t first_line() const { return first_line_; }
  /// Its last bytes, at most eight.
  std::string_view first_line_end() const { return first_line_end_; }
  /// What is wrong, in words; "" if nothing.
  std::string_view error() const { return error_; }

 private:
  bool check_part(std::string_view part);
  void keep_end(std::string_view part);

  std::size_t line_bytes_ = 0;  // of the line that is being read, without its LF
  std::size_t first_line_ = 0;
  bool in_first_line_ = true;
  std::string first_line_end_;  // with its CR while it is read
  bool ends_in_cr_ = false;
  bool ended_ = false;
  std::string_view error_;
};

}  // namespace gateway
