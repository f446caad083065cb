// Several groups of records in one publication: a read of a socket holds many batches, and each publication may wake
// the writer.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "ring/spsc_ring.h"

namespace tickforge {

/// The producer's side of a ring that never waits. One thread's.
class RingAppender {
 public:
  explicit RingAppender(SpscRing& ring) : ring_(ring) {}

  /// Memory for `cells` cells behind those that were kept, or null when there is no room now.
  std::uint8_t* space(std::uint32_t cells) {
    if (std::uint64_t{kept_} + cells > ring_.capacity()) return nullptr;
    std::uint8_t* memory = ring_.reserve(kept_ + cells);
    return memory == nullptr ? nullptr : memory + std::size_t{kept_} * kCellBytes;
  }
  /// The first `cells` cells of the space are to be published.
  void keep(std::uint32_t cells) { kept_ += cells; }
  /// Position of the ring behind all that was kept.
  std::uint32_t position() const { return ring_.published() + kept_; }
  /// Publishes what was kept; false when that is nothing.
  bool publish() {
    if (kept_ == 0) return false;
    ring_.commit(kept_);
    kept_ = 0;
    return true;
  }

  SpscRing& ring() { return ring_; }

 private:
  SpscRing& ring_;
  std::uint32_t kept_ = 0;
};

}  // namespace tickforge
