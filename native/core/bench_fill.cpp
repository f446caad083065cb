#include "core/bench_fill.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/clock.h"

namespace tickforge {
namespace {

constexpr std::uint32_t kBatch = 256;
constexpr std::int64_t kWaitNs = 1'000'000'000;

bool wait_for_space(SpscRing& ring, std::uint32_t cells) {
  while (!ring.wait_for_space(cells, kWaitNs)) {
    if (ring.state() != RingState::kOpen) return false;
  }
  return true;
}

bool produce(SpscRing& ring, std::uint64_t records, std::int64_t ts) {
  Trade trade{};
  trade.head.cells = 1;
  trade.head.type = static_cast<std::uint8_t>(RecordType::kTrade);
  trade.head.flags = kFlagLast | kFlagBuy;
  trade.head.instrument = 1;
  trade.head.ts_recv = ts;
  trade.price = 6'000'000'000'000;
  trade.size = 100'000;
  for (std::uint64_t done = 0; done < records;) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, records - done));
    if (!wait_for_space(ring, count)) return false;
    std::uint8_t* cells = ring.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      trade.head.ts_recv += 1;
      trade.head.ts_event = trade.head.ts_recv - 1'000'000;
      trade.head.frame = done + i;
      trade.price += (trade.trade_id & 1) != 0 ? 100 : -100;
      trade.trade_id += 1;
      trade.sequence = trade.trade_id;
      std::memcpy(cells + std::size_t{i} * kCellBytes, &trade, sizeof trade);
    }
    ring.commit(count);
    done += count;
  }
  return wait_for_space(ring, ring.capacity());
}

}  // namespace

bool fill_ring(SpscRing& ring, std::uint64_t records, std::int64_t ts) {
  bool written = false;
  // Not across midnight: the benchmark is about one segment.
  const std::int64_t day_end = (std::int64_t{day_of(ts)} + 1) * kNsPerDay;
  const std::int64_t start = std::min(ts, day_end - 1 - static_cast<std::int64_t>(records));
  std::thread producer([&] { written = produce(ring, records, start); });
  producer.join();
  return written;
}

}  // namespace tickforge
