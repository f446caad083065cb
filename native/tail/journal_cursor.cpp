#include "tail/journal_cursor.h"

#include <algorithm>
#include <tuple>

#include "journal/block_walk.h"
#include "journal/pending_segments.h"
#include "journal/posix_storage.h"

namespace tickforge {
namespace {

auto order_of(const SegmentName& name) { return std::tie(name.day, name.part); }

/// Cells of the first `records` records of a block.
std::uint32_t cells_of(const std::uint8_t* payload, std::uint64_t records) {
  std::uint32_t cells = 0;
  for (std::uint64_t i = 0; i < records; ++i) cells += payload[cells * kCellBytes];
  return cells;
}

}  // namespace

OwnRecords JournalCursor::own() const {
  if (!may_hold_own()) return {};
  return own_records(payload(), header().payload_length, producer());
}

std::uint64_t JournalCursor::delivered() const { return std::min(ahead_[producer()], cells()); }

Result<void> JournalCursor::place(const SegmentName& segment, const CursorPlace& place, std::uint64_t record) {
  auto opened = SegmentCursor::open(directory_ + "/" + segment.file_name(), place);
  if (!opened) return opened.error();
  current_ = opened.take();
  name_ = segment;
  own_delivered_ = 0;
  history_.clear();
  known_from_ = place.record;
  auto looked = look_for_next();
  if (!looked) return looked.error();
  if (record == place.record) return {};
  for (;;) {
    auto found = current_->peek(kUnlimited);
    if (!found) return found.error();
    if (!found.value()) return {};
    auto loaded = load();
    if (!loaded) return loaded.error();
    if (loaded.value()) break;
  }
  if (header().first_record >= record) return {};
  const OwnRecords own_here = own();
  const std::uint64_t before = std::min<std::uint64_t>(record - header().first_record, header().record_count);
  own_delivered_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(before, own_here.records));
  const std::uint64_t cells = before > own_here.records ? cells_of(payload(), before) - own_here.cells : 0;
  ahead_[producer()] += cells;
  return {};
}

Result<bool> JournalCursor::peek(const WrittenExtent& extent) {
  for (;;) {
    if (!current_) {
      auto first = find_next();
      if (!first) return first.error();
      if (!first.value()) return false;
      next_ = std::move(first.value());
      auto moved = move_on();
      if (!moved) return moved.error();
    }
    const auto written = std::tie(extent.day, extent.part);
    const bool here = extent.known && written == order_of(name_);
    if (extent.known && !next_ && written > order_of(name_)) {
      auto looked = look_for_next();
      if (!looked) return looked.error();
    }
    // The end of a segment is known only if it was read after the next one had begun.
    const bool complete = next_.has_value();
    const std::uint64_t end = complete ? next_->opening.limit : kUnlimited;
    bool ended = current_->record() >= end;
    if (!ended) {
      auto found = current_->peek(here && !complete ? extent.bytes : kUnlimited);
      if (!found) return found.error();
      if (found.value() && header().first_record < end) return true;
      ended = complete;
    }
    if (ended) {
      auto moved = move_on();
      if (!moved) return moved.error();
      continue;
    }
    if (here) return false;
    auto looked = look_for_next();
    if (!looked || !looked.value()) return looked;
  }
}

Result<std::optional<JournalCursor::Next>> JournalCursor::find_next() const {
  std::vector<std::string> names;
  const int listed = PosixStorage().list(directory_, names);
  if (listed < 0) {
    const char* code = listed == -ENOENT || listed == -ENOTDIR ? "TF_NO_DIRECTORY" : "TF_IO";
    return system_error(code, "listing", directory_, -listed);
  }
  remove_pending(directory_, names);
  std::optional<Next> begun;
  for (SegmentName& name : segments_of(names, journal_)) {
    if (current_ && order_of(name) <= order_of(name_)) continue;
    auto opening = read_part_opening(directory_ + "/" + name.file_name());
    // It may be gone since it was listed: a recorder that starts takes one without blocks away.
    if (!opening && opening.error().code == "TF_NO_DIRECTORY") continue;
    if (!opening) return opening.error();
    if (!opening.value().has_blocks) continue;
    // When a later one has begun, no more is coming.
    if (begun) return begun;
    begun = Next{std::move(name), opening.value()};
    // What the opening says matters to the segment before alone.
    if (begun->opening.complete || !current_) return begun;
  }
  return std::optional<Next>();
}

