#include "journal/segment_writer.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/clock.h"

namespace tickforge {
namespace {

constexpr std::int64_t kWaitNs = 100'000'000;
/// How often a full disk is tried.
constexpr std::int64_t kFullDiskNs = 500'000'000;

bool try_again(int result) { return result == -EINTR || result == -EAGAIN; }

void append_record(std::vector<std::uint8_t>& records, const Gap& gap) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&gap);
  records.insert(records.end(), bytes, bytes + sizeof gap);
}

/// First ts_recv of the next day. The last day that an i64 reaches never ends.
std::int64_t end_of_day(std::int32_t day) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  return day >= day_of(kLast) ? kLast : (std::int64_t{day} + 1) * kNsPerDay;
}

}  // namespace

SegmentWriter::SegmentWriter(Storage& storage, SpscRing& ring, WriterOptions options)
    : storage_(storage), ring_(ring), options_(std::move(options)), taken_(ring.consumed()) {}

Result<void> SegmentWriter::resume(const std::string& path, const RecoveredTail& tail, const Gap& gap,
                                   std::int64_t now) {
  auto segment = SegmentFile::reopen(storage_, path, tail);
  if (!segment) return segment.error();
  segment_ = segment.take();
  preamble_.note_recovered(tail.definitions);
  append_record(own_, gap);
  (void)draft_.take_own(own_, 0);
  own_.clear();
  draft_began_ = now - options_.flush_interval_ns;
  return {};
}

Result<bool> SegmentWriter::turn(std::int64_t now) {
  auto handled = handle_completions(now);
  if (!handled) return handled;
  auto filled = fill(now);
  if (!filled) return filled;
  auto started = start_io(now);
  if (!started) return started;
  auto ended = end_segment();
  if (!ended) return ended;
  return handled.value() || filled.value() || started.value() || ended.value();
}

void SegmentWriter::wait(std::int64_t wait_ns) {
  const Completions ended = storage_.poll(wait_ns);
  if (ended.write_done) {
    ended_.write_done = true;
    ended_.write_result = ended.write_result;
  }
  if (ended.sync_done) {
    ended_.sync_done = true;
    ended_.sync_result = ended.sync_result;
  }
}

std::optional<std::int64_t> SegmentWriter::deadline() const {
  if (stalled_) return try_again_at_;
  if (draft_.empty()) return std::nullopt;
  return draft_began_ + options_.flush_interval_ns;
}

void SegmentWriter::stop_waiting() {
  if (!options_.waits_for_disk) return;
  options_.waits_for_disk = false;
  // Long ago, on a clock that starts at 0: an earlier time would overflow where it is subtracted from.
  try_again_at_ = 0;
}

Result<void> SegmentWriter::stall(const Error& error, std::int64_t now) {
  if (error.code != "TF_DISK_FULL" || !options_.waits_for_disk) return error;
  stalled_ = error;
  try_again_at_ = now + kFullDiskNs;
  return {};
}

Result<bool> SegmentWriter::handle_completions(std::int64_t now) {
  if (io_under_way()) wait(0);
  const Completions ended = std::exchange(ended_, Completions{});
  // Neither is under way any more, even if handling the other fails.
  BlockBatch* batch = ended.write_done ? std::exchange(writing_, nullptr) : nullptr;
  if (ended.sync_done) {
    sync_under_way_ = false;
    auto done = on_sync_done(ended.sync_result);
    if (!done) return done.error();
  }
  if (batch != nullptr) {
    auto done = on_write_done(*batch, ended.write_result, now);
    if (!done) return done.error();
  }
  return ended.write_done || ended.sync_done;
}

Result<void> SegmentWriter::on_write_done(BlockBatch& batch, int result, std::int64_t now) {
  // Nothing written and no reason given would go on for ever.
  if (result == 0) result = -EIO;
  if (result < 0 && !try_again(result)) {
    unwritten_ = &batch;
    return stall(write_error("writing", segment_->path(), -result), now);
  }
  if (result > 0) {
    batch.write().advance(static_cast<std::size_t>(result));
    if (stalled_) segment_->space_returned();
    stalled_.reset();
  }
  if (batch.write().left() > 0) return submit(batch);
  segment_->on_written(batch);
  if (!options_.sync_each_batch) {
    storage_.start_writeback(segment_->file(), segment_->end_offset() - batch.bytes(), batch.bytes());
  }
  written_blocks_ += batch.size();
  watermarks_.written += batch.ring_records();
  if (batch.has_ring_cells()) ring_.release(batch.ring_end());
  batch.clear();
  return {};
}

