#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// Raw HTTP/2 frames, as a peer may send them that keeps to no rules.
class FrameBuilder {
 public:
  enum Type : std::uint8_t {
    data = 0,
    headers = 1,
    priority = 2,
    rst_stream = 3,
    settings = 4,
    push_promise = 5,
    ping = 6,
    goaway = 7,
    window_update = 8,
    continuation = 9
  };
  enum Flag : std::uint8_t { end_stream = 1, ack = 1, end_headers = 4, padded = 8 };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  FrameBuilder& preface() { return raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); }
  FrameBuilder& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  FrameBuilder& frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream_id,
                      std::string_view payload) {
    const std::size_t n = payload.size();
    const char head[] = {byte(n >> 16), byte(n >> 8), byte(n), byte(type), byte(flags)};
    bytes_.append(head, sizeof head);
    bytes_ += number(stream_id);
    return raw(payload);
  }
  FrameBuilder& empty_settings() { return frame(settings, 0, 0, {}); }
  FrameBuilder& settings_ack() { return frame(settings, ack, 0, {}); }
  FrameBuilder& request(std::uint32_t id, bool ends, const Fields& more = {},
                        std::string_view method = "POST") {
    Fields fields = {
        {":method", std::string(method)}, {":scheme", "http"}, {":authority", "test"}, {":path", "/"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return frame(headers, static_cast<std::uint8_t>(end_headers | (ends ? end_stream : 0)), id,
                 block(fields));
  }
  FrameBuilder& body(std::uint32_t id, std::string_view bytes, bool ends = false) {
    return frame(data, ends ? end_stream : 0, id, bytes);
  }
  /// `pad` bytes of padding, and the byte that counts them.
  FrameBuilder& padded_body(std::uint32_t id, std::string_view bytes, std::uint8_t pad) {
    std::string payload(1, static_cast<char>(pad));
    return frame(data, padded, id, payload.append(bytes).append(pad, '\0'));
  }
  FrameBuilder& reset(std::uint32_t id, std::uint32_t code) { return frame(rst_stream, 0, id, number(code)); }
  FrameBuilder& window(std::uint32_t id, std::uint32_t increment) {
    return frame(window_update, 0, id, number(increment));
  }
  FrameBuilder& ping_frame() { return frame(ping, 0, 0, "12345678"); }

  /// Literal fields that are not indexed (RFC 7541 §6.2.2), without Huffman coding.
  static std::string block(const Fields& fields) {
    std::string out;
    for (const auto& [name, value] : fields) out += std::string(1, '\0') + text(name) + text(value);
    return out;
  }
  static std::string text(std::string_view value) { return length(value.size()).append(value); }
  static std::string number(std::uint32_t n) { return {byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}; }

  std::string take() { return std::exchange(bytes_, {}); }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  static char byte(std::size_t n) { return static_cast<char>(n & 0xff); }
  static std::string length(std::size_t n) {  // RFC 7541 §5.1, a prefix of 7 bits
    if (n < 127) return {static_cast<char>(n)};
    std::string out(1, '\x7f');
    for (n -= 127; n >= 128; n >>= 7) out.push_back(static_cast<char>((n & 0x7f) | 0x80));
    out.push_back(static_cast<char>(n));
    return out;
  }
  std::string bytes_;
};

/// One frame as it was sent.
struct Frame {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t stream_id;
  std::string payload;

  std::uint32_t number(std::size_t at) const {
    std::uint32_t n = 0;
    for (std::size_t i = at; i < at + 4; ++i) n = n << 8 | static_cast<std::uint8_t>(payload.at(i));
    return n;
  }
};

/// Cuts whole frames from what a session sent. A client's preface is to be cut off before.
inline std::vector<Frame> parse_frames(std::string_view bytes) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i]));
  };
  std::vector<Frame> frames;
  while (bytes.size() >= 9) {
    const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
    const std::uint32_t id = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    frames.push_back({static_cast<std::uint8_t>(at(3)), static_cast<std::uint8_t>(at(4)), id,
                      std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

}  // namespace support
