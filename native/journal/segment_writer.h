// Turns the cells of the ring into blocks on the disk without copying them.
//
// A state machine for one thread: turn() never blocks, two batches take turns (one is written while the other fills).
// The ring's tail moves only after the write that holds the cells has completed. At most one sync is under way; what is
// written meanwhile waits for the next one.
//
// A full disk need not be the end: what is not written stays in the ring and is tried again until there is space.
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
#include "journal/block_draft.h"
#include "journal/preamble.h"
#include "journal/segment_file.h"
#include "journal/storage.h"
#include "ring/spsc_ring.h"

namespace tickforge {

struct WriterOptions {
  std::string directory;
  std::string journal;
  /// Who writes, for the segment record.
  std::string writer;
  /// A block that is not full is written when its first record is this old.
  std::int64_t flush_interval_ns = 0;
  /// Sync whenever something is written and no sync is under way; otherwise only what request_sync() asks for.
  bool sync_each_batch = false;
  /// Wait for space when the disk is full; otherwise that is an error.
  bool waits_for_disk = false;
};

/// Counts of records taken from the ring.
struct Watermarks {
  std::uint64_t appended = 0;  // taken over
  std::uint64_t written = 0;   // handed to the kernel
  std::uint64_t durable = 0;   // on the disk
};

class SegmentWriter {
 public:
  SegmentWriter(Storage& storage, SpscRing& ring, WriterOptions options);

  /// Goes on in an existing segment; `gap` is written at once, before anything from the ring. `now` as of turn().
  Result<void> resume(const std::string& path, const RecoveredTail& tail, const Gap& gap, std::int64_t now);
  /// The next new segment begins with this gap; its ts_recv becomes that of the segment's first record. Its day is
  /// `day` at least, which is that of the newest segment: the order of segments is that of their names.
  void begin_with_gap(const Gap& gap, std::int32_t day) {
    first_gap_ = gap;
    first_day_ = day;
  }

  /// One step at CLOCK_MONOTONIC `now`, which never goes back: takes what has ended, fills blocks, starts writes and syncs. True = something
  /// moved.
  Result<bool> turn(std::int64_t now);
  /// Waits for I/O under way; at most `wait_ns`. What ended is handled by the next turn.
  void wait(std::int64_t wait_ns);
  bool io_under_way() const { return writing_ != nullptr || sync_under_way_; }
  /// When the block that is being filled is due or the full disk is tried again (CLOCK_MONOTONIC); nothing when neither.
  std::optional<std::int64_t> deadline() const;
  /// What the disk said when it was found full, while it is; nothing moves before there is space.
  const std::optional<Error>& stalled() const { return stalled_; }
  /// A full disk is waited for no longer: it is tried once more, and is an error then.
  void stop_waiting();

  /// Position behind the last cell taken over from the ring.
  std::uint32_t taken() const { return taken_; }
  /// Ends the block that is being filled and asks for durability of all blocks so far. Returns their count, which
  /// durable_blocks() reaches.
  std::uint64_t request_sync();
  std::uint64_t durable_blocks() const { return durable_blocks_; }

  /// Writes and syncs all that was taken over, marks the segment closed and cuts it to length. Blocks, but not for
  /// space.
  Result<void> finish(std::int64_t now);
  /// After an error: waits until the kernel no longer reads our memory, then cuts the file behind its last whole block.
  void abandon();

  const Watermarks& watermarks() const { return watermarks_; }
  /// The segment that is being written or was written last; null before the first.
  const SegmentFile* segment() const { return segment_.get(); }

 private:
  Result<bool> handle_completions(std::int64_t now);
  Result<void> on_write_done(BlockBatch& batch, int result, std::int64_t now);
  /// Goes on with the rest of a batch.
  Result<void> submit(BlockBatch& batch);
  /// A full disk becomes a wait, or the error that it is.
  Result<void> stall(const Error& error, std::int64_t now);
  bool may_try(std::int64_t now) const { return !stalled_ || now >= try_again_at_; }
  Result<void> on_sync_done(int result);
  Result<bool> fill(std::int64_t now);
  Result<bool> fill_from_ring(std::int64_t now);
  /// A producer published something else than records: what came before is written, nothing after it.
  Error refuse_cells(std::int64_t now);
  Result<bool> start_io(std::int64_t now);
  Result<void> begin_segment(std::int64_t ts_recv);
  /// Takes the next step to the end of the segment, if it has to end: its last block, its durability, its closing.
  Result<bool> end_segment();
  /// Blocks until all sealed blocks are written and durable.
  Result<void> drain(std::int64_t now);
  void seal(std::uint16_t extra_flags);
  bool is_open() const { return segment_ != nullptr && segment_->is_open(); }
  BlockBatch& filling() { return batches_[filling_]; }

  Storage& storage_;
  SpscRing& ring_;
  WriterOptions options_;
  Preamble preamble_;
  std::unique_ptr<SegmentFile> segment_;
  std::optional<Gap> first_gap_;
  std::int32_t first_day_ = std::numeric_limits<std::int32_t>::min();

  std::vector<std::uint8_t> own_;  // records of ours that come before the next of the ring
  std::size_t own_taken_ = 0;
  BlockDraft draft_;
  std::int64_t draft_began_ = 0;
  std::uint32_t taken_;

  enum class Ending { kNone, kWanted, kLastBlockSealed };
  Ending ending_ = Ending::kNone;  // of the segment

  std::optional<Error> stalled_;
  std::int64_t try_again_at_ = 0;

  std::array<BlockBatch, 2> batches_;
  std::size_t filling_ = 0;
  BlockBatch* writing_ = nullptr;
  BlockBatch* unwritten_ = nullptr;  // found no space
  Completions ended_;

  // Counts of blocks since the start, over all segments.
  std::uint64_t sealed_blocks_ = 0;
  std::uint64_t written_blocks_ = 0;
  std::uint64_t durable_blocks_ = 0;
  std::uint64_t wanted_durable_ = 0;

  bool sync_under_way_ = false;
  std::uint64_t sync_blocks_ = 0;   // what the sync under way covers
  std::uint64_t sync_records_ = 0;
  Watermarks watermarks_;
};

}  // namespace tickforge
