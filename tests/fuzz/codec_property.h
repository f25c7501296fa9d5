#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http1/codec.h"
#include "gateway/http1/field_syntax.h"

// What holds of Http1Codec whatever comes, for the fuzz targets that use it. A property that does not hold ends the
// process, so that libFuzzer keeps the input.

namespace gateway::fuzz {

inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "property: %s\n", what);
  std::abort();
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Tells what a codec said, in one string; bodies in one piece however they came. Keeps the heads.
class Told final : public CodecEvents {
 public:
  struct Head {
    h2::HeaderList fields;
    bool has_body = false;
    bool http_1_1 = true;
  };

  void on_head(h2::HeaderList&& head, bool has_body) override {
    add(has_body ? "head" : "bodyless", head);
    heads.push_back({std::move(head), has_body, codec->http_1_1()});
    body.clear();
    if (stops) codec->stop();
  }
  void on_interim(h2::HeaderList&& head) override {
    add("interim", head);
    heads.push_back({std::move(head)});
  }
  void on_body(std::span<const std::byte> bytes) override {
    if (!std::exchange(in_body_, true)) text += "\ndata ";
    const std::string_view more(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    text += more;
    body += more;
  }
  void on_trailers(h2::HeaderList&& trailers) override { add("trailers", trailers); }
  void on_complete(bool keep_alive) override {
    in_body_ = false;
    text += "\ncomplete";
    keeps = keep_alive;
  }

  std::string text;
  std::vector<Head> heads;
  std::string body;             // of the last head
  bool keeps = false;           // what the last on_complete said
  Http1Codec* codec = nullptr;  // who tells
  bool stops = false;           // it is told stop() at each head

 private:
  void add(std::string_view what, const h2::HeaderList& fields) {
    in_body_ = false;
    text.append("\n").append(what);
    for (const h2::HeaderField field : fields) {
      demand(is_field_value(field.value), "a value has no byte that may not stand in one");
      text.append("|").append(field.name).append("=").append(field.value);
    }
  }
  bool in_body_ = false;
};

/// How a text is read.
struct Reading {
  CodecRole role;
  std::string_view method{};  // that a response answers
  CodecLimits limits{};
  bool ends = false;   // the peer ends behind the text
  bool stops = false;  // as Http1Connection does at heads of requests
  bool (*opens_tunnel)(const Told::Head&) = nullptr;  // which requests are answered with 101
};

/// Reads `text` in pieces, `next(left)` bytes at a time, of which there are `left`: all requests, or one response.
inline Told read(std::string_view text, const Reading& reading, const std::function<std::size_t(std::size_t)>& next) {
  Told told;
  Http1Codec codec(reading.role, told, reading.limits);
  told.codec = &codec;
  told.stops = reading.stops;
  codec.begin(reading.method);
  const bool is_request = reading.role == CodecRole::requests;
  while (!text.empty() && (is_request || !codec.idle())) {
    if (codec.idle()) codec.begin();
    const std::string_view piece = text.substr(0, next(text.size()));
    const std::size_t heads = told.heads.size();
    const Http1Codec::Result result = codec.feed(bytes_of(piece));
    demand(result.consumed <= piece.size(), "no more is consumed than was fed");
    if (!result.error.empty()) {
      demand(result.status >= 400 && result.status <= 505, "an error has a status");
      told.text += "\nerror";  // which one, where there are several in one section, depends on how much is seen at once
      return told;
    }
    const bool has_stopped = reading.stops && told.heads.size() > heads;
    demand(result.consumed == piece.size() || codec.idle() || has_stopped, "what is not complete takes all");
    demand(result.consumed > 0, "every call gets on");
    text.remove_prefix(result.consumed);
    // A response behind which something follows does not keep its connection: known here or with the next bytes.
    if (codec.idle()) told.text += told.keeps && (is_request || text.empty()) ? " keep" : " close";
    if (codec.idle() && reading.opens_tunnel != nullptr && reading.opens_tunnel(told.heads.back())) codec.begin_tunnel();
  }
  if (!reading.ends || !text.empty()) return told;
  const bool was_idle = codec.idle();
  const Http1Codec::Result end = codec.end_of_input();
  demand(!was_idle || end.error.empty(), "an end between messages is in order");
  told.text += end.error.empty() ? "\nend" : "\ncut short";
  return told;
}

/// Reads `text` whole, byte by byte, and in two other ways that `seed` picks; demands the same of all. Returns what was told.
inline Told read_all_ways(std::string_view text, Reading reading, std::uint32_t seed) {
  reading.stops = false;
  Told whole = read(text, reading, [](std::size_t left) { return left; });
  const auto same = [&](const std::function<std::size_t(std::size_t)>& next, const char* what) {
    const Told other = read(text, reading, next);
    if (other.text != whole.text) std::fprintf(stderr, "whole:%s\nother:%s\n", whole.text.c_str(), other.text.c_str());
    demand(other.text == whole.text, what);
  };
  std::uint32_t state = seed | 1;
  const auto random = [&state](std::size_t left) {
    state = state * 1664525U + 1013904223U;
    return 1 + (state >> 8) % left;
  };
  same([](std::size_t) { return 1; }, "byte by byte is the same");
  same(random, "cut anywhere is the same");
  reading.stops = true;
  same([](std::size_t left) { return left; }, "whole with a stop at each head is the same");
  same(random, "cut anywhere with a stop at each head is the same");
  return whole;
}

/// The fields that a message's writer passes on as they are, one a line.
inline std::string plain_fields(const h2::HeaderList& head) {
  std::string text;
  for (const h2::HeaderField field : head) {
    if (field.name.starts_with(':') || field.name == "host" || field.name == "content-length" ||
        is_connection_specific(field.name)) {
      continue;
    }
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

/// Reads a head that was written from one that was read: all of it is that head and nothing more.
inline Told::Head read_written(std::string_view text, const Reading& how) {
  Reading reading = how;
  reading.limits = {.max_header_bytes = SIZE_MAX / 2, .max_header_fields = SIZE_MAX / 2};
  reading.ends = reading.stops = false;
  reading.opens_tunnel = nullptr;
  Told told = read(text, reading, [](std::size_t left) { return left; });
  demand(told.heads.size() == 1, "what was written is one head");
  demand(told.text.find("\nerror") == std::string::npos, "what was written can be read");
  demand(told.text.find("\ndata") == std::string::npos, "what was written has no body in it");
  return std::move(told.heads.front());
}

/// An input of the targets of ordinary messages: the first byte says how the rest is read. Calls `demand_of_head` with each head that was
/// taken.
inline void run(std::span<const std::uint8_t> input, CodecRole role, void (*demand_of_head)(const Told::Head&, const Reading&)) {
  if (input.empty()) return;
  const std::uint8_t how = input[0];
  Reading reading{.role = role, .ends = (how & 1) != 0};
  if ((how & 2) != 0) reading.limits = {.max_header_bytes = 256, .max_header_fields = 4};
  if (role == CodecRole::responses) reading.method = (how & 4) != 0 ? "HEAD" : "GET";
  const std::string_view text(reinterpret_cast<const char*>(input.data()) + 1, input.size() - 1);
  for (const Told::Head& head : read_all_ways(text, reading, how).heads) demand_of_head(head, reading);
}

}  // namespace gateway::fuzz
