#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/field_sink.h"
#include "h2/header_list.h"

namespace gateway {

/// How the end of a body is told (RFC 9112 §6).
enum class Framing : std::uint8_t { none, sized, chunked, until_close };

/// What the fields of a head that was written say of its framing.
struct WrittenFields {
  std::optional<std::uint64_t> content_length;
  bool te = false;
  std::string_view error{};  // why they cannot be written, in words
};

struct WrittenHead {
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // of a sized body
  bool keep_alive = true;            // of a response: another may follow on the connection
  std::string_view error{};          // why nothing was written, in words; "" if it was
};

/// Appends the head of a request in HTTP/1.1 to a text: the request line from :method and :path, Host from
/// :authority, the fields as they are, and the framing. A body with a Content-Length keeps it, another one is
/// chunked; without a body there is no framing field, but "Content-Length: 0" for a method that expects one
/// (RFC 9110 §8.6). "te" is named in Connection (RFC 9110 §10.1.4). A CONNECT with :protocol (RFC 8441) is a GET
/// that asks to be upgraded to that; what goes through the tunnel is no body of it.
///
/// Writes nothing and returns an error for what could split the message or be read as another one: a method,
/// name, value, path or authority with bytes that may not stand there, CONNECT without :protocol, a Content-Length that is no
/// number or is not there alone, or without its body. Fields of the connection (Transfer-Encoding, Upgrade…)
/// and Host are not copied.
class RequestHeadWriter final : public FieldSink {
 public:
  /// `expected`: bytes that there may be.
  RequestHeadWriter(std::string& out, std::size_t expected);
  void add(const h2::HeaderField& field) override;
  void add_joined(std::string_view name, std::initializer_list<std::string_view> parts) override;
  [[nodiscard]] WrittenHead finish(bool has_body);

 private:
  void add_pseudo(const h2::HeaderField& field);
  void begin_fields();

  std::string& out_;
  const std::size_t begin_;
  std::string_view method_;
  std::string_view upgrade_;
  std::string_view path_;
  std::string_view authority_;
  bool in_fields_ = false;
  WrittenFields fields_;
};

/// The same of a list.
[[nodiscard]] WrittenHead write_request_head(const h2::HeaderList& request, bool has_body, std::string& out);

/// To whom a response goes.
struct ResponseTo {
  std::string_view method;  // of the request
  bool http_1_1 = true;     // its version; else 1.0
  bool keep_alive = true;   // both sides would go on
};

/// Appends the head of a response in HTTP/1.1, final or interim, as write_request_head() does of a request. A
/// body with a Content-Length keeps it; another one is chunked, or ends with the connection where the client
/// speaks HTTP/1.0. Without a body there is "Content-Length: 0" where it would have one (not for HEAD, 204,
/// 304). Connection says "close", or "keep-alive" to HTTP/1.0. A 101 says Upgrade: websocket, and what follows it
/// is a tunnel, until_close; a 426 that tells of a WebSocket's version says the same (RFC 9110 §15.5.22).
[[nodiscard]] WrittenHead write_response_head(const h2::HeaderList& response, bool has_body,
                                              const ResponseTo& to, std::string& out);

/// What stands before the bytes of a chunk; kChunkEnd follows them. Fits in front of a slice in pool::Output.
class ChunkHeader {
 public:
  /// REQUIRES: size is not 0 (that is the last chunk).
  explicit ChunkHeader(std::uint32_t size);
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text_.data(), size_)); }

 private:
  std::array<char, 10> text_;  // eight digits, CR, LF
  std::size_t size_;
};
inline constexpr std::string_view kChunkEnd = "\r\n";

/// Appends the last chunk, with the trailers that may be sent (null: none), which ends the message. Trailers
/// that may not be, or have bytes that may not stand there, are left out.
void write_last_chunk(const h2::HeaderList* trailers, std::string& out);

}  // namespace gateway
