#include "tail/live_rings.h"

#include <algorithm>

#include "ring/ring_set.h"
#include "ring/shared_memory.h"

namespace tickforge {

bool LiveRings::attach() {
  auto directory = shared_directory_of(data_directory_, journal_);
  if (!directory) return false;
  auto memory = open_producer_table(directory.value());
  if (!memory) return false;
  shared_directory_ = directory.take();
  memory_ = memory.take();
  table_ = reinterpret_cast<ProducerTable*>(memory_.data());
  seen_changes_ = 0;
  if (!writer_is_gone()) return true;
  // A recorder that was killed leaves its table behind.
  detach();
  return false;
}

void LiveRings::detach() {
  rings_.clear();
  table_ = nullptr;
  memory_.reset();
}

bool LiveRings::writer_is_gone() const {
  if (writer_has_stopped()) return true;
  const std::uint64_t started = process_started(writer_process());
  if (started == 0) return true;
  // Producer 0 is the writer's own: its slot tells the process from a later one of the same number.
  const ProducerSlot& first = table_->slots[0];
  return first.process_id.load(std::memory_order_acquire) == writer_process() &&
         first.process_started.load(std::memory_order_relaxed) != started;
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
