// A producer for the benchmark of the journal: trades from a native thread, as fast as the ring takes them.
#pragma once

#include <cstdint>

#include "ring/spsc_ring.h"

namespace tickforge {

/// Publishes `records` trades of instrument 1, in batches of 256, with ts_recv counting up from `ts` within its day;
/// waits until the writer has written them all. False when nobody consumes any more.
bool fill_ring(SpscRing& ring, std::uint64_t records, std::int64_t ts);

}  // namespace tickforge
