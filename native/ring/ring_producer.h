// A native producer's side of a ring: whole groups of records in, and what happens when there is no room.
#pragma once

#include <cstdint>
#include <memory>

#include "format/record.h"
#include "ring/spsc_ring.h"

namespace tickforge {

enum class FullPolicy {
  kBlock,  // the producer waits for the writer
  kDrop,   // the group is refused and counted; a drop record stands in its place
};

enum class PushResult { kPublished, kDropped, kStopped };

/// One thread's.
class RingProducer {
 public:
  RingProducer(std::shared_ptr<SpscRing> ring, FullPolicy policy) : ring_(std::move(ring)), policy_(policy) {}

  /// Publishes `cells` cells of whole records together; `records` and the first one's `ts_recv` are for the drop record. A
  /// group larger than the ring is always refused.
  PushResult push(const void* cells, std::uint32_t count, std::uint32_t records, std::int64_t ts_recv);

  SpscRing& ring() { return *ring_; }
  const std::shared_ptr<SpscRing>& shared_ring() const { return ring_; }

 private:
  /// Memory for `count` cells behind a drop record, if one is due; null when there is no room now.
  std::uint8_t* reserve(std::uint32_t count, std::int64_t ts_recv);

  std::shared_ptr<SpscRing> ring_;
  FullPolicy policy_;
  bool owes_drop_record_ = false;
};

}  // namespace tickforge
