// One producer's ring as the writer sees it: the block that is being filled from it, and how far its cells have come.
//
//   released <= durable <= written <= taken <= published      cells are kept until they are durable
//   durable <= written = released                             cells are kept until they are written (Durability::kOs)
//
// All are positions of the ring. What lies behind `released` is still in memory and can be written once more.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "journal/block_draft.h"
#include "journal/preamble.h"
#include "ring/ring_set.h"

namespace tickforge {

class Lane {
 public:
  explicit Lane(const Inlet& inlet);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  std::uint32_t producer() const { return producer_; }
  std::uint32_t generation() const { return generation_; }
  SpscRing& ring() { return *ring_; }
  const SpscRing& ring() const { return *ring_; }

  BlockDraft draft;
  std::int64_t draft_began = 0;
  /// The producer publishes nothing more.
  bool ended = false;
  /// What there is to say about its end: nothing yet, among the writer's own records, durable.
  enum class Farewell { kNone, kNoted, kDurable };
  Farewell farewell = Farewell::kNone;
  /// Number of the block behind it, once it is sealed.
  std::optional<std::uint64_t> farewell_end;

  std::uint32_t taken() const { return taken_; }
  std::uint32_t durable() const { return durable_; }
  /// Cells written, since the producer's generation began.
  std::uint64_t cells_written() const { return cells_written_; }
  std::uint32_t available() const { return end() - taken_; }
  bool all_durable() const { return durable_ == end(); }
  /// Nothing that was given back may still be lost.
  bool can_go_back() const { return released_ == durable_; }

  /// Takes records that follow what was taken, as BlockDraft::take_from_ring().
  BlockDraft::Taken take(std::uint32_t available, std::int64_t now, std::int64_t day_end);

  /// Cells up to `position` are written; the kernel reads them no longer.
  void on_written(std::uint32_t position);
  void on_sync_begun() { syncing_ = written_; }
  void on_sync_ended() { durable_ = syncing_; }
  /// Gives back what nobody needs any more. Definitions among it are what a new segment must repeat.
  void release(bool keeps_until_durable, Preamble& preamble);
  /// Forgets all that is not durable: it is taken once more.
  void go_back();

  /// Asks for durability of everything that is published.
  void ask_flush() { flush_until_ = end(); }
  bool is_flushed() const { return !is_before(durable_, flush_until_); }
  /// Asks for everything that is published to be taken.
  void ask_taken() { take_until_ = end(); }
  /// At least what has been taken by now is taken again before anything ends.
  void ask_taken_again() {
    if (is_before(take_until_, taken_)) take_until_ = taken_;
  }
  bool is_taken() const { return !is_before(taken_, take_until_); }

  /// Somebody waits for the durability of cells that are not durable.
  bool is_asked() const { return asked_cells() > 0; }
  /// ... and all of them are written.
  bool sync_is_asked() const { return is_asked() && written_ - durable_ >= asked_cells(); }
  /// ... and the open block holds some of them.
  bool block_is_asked() const {
    return !draft.empty() && draft.ring_cells() > 0 && asked_cells() > taken_ - draft.ring_cells() - durable_;
  }
  /// The producer waits for room, and only the open block has any to give.
  bool block_is_in_the_way() const {
    return draft.ring_cells() > 0 && taken_ - draft.ring_cells() == released_ && ring_->producer_waits();
  }
  /// Room is short: what is written ought to become durable soon.
  bool is_short() const {
    return ring_->published() - released_ > ring_->capacity() / 2 || ring_->producer_waits();
  }

  /// The producer has published something else than records: nothing behind what was taken counts, and it is over for it.
  void cut_off();
  bool is_cut_off() const { return cut_off_at_.has_value(); }

  /// The largest ts_recv that was taken from the ring.
  std::int64_t last_ts_recv() const { return last_ts_recv_; }
  /// What an ended producer dropped and could not say any more.
  std::optional<Drop> unrecorded_drop(std::int64_t ts_recv);

  /// Shows producers and readers how far their cells have come.
  void publish_progress();

 private:
  /// Behind the last cell that counts.
  std::uint32_t end() const { return cut_off_at_ ? *cut_off_at_ : ring_->published(); }
  /// Cells behind the durable ones whose durability is asked for.
  std::uint32_t asked_cells() const;

  std::uint32_t producer_;
  std::uint32_t generation_;
  std::shared_ptr<SpscRing> ring_;
  std::uint32_t taken_;
  std::uint32_t written_;
  std::uint32_t syncing_;  // what the sync under way covers
  std::uint32_t durable_;
  std::uint32_t released_;
  std::uint32_t flush_until_;
  std::uint32_t take_until_;
  std::uint64_t cells_written_;
  RingProgress published_;
  std::optional<std::uint32_t> cut_off_at_;
  std::int64_t last_ts_recv_ = kNoneI64;
  SpscRing::Dropped dropped_;
  std::deque<std::uint32_t> definitions_;  // positions, taken and not yet given back
};

}  // namespace tickforge