Result<void> SegmentWriter::submit(BlockBatch& batch) {
  const int started = storage_.submit_write(segment_->file(), batch.write().parts(), batch.write().count(),
                                            segment_->end_offset() + batch.write().done());
  if (started < 0) return write_error("writing", segment_->path(), -started);
  writing_ = &batch;
  return {};
}

Result<void> SegmentWriter::on_sync_done(int result) {
  // Never tried again: after a failed sync the kernel may have dropped the pages and would report success.
  if (result < 0) return write_error("syncing", segment_->path(), -result);
  durable_blocks_ = sync_blocks_;
  watermarks_.durable = sync_records_;
  return {};
}

Result<bool> SegmentWriter::fill(std::int64_t now) {
  bool moved = false;
  while (own_taken_ < own_.size() && !filling().full()) {
    if (draft_.empty()) draft_began_ = now;
    own_taken_ = draft_.take_own(own_, own_taken_);
    moved = true;
    if (own_taken_ < own_.size()) seal(0);
  }
  if (own_taken_ == own_.size() && ending_ == Ending::kNone) {
    own_.clear();
    own_taken_ = 0;
    auto filled = fill_from_ring(now);
    if (!filled) return filled;
    moved = moved || filled.value();
  }
  // While a write is under way a due block may as well go on filling: it could not be written before.
  const bool due = !draft_.empty() && now >= draft_began_ + options_.flush_interval_ns;
  const bool can_write = writing_ == nullptr && unwritten_ == nullptr && ending_ == Ending::kNone;
  if (due && can_write && !filling().full()) {
    seal(0);
    moved = true;
  }
  return moved;
}

Result<bool> SegmentWriter::fill_from_ring(std::int64_t now) {
  bool moved = false;
  while (!filling().full()) {
    const std::uint32_t available = ring_.published() - taken_;
    if (available == 0) break;
    const std::uint8_t* cells = ring_.at(taken_);
    if (available > ring_.capacity()) return refuse_cells(now);
    if (!is_open()) {
      const auto& head = *reinterpret_cast<const RecordHead*>(cells);
      if (!is_record(head, available)) return refuse_cells(now);
      if (!may_try(now)) return moved;
      auto begun = begin_segment(head.ts_recv);
      if (!begun) {
        auto waits = stall(begun.error(), now);
        if (!waits) return waits.error();
        return true;
      }
      stalled_.reset();
      return true;
    }
    if (draft_.empty()) draft_began_ = now;
    const auto taken = draft_.take_from_ring(cells, available, taken_, end_of_day(segment_->day()),
                                             [this](const std::uint8_t* record) { preamble_.note(record); });
    taken_ += taken.cells;
    watermarks_.appended += taken.records;
    moved = moved || taken.cells > 0;
    if (taken.end == TakeEnd::kAllTaken) break;
    if (taken.end == TakeEnd::kInvalid) return refuse_cells(now);
    moved = true;
    if (taken.end == TakeEnd::kNextDay) {
      ending_ = Ending::kWanted;
      break;
    }
    seal(0);
  }
  return moved;
}

Error SegmentWriter::refuse_cells(std::int64_t now) {
  if (is_open()) {
    if (!draft_.empty()) seal(0);
    auto drained = drain(now);
    if (!drained) return drained.error();
  }
  return Error{"TF_INTERNAL", "the ring of journal '" + options_.journal + "' holds cells that are no record", "", 0};
}

void SegmentWriter::seal(std::uint16_t extra_flags) {
  const BlockPlace place = segment_->next_place(draft_.records());
  filling().add(draft_, ring_.at(draft_.ring_position()), place, extra_flags);
  sealed_blocks_ += 1;
}

