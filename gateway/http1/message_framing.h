#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gateway {

/// Gathers what the fields of a message's head say about where the message ends and whether the connection
/// goes on (RFC 9112 §6, §9.3). What two readers could understand differently is an error: who is attacked by
/// smuggling sits behind us. Confined to its codec.
class MessageFraming {
 public:
  /// A field came; `name` in lower case, `value` trimmed.
  void note(std::string_view name, std::string_view value);
  /// Why the message's end is not clear, in words; "" if it is.
  std::string_view judge(bool http_1_1) const;

  /// After judge() found nothing:
  bool coded() const { return transfer_encodings_ != 0; }  // in chunks
  bool sized() const { return content_lengths_ != 0; }
  std::uint64_t content_length() const { return content_length_.value_or(0); }
  bool keep_alive(bool http_1_1) const { return !asks_close_ && (http_1_1 || asks_keep_alive_); }

 private:
  int content_lengths_ = 0;  // how many fields
  int transfer_encodings_ = 0;
  std::optional<std::uint64_t> content_length_;
  bool chunked_ = false;
  bool asks_close_ = false;
  bool asks_keep_alive_ = false;
};

}  // namespace gateway
