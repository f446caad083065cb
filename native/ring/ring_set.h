// All rings of one journal: the writer drains them, each has one producer. Producers come and go: threads of the
// writer's process through RingSet::add(), other processes through JoinedRing::open().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "ring/producer_table.h"
#include "ring/shared_table.h"
#include "ring/spsc_ring.h"

namespace tickforge {

/// One producer as the writer sees it.
struct Inlet {
  std::uint32_t producer = 0;    // number: 0 to kProducersMax - 1
  std::uint32_t generation = 0;
  std::shared_ptr<SpscRing> ring;
  /// Nothing more comes; when all is taken over, the writer retires it.
  bool ended = false;
};

class RingSet {
 public:
  /// `directory`: where the rings are shared (shared_directory_of()); empty for rings of this process only. Producer 0
  /// is added with a ring of `ring_bytes`. Errors: TF_SHARED_MEMORY.
  static Result<std::unique_ptr<RingSet>> create(const std::string& directory, std::size_t ring_bytes);
  RingSet(const RingSet&) = delete;
  RingSet& operator=(const RingSet&) = delete;
  /// As stop(kClosed).
  ~RingSet();

  /// Another producer of this process. Errors: TF_SHARED_MEMORY, TF_TOO_MANY_PRODUCERS.
  Result<Inlet> add(std::size_t ring_bytes);
  /// The producer will publish nothing more.
  void end(const Inlet& inlet);
  ProducerTable& table() { return *table_; }
  const ProducerTable& table() const { return *table_; }
  /// Where other processes find the rings; empty when they cannot.
  const std::string& directory() const { return directory_; }
  /// Of producer 0.
  const std::shared_ptr<SpscRing>& first() const { return first_; }
  /// Wakes the writer for a request that is no record.
  void wake_writer() { first_->wake_consumer(); }

  // The writer's thread.

  /// The rings to drain, by number. Changed by refresh() and retire() only.
  const std::vector<Inlet>& inlets() const { return inlets_; }
  /// Takes up new producers and marks those that ended; true when something changed. One load when nothing did.
  bool refresh();
  /// Looks whether the processes behind the rings live, and ends those that do not. Not for every pass: it reads /proc.
  void end_dead();
  /// Forgets an ended producer whose ring is drained; its number may be used again.
  void retire(std::uint32_t producer);
  /// As SpscRing::wait_for_data(), for all rings. `seen` gives the position behind what was taken of the i-th inlet.
  template <typename Seen, typename Interrupted>
  void wait_for_data(Seen seen, std::uint32_t wanted, std::int64_t timeout_ns, Interrupted interrupted) {
    const std::uint32_t rung = table_->writer_bell.load(std::memory_order_seq_cst);
    for (std::size_t i = 0; i < inlets_.size(); ++i) inlets_[i].ring->announce_consumer(seen(i), wanted);
    fence_own_threads();
    bool found = table_->changes.load(std::memory_order_seq_cst) != seen_changes_ || interrupted();
    for (std::size_t i = 0; i < inlets_.size() && !found; ++i) found = inlets_[i].ring->has_data(seen(i), wanted);
    if (!found) futex_wait(table_->writer_bell, rung, timeout_ns);
    for (const Inlet& inlet : inlets_) inlet.ring->withdraw_consumer();
  }
  /// Nobody drains any more: every producer that waits gets to know. Takes the directory away; other processes keep their
  /// mappings. The first call counts.
  void stop(RingState state);

 private:
  RingSet(std::string directory, UniqueFd file, MappedRegion memory);
  Result<std::shared_ptr<SpscRing>> open_ring(std::uint32_t producer, std::uint32_t generation);

  std::string directory_;
  UniqueFd file_;  // locked (flock) while the writer lives
  MappedRegion memory_;
  ProducerTable* table_;
  std::shared_ptr<SpscRing> first_;
  std::vector<Inlet> inlets_;
  std::uint32_t seen_changes_ = 0;

  /// Rings that this process made: the writer uses the same mapping.
  std::mutex mutex_;
  std::vector<Inlet> own_;
};

/// A producer's way into the journal of another process. Ends with the object.
class JoinedRing {
 public:
  /// Joins the journal that a process is recording into. Errors: TF_NOT_RECORDING when nobody is, TF_SHARED_MEMORY,
  /// TF_TOO_MANY_PRODUCERS.
  static Result<std::unique_ptr<JoinedRing>> open(const std::string& data_directory, const std::string& journal,
                                                  std::size_t ring_bytes);
  JoinedRing(const JoinedRing&) = delete;
  JoinedRing& operator=(const JoinedRing&) = delete;
  ~JoinedRing();

  SpscRing& ring() { return *inlet_.ring; }
  const std::shared_ptr<SpscRing>& shared_ring() const { return inlet_.ring; }
  ProducerTable& table() { return *table_.get(); }
  std::uint32_t producer() const { return inlet_.producer; }
  /// The writer has stopped or was killed; records that are not durable will not be. A system call.
  bool writer_ended() const { return table_.writer_is_gone(); }

 private:
  JoinedRing(SharedTable table, const Inlet& inlet);

  SharedTable table_;
  Inlet inlet_;
};

/// File of a producer's ring in the shared directory.
std::string ring_path(const std::string& shared_directory, std::uint32_t producer, std::uint32_t generation);

}  // namespace tickforge
