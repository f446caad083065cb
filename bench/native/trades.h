// A producer of trades: what a feed handler would publish, as fast as the ring takes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "format/record.h"
#include "options.h"
#include "ring/spsc_ring.h"

namespace tickforge::bench {

/// Trades of instrument 1, with ts_recv counting up within one day.
class TradeMaker {
 public:
  /// `records`: how many will be made at most, so that midnight is not among them.
  explicit TradeMaker(std::uint64_t records, std::int64_t step_ns = 1) : step_ns_(step_ns) {
    const std::int64_t now = realtime_ns();
    const std::int64_t day_end = (std::int64_t{day_of(now)} + 1) * kNsPerDay;
    const std::int64_t length = static_cast<std::int64_t>(records) * step_ns;
    trade_.head.cells = 1;
    trade_.head.type = static_cast<std::uint8_t>(RecordType::kTrade);
    trade_.head.flags = kFlagLast | kFlagBuy;
    trade_.head.instrument = 1;
    trade_.head.ts_recv = std::min(now, day_end - 1 - length);
    trade_.price = 6'000'000'000'000;
    trade_.size = 100'000;
  }

  void put(std::uint8_t* cell) {
    trade_.head.ts_recv += step_ns_;
    trade_.head.ts_event = trade_.head.ts_recv - 1'000'000;
    trade_.head.frame = trade_.trade_id;
    trade_.price += (trade_.trade_id & 1) != 0 ? 100 : -100;
    trade_.trade_id += 1;
    trade_.sequence = trade_.trade_id;
    std::memcpy(cell, &trade_, sizeof trade_);
  }
  std::uint64_t made() const { return trade_.trade_id; }
  std::int64_t last_ts_recv() const { return trade_.head.ts_recv; }

 private:
  Trade trade_{};
  std::int64_t step_ns_;
};

/// Publishes `count` trades at once; waits for room.
inline void publish_batch(SpscRing& ring, TradeMaker& maker, std::uint32_t count) {
  constexpr std::int64_t kWaitNs = 1'000'000'000;
  while (!ring.wait_for_space(count, kWaitNs)) {
    expect(ring.state() == RingState::kOpen, "the writer has stopped");
  }
  std::uint8_t* cells = ring.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) maker.put(cells + std::size_t{i} * kCellBytes);
  ring.commit(count);
}

}  // namespace tickforge::bench
