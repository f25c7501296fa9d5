#include "h2/nghttp2_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "h2/session.h"
#include "pool/pieces.h"
#include "tests/support/new_thread.h"
#include "tests/support/resident_pages.h"

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
  if (!pool::has_pages_of_its_own()) GTEST_SKIP() << "a sanitizer has it on its heap";
  support::on_a_new_thread([this] {
    for (int round = 0; round < 2; ++round) {  // the second time it is that of the first
      unsigned char* piece = allocate(kBig);
      std::fill_n(piece, 500, std::uint8_t{1});
      EXPECT_EQ(support::resident_pages(memory_.frame_buffer), 1);
      free(piece);
    }
  });
}

TEST_F(Nghttp2Allocator, a_large_piece_beside_the_frame_buffer_is_an_ordinary_one) {
  unsigned char* buffer = allocate(kBig);
  unsigned char* other = allocate(kBig);
  EXPECT_EQ(memory_.frame_buffer.data(), reinterpret_cast<std::byte*>(buffer));
  std::fill_n(other, kBig, std::uint8_t{7});
  buffer[0] = 1;
  give_back_unused(memory_);
  EXPECT_EQ(buffer[0], 0);
  EXPECT_EQ(std::count(other, other + kBig, 7), static_cast<std::ptrdiff_t>(kBig));
  free(buffer);
  free(other);
}

TEST_F(Nghttp2Allocator, takes_from_the_heap_what_the_kernel_does_not_map) {
  if (!pool::has_pages_of_its_own()) GTEST_SKIP() << "a sanitizer has it on its heap";
  const auto without_mappings = [this] {
    for (int i = 0; i < 100; ++i) {  // what the thread has kept
      pool::map_piece(kBig);
      pool::map_piece(4096);
    }
    std::free(std::malloc(100 * 1024));  // the heap has that much without a system call
    const rlimit none{0, 0};
    bool ok = ::setrlimit(RLIMIT_AS, &none) == 0;
    unsigned char* buffer = allocate(kBig);
    unsigned char* table = zeroed(256, 16);
    ok = ok && buffer != nullptr && table != nullptr && memory_.frame_buffer.empty() && memory_.stream_table.empty();
    free(buffer);
    free(table);
    ::_exit(ok && memory_.bytes == 0 ? 0 : 1);
  };
  EXPECT_EXIT(without_mappings(), testing::ExitedWithCode(0), "");
}

TEST_F(Nghttp2Allocator, a_table_that_is_not_empty_is_left_alone) {
  unsigned char* table = zeroed(256, 16);
  EXPECT_EQ(memory_.stream_table.data(), reinterpret_cast<std::byte*>(table));
  table[4095] = 1;
  give_back_unused(memory_);
  EXPECT_EQ(table[4095], 1);
  free(table);
}

// A client and a server of nghttp2, which has its memory from the allocator.
class IdleSession : public Nghttp2Allocator {
 protected:
  IdleSession() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t* value,
                      std::size_t size, std::uint8_t, void* seen) {
          *static_cast<std::string*>(seen) = {reinterpret_cast<const char*>(value), size};
          return 0;
        });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_session_client_new(&client_, callbacks, &last_value_);
    nghttp2_session_server_new3(&server_, callbacks, &asked_, options, &allocator_);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(client_, NGHTTP2_FLAG_NONE, nullptr, 0);
    nghttp2_submit_settings(server_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~IdleSession() override {
    nghttp2_session_del(client_);
    nghttp2_session_del(server_);
  }

  static nghttp2_nv field(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  }
  static bool pass(nghttp2_session* from, nghttp2_session* to) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(from, &bytes);
    if (size <= 0) return false;
    EXPECT_EQ(nghttp2_session_mem_recv(to, bytes, static_cast<std::size_t>(size)), size);
    return true;
  }
  void pass_all() {
    while (pass(client_, server_) || pass(server_, client_)) continue;
  }
  // What the client read last of the answer, whose field has `value`.
  std::string ask(std::string_view value) {
    const std::array request = {field(":method", "GET"), field(":scheme", "https"), field(":authority", "localhost"), field(":path", "/")};
    const std::int32_t id = nghttp2_submit_request(client_, nullptr, request.data(), request.size(), nullptr, nullptr);
    pass_all();
    const std::span<std::byte> table = memory_.stream_table;  // a later nghttp2 begins with a smaller one
    EXPECT_TRUE(table.empty() || std::ranges::any_of(table, [](std::byte byte) { return byte != std::byte{0}; }));
    const std::array answer = {field(":status", "200"), field("x", value)};
    nghttp2_submit_response(server_, id, answer.data(), answer.size(), nullptr);
    pass_all();
    return std::exchange(last_value_, "");
  }

  std::string last_value_;
  std::string asked_;
  nghttp2_session* client_ = nullptr;
  nghttp2_session* server_ = nullptr;
};

TEST_F(IdleSession, has_no_memory_in_its_buffer_and_its_empty_table_and_works_on) {
  for (const std::string_view value : {"first", "second", "third"}) {
    EXPECT_EQ(ask(value), value);
    EXPECT_EQ(nghttp2_session_want_write(server_), 0);
    give_back_unused(memory_);
    if (!pool::has_pages_of_its_own()) continue;
    EXPECT_EQ(support::resident_pages(memory_.frame_buffer), 0);
    EXPECT_EQ(support::resident_pages(memory_.stream_table), 0);
  }
}

}  // namespace
}  // namespace h2
