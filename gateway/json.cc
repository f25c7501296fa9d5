#include "gateway/json.h"

namespace gateway {

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    unsigned code_point = 0;
    std::size_t length = 1;
    if (rapidjson::UTF8<>::Decode(stream, &code_point)) {
      length = stream.Tell();
      valid += text.substr(0, length);
    } else {
      valid += "\xEF\xBF\xBD";
    }
    text.remove_prefix(length);
  }
  return valid;
}

}  // namespace gateway
