#include "ring/ring_set.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/own_file.h"

namespace tickforge {
namespace {

/// Removes the shared memory of journals whose writers were killed: nobody may ever record into those again.
void remove_left_behind(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  const std::string base = directory.substr(0, slash);
  const std::string own = directory.substr(slash + 1);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(base.c_str()), &::closedir);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.starts_with("tickforge-") || name == own) continue;
    const std::string other = base + "/" + name;
    const UniqueFd table = open_own_file(table_path(other).c_str(), O_RDONLY);
    // Without a table it may be one that is being made.
    if (table && lock_for_writer(table)) remove_shared_directory(other);
  }
}

SlotState state_of(const ProducerSlot& slot) {
  return static_cast<SlotState>(slot.state.load(std::memory_order_acquire));
}

/// Takes a free slot for this process; kProducersMax when there is none.
std::uint32_t claim_slot(ProducerTable& table) {
  for (std::uint32_t i = 0; i < kProducersMax; ++i) {
    ProducerSlot& slot = table.slots[i];
    auto expected = static_cast<std::uint32_t>(SlotState::kFree);
    const auto claimed = static_cast<std::uint32_t>(SlotState::kClaimed);
    if (!slot.state.compare_exchange_strong(expected, claimed, std::memory_order_acq_rel)) continue;
    const auto self = static_cast<std::uint32_t>(::getpid());
    slot.generation.fetch_add(1, std::memory_order_relaxed);
    slot.process_started.store(process_started(self), std::memory_order_relaxed);
    slot.process_id.store(self, std::memory_order_release);
    return i;
  }
  return kProducersMax;
}

void set_state(ProducerTable& table, std::uint32_t producer, SlotState state) {
  // Release: the ring is made, or its last records are published. Partner: state_of().
  table.slots[producer].state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
  table.changes.fetch_add(1, std::memory_order_seq_cst);
  ring_one(table.writer_bell);
  // Live readers follow the rings that they know.
  ring_all(table.readers_bell);
}

/// The producer is gone, unless the writer has given its number to another one already.
void end_slot(ProducerTable& table, const Inlet& inlet) {
  const ProducerSlot& slot = table.slots[inlet.producer];
  if (slot.generation.load(std::memory_order_relaxed) != inlet.generation || state_of(slot) != SlotState::kOpen) return;
  set_state(table, inlet.producer, SlotState::kEnded);
}

Error too_many() {
  return Error{"TF_TOO_MANY_PRODUCERS",
               "the journal has " + std::to_string(kProducersMax) + " producers already; end one of them first", "", 0};
}

/// A ring in a claimed slot; the slot is free again when it cannot be made.
Result<Inlet> make_ring(ProducerTable& table, const std::string& directory, std::size_t bytes, ProducerPlace place) {
  const std::uint32_t producer = claim_slot(table);
  if (producer == kProducersMax) return too_many();
  ProducerSlot& slot = table.slots[producer];
  const std::uint32_t generation = slot.generation.load(std::memory_order_relaxed);
  const std::string path = directory.empty() ? "" : ring_path(directory, producer, generation);
  auto ring = SpscRing::create(bytes, path, place);
  if (!ring) {
    set_state(table, producer, SlotState::kFree);
    return ring.error();
  }
  ring.value()->share_bells(table.writer_bell, table.readers_bell);
  return Inlet{producer, generation, ring.take(), false};
}

}  // namespace

std::string ring_path(const std::string& shared_directory, std::uint32_t producer, std::uint32_t generation) {
  return shared_directory + "/ring." + std::to_string(producer) + "." + std::to_string(generation);
}

Result<std::unique_ptr<RingSet>> RingSet::create(const std::string& directory, std::size_t ring_bytes) {
  if (!directory.empty()) {
    remove_left_behind(directory);
    auto begun = begin_shared_directory(directory);
    if (!begun) return begun.error();
  }
  const std::string path = directory.empty() ? "" : table_path(directory);
  const std::string made_path = path.empty() ? "" : path + ".new";
  auto file = create_shared(made_path, kTableBytes);
  if (!file) return file.error();
  auto memory = map_shared(file.value(), 0, kTableBytes, Access::kReadWrite, path);
  if (!memory) return memory.error();
  (void)lock_for_writer(file.value());
  auto set = std::unique_ptr<RingSet>(new RingSet(directory, file.take(), memory.take()));
  auto first = set->add(ring_bytes);
  if (!first) return first.error();
  TF_ASSERT(first.value().producer == 0);
  set->first_ = first.value().ring;
  set->refresh();
  // Only now may others find it.
  if (!path.empty() && ::rename(made_path.c_str(), path.c_str()) != 0) {
    return system_error("TF_SHARED_MEMORY", "naming", path, errno);
  }
  return set;
}

RingSet::RingSet(std::string directory, UniqueFd file, MappedRegion memory)
    : directory_(std::move(directory)), file_(std::move(file)), memory_(std::move(memory)), table_(new (memory_.data()) ProducerTable{}) {
  table_->version = ProducerTable::kVersion;
  table_->process_id.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  table_->next_instrument.store(1, std::memory_order_relaxed);
  table_->next_connection.store(1, std::memory_order_relaxed);
  table_->magic = ProducerTable::kMagic;
}

