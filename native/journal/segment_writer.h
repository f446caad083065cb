// Turns the cells of the rings into blocks on the disk.
//
// A state machine for one thread: turn() never blocks, two batches take turns (one is written while the other fills), and
// at most one sync is under way; what is written meanwhile waits for the next one. A ring gets its cells back when they
// are durable, or, where the operating system decides about that, when they are written.
//
// A full disk need not be the end: what is not written stays in the rings and is tried again until there is space. Who
// ends it while the disk is full gets the reserve, which holds all that the rings do.
//
// Nor is a write or a sync that failed. Nobody knows what it left on the disk, so its file is neither synced nor cut nor
// written any more, and what is not durable is written again, from the rings, into the next part of the day. That part
// begins with a gap record of cause 11: from which record on the part before must not be read. Before anything of the
// rings is written there, that record is made durable: no power cut can leave a record in both parts, and no gap.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/block_batch.h"
#include "journal/durability.h"
#include "journal/intake.h"
#include "journal/preamble.h"
#include "journal/segment_file.h"
#include "journal/space_reserve.h"
#include "journal/storage.h"
#include "ring/ring_set.h"

namespace tickforge {

struct WriterOptions {
  std::string directory;
  std::string journal;
  /// Who writes, for the segment record.
  std::string writer;
  /// A block that is not full is written when its first record is this old.
  std::int64_t flush_interval_ns = 0;
  Durability durability;
  /// Wait for space when the disk is full; otherwise that is an error.
  bool waits_for_disk = false;
  /// Zeros that a writer with little to do has written ahead of its blocks, where they are synced one by one.
  std::uint64_t zero_bytes = std::uint64_t{256} << 10;
  /// Space that is kept back for an end on a full disk, for the first producer's ring; it grows with every other ring.
  /// 0 = none. For a writer that waits for space.
  std::uint64_t reserve_bytes = 0;
  MarkLimits marks{};
};

class SegmentWriter {
 public:
  SegmentWriter(Storage& storage, RingSet& rings, WriterOptions options);

  /// Goes on in an existing segment; `gap` is written at once, before anything from the rings. `now` as of turn().
  Result<void> resume(const std::string& path, const RecoveredTail& tail, const Gap& gap, std::int64_t now);
  /// The next new segment begins with this gap; its ts_recv becomes that of the segment's first record. Its day is
  /// `day` at least, which is that of the newest segment: the order of segments is that of their names.
  void begin_with_gap(const Gap& gap, std::int32_t day);

  /// One step at CLOCK_MONOTONIC `now`, which never goes back: takes what has ended, fills blocks, starts writes and
  /// syncs. True = something moved.
  Result<bool> turn(std::int64_t now);
  /// Waits for I/O under way; at most `wait_ns`. What ended is handled by the next turn.
  void wait(std::int64_t wait_ns);
  bool io_under_way() const { return writing_ != nullptr || syncing_ != SyncTarget::kNone; }
  /// When the open block or the next sync is due or the full disk is tried again (CLOCK_MONOTONIC); nothing when neither.
  std::optional<std::int64_t> deadline() const;
  /// What the disk said when it was found full, while it is; nothing moves before there is space.
  const std::optional<Error>& stalled() const { return stalled_; }
  /// A write did nothing, again and again: it is tried once more after a pause (deadline()), and fails if that goes on.
  bool is_paused() const { return paused_until_.has_value(); }
  /// A full disk is waited for no longer: it is tried once more, once again with what the reserve gives, and is an error
  /// then.
  void stop_waiting();

  /// Asks for everything that is published to be taken over; is_taken() says when it is.
  void ask_taken();
  bool is_taken() const;
  /// Asks for everything that is published to be made durable at once; is_flushed() says when it is.
  void ask_flush();
  bool is_flushed() const;
  /// A producer waits for durability, and no I/O is under way that will bring it.
  bool has_asked() const;

  /// Writes and syncs all that was taken over, marks the segment closed and cuts it to length. Blocks, but not for
  /// space.
  Result<void> finish(std::int64_t now);
  /// After an error: waits until the kernel no longer reads our memory, then cuts the file behind its last whole block,
  /// unless it has failed.
  void abandon();

  const Watermarks& watermarks() const { return watermarks_; }
  /// Bytes kept back for an end on a full disk.
  std::uint64_t reserve_bytes() const { return reserve_.bytes(); }
  /// Bytes that should be kept back as well, and for which there was no space. 0 at an end, when none are kept.
  std::uint64_t reserve_missing() const {
    const bool keeps = options_.waits_for_disk && reserve_wanted_ > reserve_.bytes();
    return keeps ? reserve_wanted_ - reserve_.bytes() : 0;
  }
  /// Position behind the last cell taken over from the i-th ring of RingSet::inlets().
  std::uint32_t taken(std::size_t i) const { return intake_.lanes()[i]->taken(); }
  /// The segment that is being written or was written last; null before the first.
  const SegmentFile* segment() const { return segment_.get(); }

