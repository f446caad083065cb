// The rings of a journal that is being recorded, as a reader sees them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ring/shared_table.h"
#include "ring/spsc_ring.h"

namespace tickforge {

/// One producer's.
struct LiveRing {
  std::uint32_t producer = 0;
  std::uint32_t generation = 0;
  std::shared_ptr<SpscRing> ring;
  /// Its slot is free or another's: all that it published is in the file.
  bool ended = false;
  /// The cells before the cursor are known, so that positions of the ring and of the log can be compared.
  bool counted = false;
  /// What comes next is not, or not any more, to be taken from the ring.
  bool from_file = false;
  /// It holds something that is no record.
  bool broken = false;
  /// Of the cell that comes next.
  std::uint32_t position = 0;
  /// From the file up to here, in cells, whatever the ring holds.
  std::uint64_t file_until = 0;

  bool is_read() const { return counted && !from_file; }
};

class LiveRings {
 public:
  LiveRings(const std::string& data_directory, std::string journal)
      : data_directory_(data_directory), journal_(std::move(journal)) {}

  bool attached() const { return static_cast<bool>(table_); }
  /// Maps the table of a recorder that lives; false when there is none.
  bool attach();
  void detach();
  /// The recorder has stopped or died. A system call: not for every look.
  bool writer_is_gone() const { return table_.writer_is_gone(); }
  bool writer_has_stopped() const { return table_.writer_has_stopped(); }
  /// Tells the recorder's process from every other one, but for those of another boot of the machine.
  std::uint64_t life() const { return table_->slots[0].process_started.load(std::memory_order_relaxed); }
  std::uint32_t writer_process() const { return table_->process_id.load(std::memory_order_relaxed); }

  /// Slots have changed since the last refresh().
  bool changed() const { return table_->changes.load(std::memory_order_seq_cst) != seen_changes_; }
  /// Takes up new producers, lets go of those whose records are all in the file.
  void refresh();
  std::vector<LiveRing>& rings() { return rings_; }
  std::optional<TailPoint> tail() const { return table_->tail(); }

  /// Sleeps until a producer publishes, the slots change or the time is over, which must not be long. `nothing_new` looks
  /// once more after the producers have been told.
  template <typename NothingNew>
  void wait(std::int64_t timeout_ns, NothingNew nothing_new) {
    const std::uint32_t rung = table_->readers_bell.load(std::memory_order_seq_cst);
    for (const LiveRing& live : rings_) live.ring->announce_reader();
    fence_other_processes();
    if (nothing_new() && !changed() && !writer_has_stopped()) futex_wait(table_->readers_bell, rung, timeout_ns);
  }

 private:
  std::string data_directory_;
  std::string journal_;
  std::string shared_directory_;
  SharedTable table_;
  std::vector<LiveRing> rings_;
  std::uint32_t seen_changes_ = 0;
};

}  // namespace tickforge
