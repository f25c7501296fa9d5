#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/session_pair.h"

namespace support {

/// A server in front of a peer made of raw frames.
struct RawServer {
  explicit RawServer(std::size_t blocks, const h2::SessionLimits& limits = {})
      : house(blocks), end(h2::Role::server, limits, house) {}
  void hello(bool acknowledges) {
    FrameBuilder frames;
    frames.preface().empty_settings();
    if (acknowledges) frames.settings_ack();
    ASSERT_TRUE(end.feed(frames.take()));
    end.produce();
  }
  Side& open(std::uint32_t id) {
    EXPECT_TRUE(end.feed(FrameBuilder().request(id, false).take()));
    return *end.sides.back();
  }
  std::vector<Frame> answers() { return parse_frames(end.produce()); }

  PoolHouse house;
  End end;
};

}  // namespace support
