#include "tail/live_rings.h"

#include <algorithm>

#include "ring/ring_set.h"
#include "ring/shared_memory.h"

namespace tickforge {

bool LiveRings::attach() {
  auto directory = shared_directory_of(data_directory_, journal_);
  if (!directory) return false;
  auto table = SharedTable::open(directory.value());
  if (!table) return false;
  shared_directory_ = directory.take();
  table_ = table.take();
  seen_changes_ = 0;
  return true;
}

void LiveRings::detach() {
  rings_.clear();
  table_ = SharedTable{};
}

void LiveRings::refresh() {
  seen_changes_ = table_->changes.load(std::memory_order_seq_cst);
  for (std::uint32_t i = 0; i < kProducersMax; ++i) {
    const ProducerSlot& slot = table_->slots[i];
    const auto state = static_cast<SlotState>(slot.state.load(std::memory_order_acquire));
    const std::uint32_t generation = slot.generation.load(std::memory_order_relaxed);
    const bool there = state == SlotState::kOpen || state == SlotState::kEnded;
    bool known = false;
    for (LiveRing& live : rings_) {
      if (live.producer != i) continue;
      known = known || live.generation == generation;
      live.ended = live.ended || !there || live.generation != generation;
    }
    if (!there || known) continue;
    auto ring = SpscRing::open(ring_path(shared_directory_, i, generation), Access::kRead);
    // Gone again, or not to be mapped: the file has its records. The next recorder gives its rings the same names, but not
    // before this one is gone: as long as it lives, the ring is its own.
    if (!ring || writer_is_gone()) continue;
    ring.value()->share_bells(table_->writer_bell, table_->readers_bell);
    LiveRing live;
    live.producer = i;
    live.generation = generation;
    live.ring = ring.take();
    rings_.push_back(std::move(live));
  }
  std::erase_if(rings_, [](const LiveRing& live) { return live.ended; });
}

}  // namespace tickforge
