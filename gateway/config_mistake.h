#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gateway {

/// Where something stands: in a configuration file, or (with line 0) on the command line.
struct Place {
  std::string file;  // or the option's name: "--listen"
  std::uint32_t line = 0;
  std::uint32_t column = 0;  // both from 1

  /// "FILE:LINE:COLUMN", or just the name when there is no line.
  std::string to_string() const;
};

/// One thing that is wrong with a configuration.
struct Mistake {
  enum class Severity : std::uint8_t {
    warning,  // it works, but perhaps not as it was meant
    error,
  };
  Place place;
  std::string text;  // "what is wrong; what would be right", one line
  Severity severity = Severity::error;

  /// "FILE:LINE:COLUMN: what is wrong; what would be right", with "warning: " after the place for a warning.
  std::string to_string() const;
};

/// Collects every mistake instead of stopping at the first.
class Mistakes {
 public:
  void error(Place place, std::string text);
  void warn(Place place, std::string text);
  bool has_errors() const { return errors_ != 0; }
  /// In the order of the file.
  const std::vector<Mistake>& all() const { return all_; }

 private:
  void add(Mistake mistake);

  std::vector<Mistake> all_;
  std::size_t errors_ = 0;
};

}  // namespace gateway
