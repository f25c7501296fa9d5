#include "gateway/http1/h2c_upgrade.h"

#include "gateway/http1/field_syntax.h"

namespace gateway {
namespace {

std::uint64_t number(const std::byte* at, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
  return value;
}

/// The bounds of RFC 9113 §6.5.2 and RFC 8441 §3; identifiers that are not known are let through.
bool is_setting(const std::byte* entry) {
  const std::uint64_t value = number(entry + 2, 4);
  switch (number(entry, 2)) {
    case 2:  // ENABLE_PUSH
    case 8:  // ENABLE_CONNECT_PROTOCOL
    case 9:  // NO_RFC7540_PRIORITIES
      return value <= 1;
    case 4:  // INITIAL_WINDOW_SIZE
      return value <= 0x7fffffff;
    case 5:  // MAX_FRAME_SIZE
      return value >= 16384 && value <= 16777215;
    default:
      return true;
  }
}

bool are_settings(const std::vector<std::byte>& payload) {
  constexpr std::size_t kEntry = 6;
  if (payload.size() % kEntry != 0) return false;
  for (std::size_t at = 0; at < payload.size(); at += kEntry) {
    if (!is_setting(payload.data() + at)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::byte>> decode_base64url(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::vector<std::byte> bytes;
  std::uint32_t bits = 0;
  int count = 0;  // of bits that are not in a byte yet
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count));
    bits &= (1U << count) - 1;
  }
  // One digit too many is no byte, and what is left over has to be zero.
  if (count == 6 || bits != 0) return std::nullopt;
  return bytes;
}

H2cUpgrade read_h2c_upgrade(const h2::HeaderList& head) {
  constexpr std::string_view kSettings = "http2-settings";
  if (!list_has(head, "upgrade", "h2c") || head.count(kSettings) != 1 ||
      !list_has(head, "connection", "upgrade") || !list_has(head, "connection", kSettings)) {
    return {};
  }
  auto payload = decode_base64url(head.get(kSettings));
  if (!payload || !are_settings(*payload)) return {.kind = H2cUpgrade::Kind::broken};
  return {.kind = H2cUpgrade::Kind::asked, .settings = std::move(*payload)};
}

}  // namespace gateway
