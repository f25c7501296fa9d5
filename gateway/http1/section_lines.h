#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gateway {

/// Walks along the lines of a header or trailer section and finds its end, before the parser sees them.
///
/// Every line has to end with CRLF; there is no CR, LF or NUL elsewhere, and no line begins with a space or
/// tab (obs-fold, RFC 9112 §5.2). In lines of fields no byte is one that may not stand in a field's value. The
/// parser is more lenient in places (llhttp before 8.1.1 takes a CR alone for the end of a field,
/// CVE-2023-30589), and what two parsers read differently can smuggle a message. Gives the same answers however
/// the bytes are cut.
class SectionLines {
 public:
  /// Begins a section: a head, whose first line is of another kind than the others, or trailers.
  void begin_head() { begin(true); }
  void begin_trailers() { begin(false); }
  /// How many of the next bytes belong to the section: all of them, or those up to and including the empty
  /// line that ends it. Sets error() on a bad one. REQUIRES: !ended().
  std::size_t accept(std::string_view bytes);
  bool ended() const { return ended_; }
  /// Bytes of a head's first line, without its CRLF, once that has come; 0: it is empty.
  std::size_t first_line() const { return first_line_; }
  /// Its last bytes, at most eight.
  std::string_view first_line_end() const { return first_line_end_; }
  /// What is wrong, in words; "" if nothing.
  std::string_view error() const { return error_; }

 private:
  void begin(bool in_first_line);
  std::size_t refuse(std::string_view what, std::size_t at);
  std::size_t accept_first(std::string_view bytes);

  std::size_t first_line_ = 0;  // bytes of it that came
  std::string first_line_end_;
  bool in_first_line_ = true;
  bool in_line_ = false;  // a byte of the line has come
  bool has_cr_ = false;   // of the line: its LF must be next
  bool ended_ = false;
  std::string_view error_;
};

}  // namespace gateway
