#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http1/codec.h"

namespace gateway {

/// Tells what a codec said, in one string; bodies in one piece however they came.
class CodecRecorder final : public CodecEvents {
 public:
  bool admits_section(std::size_t bytes) override {
    asked.push_back(bytes);
    return bytes < admits_below;
  }
  void on_head(h2::HeaderList&& head, bool has_body) override {
    add(has_body ? "head" : "bodyless", head);
    if (stop_codec != nullptr) stop_codec->stop();
  }
  void on_interim(h2::HeaderList&& head) override { add("interim", head); }
  void on_body(std::span<const std::byte> bytes) override {
    if (!in_body_) told_ += "body |";
    in_body_ = true;
    told_.insert(told_.size() - 1, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    spans.push_back(bytes);
  }
  void on_trailers(h2::HeaderList&& trailers) override { add("trailers", trailers); }
  void on_complete(bool keep_alive) override {
    told_ += keep_alive ? "complete,keep" : "complete,close";
    in_body_ = false;
  }
  void error(std::string_view text) { told_.append("error:").append(text); }

  const std::string& told() const { return told_; }
  std::vector<std::span<const std::byte>> spans;
  Http1Codec* stop_codec = nullptr;
  std::vector<std::size_t> asked;
  std::size_t admits_below = SIZE_MAX;

 private:
  void add(std::string_view what, const h2::HeaderList& fields) {
    in_body_ = false;
    told_.append(what);
    for (const h2::HeaderField field : fields)
      told_.append(" ").append(field.name).append("=").append(field.value);
    told_ += "|";
  }
  std::string told_;
  bool in_body_ = false;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// How a text is read.
struct Reading {
  CodecRole role = CodecRole::responses;
  std::string_view method = "GET";  // that a response answers
  bool eof = false;                 // the peer ends behind the text
  CodecLimits limits{};
};

/// Feeds the pieces of `text` that end at `cuts`, then the end if it comes; ends at an error. Requests may
/// follow each other.
inline std::string read_in_pieces(std::string_view text, const std::vector<std::size_t>& cuts,
                                  const Reading& reading) {
  CodecRecorder recorder;
  Http1Codec codec(reading.role, recorder, reading.limits);
  codec.begin(reading.method);
  std::size_t from = 0;
  for (std::size_t cut : cuts) {
    while (from < cut) {
      if (codec.idle() && reading.role == CodecRole::requests) codec.begin();
      const auto result = codec.feed(bytes_of(text.substr(from, cut - from)));
      if (!result.error.empty()) {
        recorder.error(result.error);
        return recorder.told();
      }
      EXPECT_TRUE(result.consumed == cut - from || codec.idle());
      if (result.consumed == 0) break;
      from += result.consumed;
    }
  }
  if (reading.eof) {
    if (const auto result = codec.end_of_input(); !result.error.empty()) recorder.error(result.error);
  }
  return recorder.told();
}

/// What is told for `text`; checks that it is the same cut at every byte, and byte by byte.
inline std::string read_all_ways(std::string_view text, const Reading& reading) {
  const std::string whole = read_in_pieces(text, {text.size()}, reading);
  std::vector<std::size_t> every;
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    every.push_back(cut);
    EXPECT_EQ(read_in_pieces(text, {cut, text.size()}, reading), whole) << "cut at " << cut;
  }
  EXPECT_EQ(read_in_pieces(text, every, reading), whole) << "byte by byte";
  return whole;
}

inline std::string read_all_ways(std::string_view text, std::string_view method, bool eof,
                                 const CodecLimits& limits = {}) {
  return read_all_ways(text, {.method = method, .eof = eof, .limits = limits});
}

}  // namespace gateway