RingSet::~RingSet() { stop(RingState::kClosed); }

Result<Inlet> RingSet::add(std::size_t ring_bytes) {
  auto made = make_ring(*table_, directory_, ring_bytes, ProducerPlace::kSameProcess);
  if (!made) return made.error();
  {
    const std::lock_guard lock(mutex_);
    own_.push_back(made.value());
  }
  set_state(*table_, made.value().producer, SlotState::kOpen);
  return made;
}

void RingSet::end(const Inlet& inlet) { end_slot(*table_, inlet); }

Result<std::shared_ptr<SpscRing>> RingSet::open_ring(std::uint32_t producer, std::uint32_t generation) {
  {
    const std::lock_guard lock(mutex_);
    for (const Inlet& own : own_) {
      if (own.producer == producer && own.generation == generation) return own.ring;
    }
  }
  auto ring = SpscRing::open(ring_path(directory_, producer, generation), Access::kReadWrite);
  if (ring) ring.value()->share_bells(table_->writer_bell, table_->readers_bell);
  return ring;
}

bool RingSet::refresh() {
  const std::uint32_t changes = table_->changes.load(std::memory_order_seq_cst);
  if (changes == seen_changes_) return false;
  seen_changes_ = changes;
  bool changed = false;
  for (std::uint32_t i = 0; i < kProducersMax; ++i) {
    ProducerSlot& slot = table_->slots[i];
    const SlotState state = state_of(slot);
    if (state != SlotState::kOpen && state != SlotState::kEnded) continue;
    const bool ended = state == SlotState::kEnded;
    const auto at = std::find_if(inlets_.begin(), inlets_.end(), [i](const Inlet& inlet) { return inlet.producer >= i; });
    if (at != inlets_.end() && at->producer == i) {
      changed = changed || at->ended != ended;
      at->ended = ended;
      continue;
    }
    const std::uint32_t generation = slot.generation.load(std::memory_order_relaxed);
    auto ring = open_ring(i, generation);
    if (!ring) {
      // Its file is gone or is none: there is nothing that could be drained.
      set_state(*table_, i, SlotState::kFree);
      continue;
    }
    inlets_.insert(at, Inlet{i, generation, ring.take(), ended});
    changed = true;
  }
  return changed;
}

void RingSet::end_dead() {
  const auto self = static_cast<std::uint32_t>(::getpid());
  for (std::uint32_t i = 0; i < kProducersMax; ++i) {
    ProducerSlot& slot = table_->slots[i];
    const SlotState state = state_of(slot);
    const std::uint32_t process = slot.process_id.load(std::memory_order_acquire);
    if ((state != SlotState::kOpen && state != SlotState::kClaimed) || process == self || process == 0) continue;
    if (process_started(process) == slot.process_started.load(std::memory_order_relaxed)) continue;
    // One that died while it made its ring has published nothing.
    set_state(*table_, i, state == SlotState::kOpen ? SlotState::kEnded : SlotState::kFree);
  }
}

void RingSet::retire(std::uint32_t producer) {
  const auto at = std::find_if(inlets_.begin(), inlets_.end(),
                               [producer](const Inlet& inlet) { return inlet.producer == producer; });
  if (at == inlets_.end()) return;
  if (at->ring->state() == RingState::kOpen) at->ring->stop(RingState::kClosed);
  if (!directory_.empty()) ::unlink(ring_path(directory_, producer, at->generation).c_str());
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(own_, [&](const Inlet& own) { return own.producer == producer; });
  }
  inlets_.erase(at);
  set_state(*table_, producer, SlotState::kFree);
}

void RingSet::stop(RingState state) {
  // Once only: later the directory may be that of the next recorder.
  if (table_->ended.exchange(1, std::memory_order_seq_cst) != 0) return;
  refresh();
  for (const Inlet& inlet : inlets_) {
    if (inlet.ring->state() == RingState::kOpen) inlet.ring->stop(state);
  }
  ring_all(table_->readers_bell);
  if (!directory_.empty()) remove_shared_directory(directory_);
}

Result<std::unique_ptr<JoinedRing>> JoinedRing::open(const std::string& data_directory, const std::string& journal,
                                                     std::size_t ring_bytes) {
  auto directory = shared_directory_of(data_directory, journal);
  if (!directory) return directory.error();
  auto table = SharedTable::open(directory.value());
  if (!table) return table.error();
  auto made = make_ring(*table.value().get(), directory.value(), ring_bytes, ProducerPlace::kOtherProcess);
  if (!made) return made.error();
  set_state(*table.value().get(), made.value().producer, SlotState::kOpen);
  return std::unique_ptr<JoinedRing>(new JoinedRing(table.take(), made.value()));
}

JoinedRing::JoinedRing(SharedTable table, const Inlet& inlet) : table_(std::move(table)), inlet_(inlet) {}

JoinedRing::~JoinedRing() { end_slot(*table_.get(), inlet_); }

}  // namespace tickforge
