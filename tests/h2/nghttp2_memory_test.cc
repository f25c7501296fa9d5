#include "h2/nghttp2_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "h2/session.h"

namespace h2 {
namespace {

class Nghttp2Allocator : public testing::Test {
 protected:
  ~Nghttp2Allocator() override { EXPECT_EQ(memory_.bytes, 0U); }

  unsigned char* allocate(std::size_t size) {
    return static_cast<unsigned char*>(allocator_.malloc(size, allocator_.mem_user_data));
  }
  unsigned char* resize(void* piece, std::size_t size) {
    return static_cast<unsigned char*>(allocator_.realloc(piece, size, allocator_.mem_user_data));
  }
  unsigned char* zeroed(std::size_t n, std::size_t size) {
    return static_cast<unsigned char*>(allocator_.calloc(n, size, allocator_.mem_user_data));
  }
  void free(void* piece) { allocator_.free(piece, allocator_.mem_user_data); }

  Nghttp2Memory memory_{nullptr};
  nghttp2_mem allocator_ = make_nghttp2_allocator(memory_);
};

constexpr std::size_t kSmall = 100;
constexpr std::size_t kBig = 16 * 1024 + 10;  // nghttp2's frame buffer

TEST_F(Nghttp2Allocator, counts_what_it_gives_and_takes_it_off_again) {
  for (const std::size_t size : {std::size_t{0}, kSmall, 16 * 1024 - std::size_t{1}, kBig, 100 * kBig}) {
    unsigned char* piece = allocate(size);
    ASSERT_NE(piece, nullptr);
    std::fill_n(piece, size, std::uint8_t{0xa5});
    EXPECT_GE(memory_.bytes, size);
    EXPECT_LE(memory_.bytes, size + 48);
    free(piece);
    EXPECT_EQ(memory_.bytes, 0U);
  }
  free(nullptr);
}

TEST_F(Nghttp2Allocator, keeps_what_stands_in_a_piece_that_grows_and_shrinks_over_the_border) {
  unsigned char* piece = resize(nullptr, kSmall);
  for (std::size_t i = 0; i < kSmall; ++i) piece[i] = static_cast<unsigned char>(i);
  for (const std::size_t size : {2 * kSmall, kBig, 3 * kBig, kSmall}) {
    piece = resize(piece, size);
    ASSERT_NE(piece, nullptr);
    EXPECT_GE(memory_.bytes, size);
    EXPECT_LE(memory_.bytes, size + 48);
    for (std::size_t i = 0; i < kSmall; ++i) ASSERT_EQ(piece[i], i) << "resized to " << size;
  }
  free(piece);
}

TEST_F(Nghttp2Allocator, a_zeroed_piece_is_zero_where_another_was_before) {
  for (const std::size_t size : {kSmall, kBig}) {
    unsigned char* before = allocate(size);
    std::fill_n(before, size, std::uint8_t{0xff});
    free(before);
    unsigned char* piece = zeroed(1, size);
    EXPECT_EQ(std::count(piece, piece + size, 0), static_cast<std::ptrdiff_t>(size));
    free(piece);
  }
  EXPECT_EQ(zeroed(std::numeric_limits<std::size_t>::max() / 2, 3), nullptr);
  EXPECT_EQ(allocate(std::numeric_limits<std::size_t>::max()), nullptr);
}

TEST_F(Nghttp2Allocator, a_frame_buffer_has_no_memory_where_nothing_was_written) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  free(allocate(kBig));
  unsigned char* piece = allocate(kBig);
  std::fill_n(piece, 500, std::uint8_t{1});
  std::vector<unsigned char> resident((kBig + page) / page);
  unsigned char* const first = piece - reinterpret_cast<std::uintptr_t>(piece) % page;
  ASSERT_EQ(::mincore(first, kBig, resident.data()), 0);
  EXPECT_EQ(
      std::count_if(resident.begin(), resident.end(), [](unsigned char bits) { return (bits & 1U) != 0; }),
      1);
  free(piece);
}

}  // namespace
}  // namespace h2
