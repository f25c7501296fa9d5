#pragma once

#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

namespace gateway {

/// One line, for logs. StringBuffer::GetString() has the text.
using JsonLineWriter = rapidjson::Writer<rapidjson::StringBuffer>;
/// For people to read.
using JsonPageWriter = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

/// `text` with U+FFFD in the place of each byte that is not UTF-8: field values may hold any byte (RFC 9110
/// §5.5), JSON may not (RFC 8259 §8.1).
std::string valid_utf8(std::string_view text);

template <typename Writer>
void write_json(Writer& writer, std::string_view text) {
  bool ascii = true;
  for (const char c : text) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  if (ascii) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  } else {
    const std::string valid = valid_utf8(text);
    writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  }
}

template <typename Writer>
void write_json_key(Writer& writer, std::string_view key) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

template <typename Writer>
void write_json(Writer& writer, std::string_view key, std::string_view text) {
  write_json_key(writer, key);
  write_json(writer, text);
}

}  // namespace gateway
