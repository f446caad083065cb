// When the writer leaves a mark in the log, and what it says (docs/FORMAT.md, "Mark").
//
// A recovery reads back to the newest mark and no further: how much that is does not depend on the length of the segment.
#pragma once

#include <algorithm>
#include <cstdint>

#include "format/record.h"
#include "journal/block_draft.h"
#include "journal/recovery.h"

namespace tickforge {

/// A mark is due when so many blocks have been sealed since the one before, or so many that hold definitions: a recovery
/// reads the entry of each of the former and all of the latter.
struct MarkLimits {
  std::uint64_t blocks = 16'384;           // entries of 1 MiB
  std::uint64_t definition_blocks = 64;    // 4 MiB at most
};

class MarkKeeper {
 public:
  explicit MarkKeeper(const MarkLimits& limits) : limits_(limits) {}

  /// Block 0 of a segment is a mark of its own: nothing is in front of it. Numbers of instruments go on.
  void begin_segment() {
    blocks_ = definition_blocks_ = missing_records_ = 0;
    max_ts_recv_ = kNoneI64;
  }
  void resume(const RecoveredTail& tail) {
    blocks_ = tail.blocks_since_mark;
    definition_blocks_ = tail.definition_blocks_since_mark;
    missing_records_ = tail.next_record - tail.record_count;
    last_instrument_ = tail.last_instrument;
    max_ts_recv_ = tail.running_max_ts_recv;
  }
  void on_sealed(const BlockDraft& block) {
    blocks_ += 1;
    if ((block.flags() & kBlockHasDefinitions) != 0) definition_blocks_ += 1;
    if ((block.flags() & kBlockHasMark) != 0) blocks_ = definition_blocks_ = 0;
    cover(block);
  }

  bool is_due() const { return blocks_ >= limits_.blocks || definition_blocks_ >= limits_.definition_blocks; }
  /// `open` is sealed in front of it.
  Mark make(const BlockDraft& open) {
    if (!open.empty()) cover(open);
    Mark mark{};
    // The largest time so far: an earlier one would count as a step back of the clock.
    mark.head = make_head(RecordType::kMark, max_ts_recv_);
    mark.head.flags |= kFlagCopy;
    mark.missing_records = missing_records_;
    mark.last_instrument = last_instrument_;
    return mark;
  }

 private:
  void cover(const BlockDraft& block) {
    last_instrument_ = std::max(last_instrument_, block.last_instrument());
    max_ts_recv_ = std::max(max_ts_recv_, block.max_ts_recv());
  }

  MarkLimits limits_;
  std::uint64_t blocks_ = 0;  // since the last mark
  std::uint64_t definition_blocks_ = 0;
  std::uint64_t missing_records_ = 0;
  std::uint32_t last_instrument_ = 0;
  std::int64_t max_ts_recv_ = kNoneI64;
};

}  // namespace tickforge
