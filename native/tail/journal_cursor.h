// Follows the blocks of a journal from segment to segment, and counts the cells of each producer.
//
// Segments come in the order of their names. One is left when all of it has been read and the next one has begun, which
// a recorder begins only when it writes no more into the one before. A part that repeats the end of the one before (gap
// of cause 11) takes back what was read of it: the same cells come again, and count as delivered already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "tail/own_records.h"
#include "tail/part_opening.h"
#include "tail/segment_cursor.h"
#include "tail/tail_position.h"

namespace tickforge {

/// How far the recorder says that blocks may be read; without one, whole blocks count.
struct WrittenExtent {
  bool known = false;
  std::int32_t day = 0;
  std::uint32_t part = 0;
  std::uint64_t bytes = 0;
};

class JournalCursor {
 public:
  JournalCursor(std::string directory, std::string journal)
      : directory_(std::move(directory)), journal_(std::move(journal)) {}

  /// Goes to a block of a segment that exists, and within it to a record. Errors: as SegmentCursor.
  Result<void> place(const SegmentName& segment, const CursorPlace& place, std::uint64_t record);

  /// Looks for the next block; false when there is none now. Errors: as SegmentCursor::peek(), TF_NO_DIRECTORY.
  Result<bool> peek(const WrittenExtent& extent);
  /// As SegmentCursor::load().
  Result<bool> load() { return current_->load(); }
  /// Behind the block, all of which has been delivered.
  void advance();

  /// The block that peek() found.
  const BlockHeader& header() const { return current_->header(); }
  const std::uint8_t* payload() const { return current_->payload(); }
  std::uint32_t producer() const { return current_->producer(); }
  /// Only the records can tell how many of them are the writer's own: the block has to be loaded for own() and cells().
  bool may_hold_own() const {
    return producer() == 0 && (header().flags & kOwnFlags) != 0;
  }
  OwnRecords own() const;
  /// Of the producer.
  std::uint64_t cells() const { return header().payload_length / kCellBytes - own().cells; }
  /// Of these, delivered.
  std::uint64_t delivered() const;
  /// The gap record that stands before the block, or behind the last one; once.
  std::optional<Gap> take_gap();
  /// True once behind the beginning of each segment but the one of place().
  bool take_entered();

  /// The next own record of the block is being delivered.
  void pass_own(const RecordHead& head);
  std::uint32_t own_delivered() const { return own_delivered_; }
  /// `cells` more of a producer behind the cursor have been delivered.
  void deliver(std::uint32_t producer, std::uint64_t cells) { ahead_[producer] += cells; }
  /// Cells of a producer before the cursor; counted from 0 until set_passed() says better.
  std::uint64_t passed(std::uint32_t producer) const { return passed_[producer]; }
  void set_passed(std::uint32_t producer, std::uint64_t cells) { passed_[producer] = cells; }
  /// Cells of a producer behind the cursor that have been delivered.
  std::uint64_t ahead(std::uint32_t producer) const { return ahead_[producer]; }
  void set_ahead(std::uint32_t producer, std::uint64_t cells) { ahead_[producer] = cells; }
  void forget_ahead();
  /// The rings of the recorder are being read: what is ahead is of this recorder.
  void set_joined(bool joined) { joined_ = joined; }
  /// See TailPosition::of_life.
  std::uint64_t ahead_of_life() const { return ahead_of_life_; }
  void set_ahead_of_life(std::uint64_t life) { ahead_of_life_ = life; }

  TailPosition position() const;
  void resume_ahead(const TailPosition& position);
  bool has_segment() const { return current_.has_value(); }
  const SegmentName& segment() const { return name_; }
  std::uint64_t offset() const { return current_ ? current_->offset() : 0; }

 private:
  struct Next {
    SegmentName name;
    PartOpening opening;
  };
  /// Cells of a block that was passed.
  struct Passed {
    std::uint64_t first_record;
    std::uint32_t cells;
    std::uint32_t producer;
  };

  /// The first segment behind this one that has begun.
  Result<std::optional<Next>> find_next() const;
  Result<bool> look_for_next();
  Result<void> move_on();
  void take_back(std::uint64_t from_record);
  void take_back(const Passed& block);

  std::string directory_;
  std::string journal_;
  SegmentName name_;
  std::optional<SegmentCursor> current_;
  std::optional<Next> next_;
  std::optional<Gap> gap_;  // behind the last block of the segment before
  bool entered_ = false;

  CellCounts passed_{};
  CellCounts ahead_{};
  std::uint32_t own_delivered_ = 0;
  bool joined_ = false;
  std::uint64_t ahead_of_life_ = 0;

  /// Of this segment, from record `known_from_` on: what a next part may take back.
  std::vector<Passed> history_;
  std::uint64_t known_from_ = 0;
};

}  // namespace tickforge
