#include "gateway/http1/message_framing.h"

#include "gateway/http1/field_syntax.h"

namespace gateway {

void MessageFraming::note(std::string_view name, std::string_view value) {
  if (name == "content-length") {
    ++content_lengths_;
    content_length_ = parse_content_length(value);
  } else if (name == "transfer-encoding") {
    ++transfer_encodings_;
    chunked_ = equals_ignoring_case(value, "chunked");
  } else if (name == "connection") {
    asks_close_ |= list_has(value, "close");
    asks_keep_alive_ |= list_has(value, "keep-alive");
  }
}

std::string_view MessageFraming::judge(bool http_1_1) const {
  if (coded() && (transfer_encodings_ > 1 || !chunked_)) return "Transfer-Encoding other than chunked";
  if (coded() && sized()) return "both Transfer-Encoding and Content-Length";
  if (coded() && !http_1_1) return "Transfer-Encoding in HTTP/1.0";
  if (sized() && (content_lengths_ > 1 || !content_length_)) return "Content-Length not one number";
  return {};
}

}  // namespace gateway
