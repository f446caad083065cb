// How segments begin, end, fail and are begun again, and what is said of producers that are gone.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "journal/own_records.h"
#include "journal/segment_writer.h"

namespace tickforge {

Result<void> SegmentWriter::resume(const std::string& path, const RecoveredTail& tail, const Gap& gap,
                                   std::int64_t now) {
  auto segment = SegmentFile::reopen(storage_, path, tail);
  if (!segment) return segment.error();
  segment_ = segment.take();
  intake_.marks().resume(tail);
  // Recovery has synced what it found.
  written_ = durable_ = {tail.next_block, tail.next_record, 0, tail.running_max_ts_recv, tail.running_max_ts_recv};
  add_gap(gap);
  // At once: who starts again and again, and never lasts long, would come to none.
  if (intake_.marks().is_due()) intake_.add_mark();
  (void)intake_.fill_from_own(now - options_.flush_interval_ns, *segment_, filling());
  return {};
}

void SegmentWriter::begin_with_gap(const Gap& gap, std::int32_t day) {
  first_gap_ = gap;
  first_day_ = day;
  written_.max_ts_recv = durable_.max_ts_recv = gap.ts_last_good;
}

Error SegmentWriter::refuse_cells(std::int64_t now) {
  if (is_open()) {
    auto drained = drain(now);
    if (!drained) return drained.error();
  }
  return Error{"TF_INTERNAL", "a ring of journal '" + options_.journal + "' holds cells that are no record", "", 0};
}

Result<void> SegmentWriter::drain(std::int64_t now) {
  stop_waiting();
  draining_ = true;
  while (intake_.has_open() || !all_durable() || io_under_way()) {
    if (writing_ == nullptr && unwritten_ == nullptr && intake_.has_open()) {
      (void)intake_.seal_open(*segment_, filling(), 0);
    }
    (void)start_io(now);
    if (failed_) return *failed_;
    if (io_under_way()) wait(kWaitNs);
    if (paused_until_ && !io_under_way()) now = wait_out_pause(now);
    auto handled = handle_completions(now);
    if (!handled) return handled.error();
  }
  return {};
}

void SegmentWriter::fail(const Error& error) {
  if (!failed_) failed_ = error;
}

Result<void> SegmentWriter::begin_again() {
  const auto& lanes = intake_.lanes();
  const bool in_memory = std::all_of(lanes.begin(), lanes.end(), [](const auto& lane) { return lane->can_go_back(); });
  // A disk on which a second file fails at once is broken; and what was given back undurable is in no ring any more.
  if (on_probation_ || !in_memory) return *failed_;
  restart_ = make_gap(GapCause::kWriteError, durable_.segment_max_ts_recv, 0);
  restart_->expected_id = durable_.next_record;
  first_day_ = segment_->day();
  segment_->leave();
  intake_.go_back();
  drops_said_ = false;
  for (BlockBatch& batch : batches_) batch.clear();
  unwritten_ = nullptr;
  stalled_.reset();
  paused_until_.reset();
  ending_ = Ending::kNone;
  holds_rings_ = false;
  gaps_end_.reset();
  written_ = durable_;
  taken_records_ = durable_.ring_records;
  on_probation_ = true;
  failed_.reset();
  return {};
}

Result<bool> SegmentWriter::begin_segment(std::int64_t now) {
  auto next = intake_.peek();
  if (!next) return next.error();
  if ((next.value() == nullptr && !restart_) || !may_try(now)) return false;
  std::int64_t ts_recv = next.value() != nullptr ? next.value()->ts_recv : kNoneI64;
  if (restart_ && (next.value() == nullptr || day_of(ts_recv) > first_day_)) {
    // All that is left to say belongs to the day of the part that failed.
    ts_recv = durable_.max_ts_recv;
    for (const Gap& gap : unsafe_gaps_) ts_recv = std::max(ts_recv, gap.head.ts_recv);
  }
  // Never before the day of the segment that ended: the order of names is that of recording, also where one producer is
  // late in its day.
  const std::int32_t day = restart_ ? first_day_ : std::max(day_of(ts_recv), first_day_);
  auto segment = SegmentFile::create(storage_, options_.directory, options_.journal, day);
  if (!segment) {
    auto waits = stall(segment.error(), now);
    if (!waits) return waits.error();
    return true;
  }
  stalled_.reset();
  segment_ = segment.take();
  intake_.marks().begin_segment();
  last_batch_bytes_ = 0;
  for (Reached* reached : {&written_, &syncing_to_, &durable_}) {
    *reached = {0, 0, reached->ring_records, reached->max_ts_recv, kNoneI64};
  }
  std::vector<std::uint8_t> head = segment_->segment_record(options_.journal, options_.writer, ts_recv);
  preamble_.append_copies(head, ts_recv);
  if (restart_) {
    restart_->head.ts_recv = ts_recv;
    append_record(head, *restart_);
    for (const Gap& gap : unsafe_gaps_) append_record(head, gap);
    // Should this part fail before its head is durable, the writer stops: only those others are of use then.
    holds_rings_ = true;
    restart_.reset();
  }
  intake_.add_own(head);
  if (first_gap_) {
    first_gap_->head.ts_recv = ts_recv;
    add_gap(*first_gap_);
    first_gap_.reset();
  }
  return true;
}

Result<bool> SegmentWriter::end_segment() {
  if (ending_ == Ending::kNone || failed_) return false;
  if (ending_ == Ending::kWanted) {
    if (filling().full() || intake_.has_own()) return false;
    if (intake_.has_open()) {
      if (!intake_.seal_open(*segment_, filling(), kBlockLast)) return true;
    } else {
      // Blocks are never rewritten, so a segment whose last record is on its way already is closed by a block of its
      // own. That repeats the largest time so far, which is known when all is written.
      if (written_.blocks < segment_->blocks_placed()) return false;
      filling().add_trailer(segment_->next_place(0), segment_->running_max_ts_recv(), kBlockLast);
    }
    ending_ = Ending::kLastBlockSealed;
    return true;
  }
  if (!all_durable() || io_under_way()) return false;
  ending_ = Ending::kNone;
  on_probation_ = false;
  auto finished = segment_->finish();
  if (!finished) return finished.error();
  return true;
}

Result<void> SegmentWriter::finish(std::int64_t now) {
  stop_waiting();
  for (const auto& lane : intake_.lanes()) lane->ask_taken_again();
  // After a failure all that is not durable is taken once more, before the end is.
  while (is_open() || restart_ || !is_taken()) {
    if (is_open() && is_taken() && !intake_.has_own() && !holds_rings_ && ending_ == Ending::kNone && !say_drops()) {
      ending_ = Ending::kWanted;
    }
    auto moved = turn(now);
    if (!moved) return moved.error();
    if (moved.value()) continue;
    if (paused_until_ && !io_under_way()) {
      now = wait_out_pause(now);
    } else {
      wait(kWaitNs);
    }
  }
  return {};
}

void SegmentWriter::abandon() {
  while (io_under_way()) {
    wait(kWaitNs);
    const Completions ended = std::exchange(ended_, Completions{});
    if (ended.write_done) writing_ = nullptr;
    if (ended.sync_done) syncing_ = SyncTarget::kNone;
  }
  publish_progress();
  if (!is_open()) return;
  // Best effort: recovery cuts what stays. A file that has failed is left as it is.
  if (failed_) {
    segment_->leave();
  } else {
    (void)segment_->finish();
  }
}

bool SegmentWriter::see_off() {
  bool said = false;
  for (const auto& lane : intake_.lanes()) {
    if (!lane->ended || lane->producer() == 0 || !lane->draft.empty() || !lane->all_durable()) continue;
    if (lane->farewell == Lane::Farewell::kNone) {
      if (!say_farewell(*lane)) continue;
      said = true;
    }
    if (lane->farewell == Lane::Farewell::kNoted) continue;
    for (const std::uint16_t number : preamble_.connections_of(lane->producer())) rings_.table().free_connection(number);
    preamble_.forget_connections(lane->producer());
    lane->publish_progress();
    intake_.retire(lane->producer());
    return true;
  }
  return said;
}

bool SegmentWriter::say_farewell(Lane& lane) {
  if (!is_open() || failed_ || ending_ != Ending::kNone || holds_rings_) return false;
  // One at a time: whether a farewell is durable is known by the block that was sealed behind it, and it must neither be
  // said twice, after a failure, nor be left out.
  if (intake_.has_unsealed_own()) return false;
  std::vector<std::uint8_t> records;
  for (const std::uint16_t number : preamble_.connections_of(lane.producer())) {
    append_record(records, make_gap(GapCause::kUncleanStop, lane.last_ts_recv(), durable_.max_ts_recv,
                                    frame_of(number, 0)));
  }
  if (const auto drop = lane.unrecorded_drop(durable_.max_ts_recv)) append_record(records, *drop);
  lane.farewell = records.empty() ? Lane::Farewell::kDurable : Lane::Farewell::kNoted;
  intake_.add_own(records);
  return true;
}

bool SegmentWriter::say_drops() {
  if (std::exchange(drops_said_, true)) return false;
  std::vector<std::uint8_t> records;
  for (const auto& lane : intake_.lanes()) {
    if (lane->farewell != Lane::Farewell::kNone) continue;
    if (const auto drop = lane->unrecorded_drop(lane->last_ts_recv())) append_record(records, *drop);
  }
  intake_.add_own(records);
  return !records.empty();
}

void SegmentWriter::add_gap(const Gap& gap) {
  std::vector<std::uint8_t> record;
  append_record(record, gap);
  intake_.add_own(record);
  unsafe_gaps_.push_back(gap);
}

}  // namespace tickforge
