#pragma once

#include <thread>

namespace support {

/// Runs `body` on a thread that has kept no pieces of memory yet (pool/pieces.h), to its end.
template <typename Body>
void on_a_new_thread(Body body) {
  std::thread(body).join();
}

}  // namespace support
