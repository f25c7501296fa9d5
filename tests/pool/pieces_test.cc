#include "pool/pieces.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/support/new_thread.h"
#include "tests/support/resident_pages.h"

namespace pool {
namespace {

using support::on_a_new_thread;  // whatever was kept before, so that each test begins with an empty one

bool keeps() {
  bool kept = false;
  on_a_new_thread([&] {
    free_piece(allocate_piece(100), piece_capacity(100));
    kept = kept_bytes() > 0;
  });
  return kept;
}

TEST(Pieces, HaveTheCapacityThatIsAskedFor) {
  on_a_new_thread([] {
    for (int round = 0; round < 2; ++round) {  // from malloc, then from what is kept
      std::vector<std::pair<void*, std::size_t>> pieces;
      for (std::size_t size = 0; size <= kLargestPiece + 100; size += 3) {
        ASSERT_GE(piece_capacity(size), size);
        pieces.emplace_back(allocate_piece(size), size);
        ASSERT_EQ(0u, reinterpret_cast<std::uintptr_t>(pieces.back().first) % alignof(std::max_align_t));
        std::memset(pieces.back().first, static_cast<int>(size), size);
      }
      for (const auto& [piece, size] : pieces) {
        const auto* bytes = static_cast<const unsigned char*>(piece);
        for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(static_cast<unsigned char>(size), bytes[i]);
      }
      for (const auto& [piece, size] : pieces) free_piece(piece, piece_capacity(size));
    }
  });
}

TEST(Pieces, AreUsedAgainForTheSameCapacityOnly) {
  if (!keeps()) GTEST_SKIP() << "a sanitizer sees every piece";
  on_a_new_thread([] {
    void* first = allocate_piece(100);
    free_piece(first, piece_capacity(100));
    EXPECT_EQ(piece_capacity(100), kept_bytes());
    void* larger = allocate_piece(200);
    EXPECT_NE(first, larger);
    void* again = allocate_piece(piece_capacity(100));
    EXPECT_EQ(first, again);
    EXPECT_EQ(0u, kept_bytes());
    free_piece(larger, piece_capacity(200));
    free_piece(again, piece_capacity(100));
  });
}

TEST(Pieces, AThreadKeepsNoMoreThanItsShare) {
  if (!keeps()) GTEST_SKIP() << "a sanitizer sees every piece";
  on_a_new_thread([] {
    std::vector<void*> pieces(2 * kKeptBytes / 1000);
    for (void*& piece : pieces) piece = allocate_piece(1000);
    for (void* piece : pieces) free_piece(piece, piece_capacity(1000));
    EXPECT_LE(kept_bytes(), kKeptBytes);
    EXPECT_GT(kept_bytes(), kKeptBytes - piece_capacity(1000));
  });
}

TEST(Pieces, OfPagesOfTheirOwnHaveNoMemoryUntilTheyAreUsed) {
  if (!has_pages_of_its_own()) GTEST_SKIP() << "a sanitizer sees every piece";
  on_a_new_thread([] {
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const MappedPiece piece(4 * page);
    ASSERT_EQ(4 * page, piece.bytes().size());
    EXPECT_EQ(0, support::resident_pages(piece.bytes()));
    piece.bytes()[2 * page] = std::byte{1};
    EXPECT_EQ(1, support::resident_pages(piece.bytes()));
    empty_piece(piece.bytes().data(), piece.bytes().size());
    EXPECT_EQ(0, support::resident_pages(piece.bytes()));
    EXPECT_EQ(std::byte{0}, piece.bytes()[2 * page]);
  });
}

TEST(Pieces, OfPagesOfTheirOwnAreUsedAgainForTheSameSizeOnly) {
  if (!keeps()) GTEST_SKIP() << "a sanitizer sees every piece";
  on_a_new_thread([] {
    void* small = map_piece(5000);
    void* large = map_piece(50000);
    unmap_piece(small, 5000);
    unmap_piece(large, 50000);
    EXPECT_EQ(55000u, kept_bytes());
    void* other = map_piece(6000);
    EXPECT_EQ(small, map_piece(5000));
    EXPECT_EQ(large, map_piece(50000));
    EXPECT_EQ(0u, kept_bytes());
    for (const auto& [piece, size] : {std::pair(small, 5000), std::pair(large, 50000), std::pair(other, 6000)}) {
      unmap_piece(piece, static_cast<std::size_t>(size));
    }
  });
}

TEST(Pieces, OfPagesOfTheirOwnAreKeptWithinTheSameShareAndNotByTheHundred) {
  if (!keeps()) GTEST_SKIP() << "a sanitizer sees every piece";
  for (const std::size_t size : {std::size_t{4096}, kKeptBytes / 4}) {
    on_a_new_thread([size] {
      std::vector<void*> pieces(100);
      for (void*& piece : pieces) piece = map_piece(size);
      for (void* piece : pieces) unmap_piece(piece, size);
      EXPECT_EQ(std::min(16 * size, kKeptBytes), kept_bytes());
      void* piece = allocate_piece(100);
      free_piece(piece, piece_capacity(100));
      EXPECT_LE(kept_bytes(), kKeptBytes);
    });
  }
}

TEST(Pieces, MayBeFreedByAnotherThread) {
  void* piece = allocate_piece(100);
  on_a_new_thread([piece] { free_piece(piece, piece_capacity(100)); });
}

}  // namespace
}  // namespace pool
