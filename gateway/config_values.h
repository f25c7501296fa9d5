#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pool/shortage.h"

namespace gateway {

/// A whole number and a unit, without a space: "500ms", "10s", "2m", "1h". Nothing for anything else, or
/// beyond 2^63 ms.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest text that parse_duration reads back: "90s", "2m".
std::string format_duration(std::chrono::milliseconds duration);

/// "16KiB", "256MiB", "1GiB", "512B"; a bare number is bytes. Nothing for anything else, or beyond 2^63
/// bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// The shortest exact text that parse_size reads back: "16KiB", "1000B".
std::string format_size(std::uint64_t bytes);

/// "none", "every 3", "random 0.33" or "random 0.33 seed 7". Nothing for anything else: numbers begin at 1, a
/// share is more than 0 and at most 1.
std::optional<pool::Shortage> parse_shortage(std::string_view text);

/// The word that `typed` was probably meant to be; "" if none is close. Edit distance (insert, delete,
/// replace, swap of two neighbours), letter case ignored; at most a third of the word may differ.
std::string_view nearest_word(std::string_view typed, std::span<const std::string_view> words);

/// `"a", "b" or "c"`, for messages.
std::string one_of(std::span<const std::string_view> words);

}  // namespace gateway