Result<bool> JournalCursor::look_for_next() {
  auto found = find_next();
  if (!found) return found.error();
  next_ = std::move(found.value());
  return next_.has_value();
}

Result<void> JournalCursor::move_on() {
  const PartOpening& opening = next_->opening;
  const bool repeats = opening.limit != kUnlimited;
  if (current_) {
    if (auto gap = current_->take_gap()) gap_ = gap;
    if (repeats) take_back(opening.limit);
    // A recorder that goes on closes a segment at the end of its day, or repeats what it could not write.
    const bool goes_on = repeats || (current_->closed() && next_->name.day > name_.day && !opening.new_life);
    if (!goes_on && !joined_) forget_ahead();
  }
  auto opened = SegmentCursor::open(directory_ + "/" + next_->name.file_name());
  if (!opened) return opened.error();
  current_ = opened.take();
  name_ = std::move(next_->name);
  next_.reset();
  history_.clear();
  known_from_ = 0;
  own_delivered_ = 0;
  entered_ = true;
  auto looked = look_for_next();
  if (!looked) return looked.error();
  return {};
}

void JournalCursor::take_back(const Passed& block) {
  passed_[block.producer] -= block.cells;
  ahead_[block.producer] += block.cells;
}

void JournalCursor::take_back(std::uint64_t from_record) {
  for (const Passed& block : history_) {
    if (block.first_record >= from_record) take_back(block);
  }
  if (from_record >= known_from_) return;
  // An earlier reader delivered these. Where they cannot be read any more, they come again.
  auto opened = SegmentCursor::open(current_->path());
  if (!opened) return;
  SegmentCursor& blocks = opened.value();
  for (;;) {
    auto found = blocks.peek(kUnlimited);
    if (!found || !found.value() || blocks.header().first_record >= known_from_) return;
    auto loaded = blocks.load();
    if (!loaded) return;
    if (!loaded.value()) continue;
    const BlockHeader& block = blocks.header();
    if (block.first_record >= from_record) {
      const OwnRecords own_there = own_records(blocks.payload(), block.payload_length, blocks.producer());
      const auto cells = static_cast<std::uint32_t>(block.payload_length / kCellBytes) - own_there.cells;
      take_back(Passed{block.first_record, cells, blocks.producer()});
    }
    blocks.advance();
  }
}

void JournalCursor::advance() {
  const std::uint32_t of = producer();
  const std::uint64_t count = cells();
  passed_[of] += count;
  ahead_[of] -= std::min(ahead_[of], count);
  if (count > 0) {
    ahead_of_life_ = 0;
    history_.push_back({header().first_record, static_cast<std::uint32_t>(count), of});
  }
  own_delivered_ = 0;
  current_->advance();
}

void JournalCursor::pass_own(const RecordHead& head) {
  own_delivered_ += 1;
  if (!begins_life(head)) return;
  if (!joined_) forget_ahead();
  ahead_of_life_ = 0;
}

void JournalCursor::forget_ahead() {
  ahead_.fill(0);
  ahead_of_life_ = 0;
}

std::optional<Gap> JournalCursor::take_gap() {
  if (gap_) return std::exchange(gap_, std::nullopt);
  return current_ ? current_->take_gap() : std::nullopt;
}

bool JournalCursor::take_entered() { return std::exchange(entered_, false); }

void JournalCursor::resume_ahead(const TailPosition& position) {
  ahead_ = position.ahead;
  ahead_of_life_ = position.of_life;
}

TailPosition JournalCursor::position() const {
  TailPosition position{{}, 0, ahead_, ahead_of_life_};
  if (!current_) return position;
  position.segment = name_;
  position.record = current_->record() + own_delivered_;
  if (joined_ || payload() == nullptr || own_delivered_ < own().records || delivered() == cells()) return position;
  // Within a block whose records come from the file alone, the number of the next one says it all.
  const std::uint64_t end = own().cells + delivered();
  position.ahead[producer()] -= delivered();
  for (std::uint64_t cell = own().cells; cell < end; cell += payload()[cell * kCellBytes]) position.record += 1;
  return position;
}

}  // namespace tickforge
