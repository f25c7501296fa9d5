#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace support {

/// How many of the pages of `piece`, which begins with one, have memory.
inline std::ptrdiff_t resident_pages(std::span<std::byte> piece) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((piece.size() + page - 1) / page);
  EXPECT_EQ(::mincore(piece.data(), piece.size(), pages.data()), 0);
  return std::ranges::count_if(pages, [](unsigned char bits) { return (bits & 1U) != 0; });
}

}  // namespace support
