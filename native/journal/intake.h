// What goes into the blocks and in which order: the writer's own records first, then those of the rings in turn.
//
// A block holds records of one producer, each producer fills one block at a time, and when one open block is due all are
// sealed. Nothing is copied from a ring. No I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "journal/block_batch.h"
#include "journal/lane.h"
#include "journal/mark_keeper.h"
#include "journal/segment_file.h"
#include "ring/ring_set.h"

namespace tickforge {

class Intake {
 public:
  Intake(RingSet& rings, const MarkLimits& marks);

  /// Takes up producers that came, and notes those that ended. Cheap when there are none.
  void refresh();
  const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }
  void retire(std::uint32_t producer);

  /// Adds records of the writer itself: they come before anything that is taken from now on, at the start of a block.
  void add_own(const std::vector<std::uint8_t>& records) { own_.insert(own_.end(), records.begin(), records.end()); }
  /// Some of them are in no block yet, not even in an open one.
  bool has_own() const { return !own_.empty(); }
  /// ... or in no sealed one.
  bool has_unsealed_own() const { return has_own() || !lanes_.front()->draft.own().empty(); }

  /// What a recovery need not gather from the blocks in front of a mark.
  MarkKeeper& marks() { return marks_; }
  /// Adds one to the own records. Of those that are in no sealed block yet none may be a definition.
  void add_mark();

  /// Of the records that come next in each ring, the one that was received last: a segment that begins now is of its day.
  /// Nothing when all rings are empty. The error: the first producer published something else; any other one
  /// that did is cut off.
  Result<const RecordHead*> peek();

  enum class End {
    kAllTaken,
    kBatchFull,
    kNextDay,  // what comes next, of every ring that has something, belongs to a later day
    kInvalid,  // the first producer published something else than records
  };
  struct Filled {
    bool moved = false;
    std::uint64_t records = 0;
    End end = End::kAllTaken;
  };
  /// Fills open blocks with own records.
  Filled fill_from_own(std::int64_t now, SegmentFile& segment, BlockBatch& batch);
  /// ... and with those of the rings, for which there may be no own ones left.
  Filled fill_from_rings(std::int64_t now, SegmentFile& segment, BlockBatch& batch);

  bool has_open() const;
  /// When the first of the open blocks began; nothing without one.
  std::optional<std::int64_t> open_since() const;
  /// Seals the open blocks, the last one with these flags. False: the batch has no room for all of them.
  bool seal_open(SegmentFile& segment, BlockBatch& batch, std::uint16_t last_flags);

  /// Forgets open blocks and own records, and takes what is not durable once more.
  void go_back();

 private:
  void seal(Lane& lane, SegmentFile& segment, BlockBatch& batch, std::uint16_t flags);

  RingSet& rings_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // as rings_.inlets()
  std::size_t next_ = 0;                      // whose turn it is
  std::vector<std::uint8_t> own_;
  std::size_t own_taken_ = 0;
  MarkKeeper marks_;
};

}  // namespace tickforge