Result<bool> SegmentWriter::start_io(std::int64_t now) {
  bool moved = false;
  BlockBatch* batch = nullptr;
  if (unwritten_ != nullptr) {
    if (may_try(now)) batch = std::exchange(unwritten_, nullptr);
  } else if (writing_ == nullptr && !filling().empty()) {
    batch = &filling();
    filling_ ^= 1;
  }
  if (batch != nullptr) {
    segment_->reserve_ahead(batch->write().left());
    auto submitted = submit(*batch);
    if (!submitted) return submitted.error();
    moved = true;
  }
  const bool asked = durable_blocks_ < wanted_durable_ && written_blocks_ >= wanted_durable_;
  const bool wanted = options_.sync_each_batch || asked;
  if (!sync_under_way_ && durable_blocks_ < written_blocks_ && wanted) {
    sync_blocks_ = written_blocks_;
    sync_records_ = watermarks_.written;
    const int started = storage_.submit_sync(segment_->file());
    if (started < 0) return write_error("syncing", segment_->path(), -started);
    sync_under_way_ = true;
    moved = true;
  }
  return moved;
}

std::uint64_t SegmentWriter::request_sync() {
  if (!draft_.empty()) seal(0);
  wanted_durable_ = sealed_blocks_;
  return wanted_durable_;
}

Result<void> SegmentWriter::drain(std::int64_t now) {
  stop_waiting();
  wanted_durable_ = sealed_blocks_;
  while (durable_blocks_ < sealed_blocks_ || io_under_way()) {
    auto started = start_io(now);
    if (!started) return started.error();
    if (io_under_way()) wait(kWaitNs);
    auto handled = handle_completions(now);
    if (!handled) return handled.error();
  }
  return {};
}

Result<void> SegmentWriter::begin_segment(std::int64_t ts_recv) {
  const std::int32_t day = std::max(day_of(ts_recv), first_day_);
  auto segment = SegmentFile::create(storage_, options_.directory, options_.journal, day);
  if (!segment) return segment.error();
  segment_ = segment.take();
  own_ = segment_->segment_record(options_.journal, options_.writer, ts_recv);
  preamble_.append_copies(own_, ts_recv);
  if (first_gap_) {
    first_gap_->head.ts_recv = ts_recv;
    append_record(own_, *first_gap_);
    first_gap_.reset();
  }
  return {};
}

Result<bool> SegmentWriter::end_segment() {
  if (ending_ == Ending::kNone) return false;
  if (ending_ == Ending::kWanted) {
    if (filling().full()) return false;
    if (!draft_.empty()) {
      seal(kBlockLast);
    } else {
      // Blocks are never rewritten, so a segment whose last record is on its way already is closed by a block of its
      // own. That repeats the largest time so far, which is known when all is written.
      if (written_blocks_ < sealed_blocks_) return false;
      filling().add_trailer(segment_->next_place(0), segment_->running_max_ts_recv(), kBlockLast);
      sealed_blocks_ += 1;
    }
    wanted_durable_ = sealed_blocks_;
    ending_ = Ending::kLastBlockSealed;
    return true;
  }
  if (durable_blocks_ < sealed_blocks_ || io_under_way()) return false;
  ending_ = Ending::kNone;
  auto finished = segment_->finish();
  if (!finished) return finished.error();
  return true;
}

Result<void> SegmentWriter::finish(std::int64_t now) {
  stop_waiting();
  while (is_open()) {
    if (own_taken_ == own_.size() && ending_ == Ending::kNone) ending_ = Ending::kWanted;
    auto moved = turn(now);
    if (!moved) return moved.error();
    if (!moved.value()) wait(kWaitNs);
  }
  return {};
}

void SegmentWriter::abandon() {
  while (io_under_way()) {
    wait(kWaitNs);
    const Completions ended = std::exchange(ended_, Completions{});
    if (ended.write_done) writing_ = nullptr;
    if (ended.sync_done) sync_under_way_ = false;
  }
  // Best effort: recovery cuts what stays.
  if (is_open()) (void)segment_->finish();
}

}  // namespace tickforge