 private:
  /// How long a wait for I/O lasts before its end is looked for again.
  static constexpr std::int64_t kWaitNs = 100'000'000;

  enum class SyncTarget { kNone, kSegment, kIndex };
  enum class Ending { kNone, kWanted, kLastBlockSealed };

  /// Makes the reserve as large as what all rings can hold.
  void follow_rings(std::int64_t now);
  Result<bool> handle_completions(std::int64_t now);
  Result<void> on_write_done(BlockBatch& batch, int result, std::int64_t now);
  void on_written(BlockBatch& batch);
  void on_sync_done(int result);
  /// Goes on with the rest of a batch.
  void submit(BlockBatch& batch);
  void submit_sync(std::int64_t now);
  /// A full disk becomes a wait, or the error that it is.
  Result<void> stall(const Error& error, std::int64_t now);
  bool may_try(std::int64_t now) const {
    return (!stalled_ || now >= try_again_at_) && (!paused_until_ || now >= *paused_until_);
  }
  /// The kernel took nothing of the batch and gave no reason that lasts. False: too often.
  bool try_later(BlockBatch& batch, std::int64_t now);
  /// The end of the pause, when it is over.
  std::int64_t wait_out_pause(std::int64_t now);

  Result<bool> fill(std::int64_t now);
  bool should_seal(std::int64_t now) const;
  bool should_sync(std::int64_t now) const;
  bool start_io(std::int64_t now);
  /// What is left to do when nothing else is.
  bool prepare();
  /// The first producer published something else than records: what came before is written, nothing after it.
  Error refuse_cells(std::int64_t now);
  /// Begins a segment, if there is something to write. True: it did, or the disk is full.
  Result<bool> begin_segment(std::int64_t now);
  /// Nothing more goes into the segment: its file cannot be trusted.
  void fail(const Error& error);
  /// Goes back to what is durable, to write the rest into the next part. An error: it must not, or cannot.
  Result<void> begin_again();
  /// Takes the next step to the end of the segment, if it has to end: its last block, its durability, its closing.
  Result<bool> end_segment();
  /// Blocks until all sealed blocks are written and durable.
  Result<void> drain(std::int64_t now);
  /// Says what there is to say about producers that are gone, and retires them.
  bool see_off();
  /// Adds gap records for connections that a producer left open, and a drop record. False: not now.
  bool say_farewell(Lane& lane);
  /// At the end: what producers dropped and found no room to say. False when there is nothing to say, or it was said.
  bool say_drops();
  void note_sealed_own();
  void add_gap(const Gap& gap);
  void publish_progress();
  void publish_tail();

  bool is_open() const { return segment_ != nullptr && segment_->is_open(); }
  bool all_durable() const { return durable_.blocks == segment_->blocks_placed(); }
  BlockBatch& filling() { return batches_[filling_]; }
  const BlockBatch& filling() const { return batches_[filling_]; }

  Storage& storage_;
  RingSet& rings_;
  WriterOptions options_;
  Intake intake_;
  SpaceReserve reserve_;
  std::uint64_t reserve_wanted_ = 0;
  std::int64_t reserve_again_at_ = 0;
  Preamble preamble_;
  std::unique_ptr<SegmentFile> segment_;
  std::optional<Gap> first_gap_;
  std::int32_t first_day_ = std::numeric_limits<std::int32_t>::min();
  Ending ending_ = Ending::kNone;  // of the segment
  bool draining_ = false;

  std::optional<Error> failed_;
  /// What the next part begins with, after a failure.
  std::optional<Gap> restart_;
  /// The part after a failure is not yet known to work: nothing of the rings has become durable in it.
  bool on_probation_ = false;
  /// ... and its head is not durable yet.
  bool holds_rings_ = false;
  /// Our gap records that are not durable, and the number of the block behind the last of them once they are sealed.
  std::vector<Gap> unsafe_gaps_;
  std::optional<std::uint64_t> gaps_end_;
  bool drops_said_ = false;

  std::optional<Error> stalled_;
  std::int64_t try_again_at_ = 0;
  int interruptions_ = 0;  // in a row
  std::optional<std::int64_t> paused_until_;

  std::array<BlockBatch, 2> batches_;
  std::size_t filling_ = 0;
  BlockBatch* writing_ = nullptr;
  BlockBatch* unwritten_ = nullptr;  // found no space, or is to be tried after a pause
  Completions ended_;
  std::uint64_t last_batch_bytes_ = 0;

  std::uint64_t taken_records_ = 0;  // from the rings
  Reached written_;
  Reached syncing_to_;  // what the sync under way covers
  Reached durable_;
  SyncTarget syncing_ = SyncTarget::kNone;
  std::int64_t last_sync_at_ = 0;
  Watermarks watermarks_;
  TailPoint tail_;
};

}  // namespace tickforge
