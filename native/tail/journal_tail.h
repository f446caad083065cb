// Follows a journal while it is being recorded, from any process.
//
// Two sources: the segment files, and the ring of each producer, in which a record can be read before it is written. Both
// hold the same cells in the same order, so a reader that knows how many of a producer's cells lie before a place of the
// log (TailPoint) can change from one to the other without a gap or an overlap. It reads the rings while it keeps up
// with them. What a ring has given back to its producer may be overwritten and is taken from the file. Behind the rings a
// cursor follows the log, by block headers alone where everything has been delivered.
//
// Order: that of each producer is kept. Between producers it is the order in which this reader met the records. What the
// writer adds by itself (segment record, copies of definitions, gaps of causes 6, 10 and 11) and gaps in the place of
// damage (9) come when the cursor meets them in the log, so possibly after records that were published later.
//
// What was read from a ring and never got into the log, because its recorder was killed, has been delivered all the same;
// the gap record of cause 6 that follows says so.
//
// One thread's, but for stop().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tail/control_page_file.h"
#include "tail/journal_cursor.h"
#include "tail/live_rings.h"
#include "tail/tail_batch.h"

namespace tickforge {

enum class TailStart {
  kNow,       // what is published from here on
  kBegin,     // the oldest record of the journal
  kTime,      // the block with the first record at or behind `time`
  kPosition,  // where another reader stopped
};

struct TailOptions {
  std::string directory;
  std::string journal = "main";
  TailStart start = TailStart::kNow;
  std::int64_t time = 0;
  TailPosition position;
  /// Never sleep while a recorder lives: the shortest delay, for a whole core.
  bool spin = false;
};

/// Reads where to begin: "now", "start", a time in ns since the epoch, or a position. False when it is none of them.
bool parse_tail_start(std::string_view text, TailOptions& options);

class JournalTail {
 public:
  /// Memory for a batch: at least this.
  static constexpr std::size_t kBatchBytesMin = std::size_t{128} << 10;

  /// A journal that has not begun is waited for. Errors: TF_NO_DIRECTORY, TF_NO_FILE (the segment of a position is gone),
  /// TF_EMPTY_RANGE (it ends before the position), and those of the segment's blocks.
  static Result<std::unique_ptr<JournalTail>> open(const TailOptions& options);
  JournalTail(const JournalTail&) = delete;
  JournalTail& operator=(const JournalTail&) = delete;

  /// Waits for records, at most `timeout_ns`, and fills `memory` with as many as there are. An empty batch: none came, or
  /// stop() was called. It is valid until the next call. Errors: as SegmentCursor::peek(), TF_NO_DIRECTORY.
  Result<const TailBatch*> next(std::uint8_t* memory, std::size_t size, std::int64_t timeout_ns);
  /// Behind all that next() has given. Definitions that are in force do not count.
  TailPosition position() const { return cursor_.position(); }
  /// Any thread: next() returns soon, and at once from now on.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  /// Rings are being read.
  bool is_live() const { return joined_; }

 private:
  explicit JournalTail(const TailOptions& options);

  Result<void> start(const TailOptions& options);
  Result<void> start_at_time(std::int64_t time);
  Result<void> start_at_position(const TailPosition& position);
  Result<void> start_now();
  Result<void> start_at_end();
  Result<void> skim();
  Result<void> place(const SegmentName& segment, std::uint64_t record);

  Result<void> fill();
  void take_rings();
  void take_ring(LiveRing& live);
  Result<void> follow_file();
  /// Delivers what is left of the block at the cursor; false when there was no room for all of it.
  Result<bool> deliver_block(bool from_file);
  bool deliver_own();
  void deliver_in_force(const std::uint8_t* records, std::size_t bytes);
  void pass_damage(const Gap& gap);
  /// At the end of what may be read; true when there is more now.
  Result<bool> at_end();
  void meet_tail_point();
  void join(LiveRing& live, std::uint64_t passed);
  void leave_rings();
  WrittenExtent extent();
  LiveRing* ring_of(std::uint32_t producer);
  void look_after_writer(std::int64_t now);
  void wait(std::int64_t until);
  bool has_news();
  bool catching_up();

  const std::string directory_;
  const std::string journal_;
  const bool spin_;
  std::atomic<bool> stopped_{false};

  JournalCursor cursor_;
  LiveRings rings_;
  ControlPageFile page_;
  TailBatch batch_;
  std::vector<std::uint8_t> in_force_;
  std::size_t in_force_given_ = 0;
  /// Met behind the records of the last batch.
  std::optional<Error> error_;

  bool joined_ = false;
  /// The reader began with cells ahead: definitions among them are in force as well.
  bool resumed_ = false;
  bool new_segment_ = false;
  /// The recorder whose rings were read is gone: what is ahead of the whole log is lost.
  bool life_ended_ = false;
  /// The tail point that the cursor is on its way to.
  std::optional<TailPoint> target_;
  std::size_t first_ring_ = 0;

  std::int64_t look_at_writer_at_ = 0;
  std::int64_t follow_file_at_ = 0;
  std::int64_t looked_at_rings_ = 0;
};

}  // namespace tickforge
