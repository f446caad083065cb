#include "journal/segment_writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tickforge {
namespace {

/// How often a full disk is tried.
constexpr std::int64_t kFullDiskNs = 500'000'000;

/// Attempts of a write that follow each other at once; then come pauses, each twice as long as the one before. All
/// kAttemptsMax of them take half a second.
constexpr int kAttemptsAtOnce = 4;
constexpr std::int64_t kPauseNs = 1'000'000;
constexpr std::int64_t kPauseMaxNs = 100'000'000;
/// A reserve that found no space is tried for again after this time.
constexpr std::int64_t kReserveAgainNs = 10'000'000'000;

/// Blocks take somewhat more room than the cells in them, and a last block of each ring comes on top.
std::uint64_t space_of(const Lane& lane) {
  const std::uint64_t bytes = std::uint64_t{lane.ring().capacity()} * kCellBytes;
  return bytes + bytes / 8 + (std::uint64_t{1} << 20);
}

}  // namespace

SegmentWriter::SegmentWriter(Storage& storage, RingSet& rings, WriterOptions options)
    : storage_(storage), rings_(rings), options_(std::move(options)), intake_(rings, options_.marks), reserve_(storage) {
  reserve_wanted_ = options_.reserve_bytes;
  if (reserve_wanted_ != 0) reserve_.set_aside(reserve_path(options_.directory, options_.journal), reserve_wanted_);
}

void SegmentWriter::follow_rings(std::int64_t now) {
  // At an end it is given back, and on a full disk there is nothing to be had.
  if (options_.reserve_bytes == 0 || !options_.waits_for_disk || stalled_) return;
  std::uint64_t bytes = options_.reserve_bytes;
  // That of the first producer is in the option.
  for (std::size_t i = 1; i < intake_.lanes().size(); ++i) bytes += space_of(*intake_.lanes()[i]);
  const bool grown = std::exchange(reserve_wanted_, bytes) != bytes;
  if (bytes <= reserve_.bytes() || (!grown && now < reserve_again_at_)) return;
  reserve_again_at_ = now + kReserveAgainNs;
  reserve_.set_aside(reserve_path(options_.directory, options_.journal), bytes);
}

Result<bool> SegmentWriter::turn(std::int64_t now) {
  auto handled = handle_completions(now);
  if (!handled) return handled;
  if (failed_) {
    // The kernel still reads our memory.
    if (io_under_way()) return handled;
    auto begun = begin_again();
    if (!begun) return begun.error();
    publish_progress();
    return true;
  }
  if (handled.value()) {
    // Who waits is told before more is begun, which may take as long as the disk does.
    publish_progress();
    if (is_open() && all_durable()) (void)prepare();
    return true;
  }
  intake_.refresh();
  follow_rings(now);
  auto filled = fill(now);
  if (!filled) return filled;
  const bool started = start_io(now);
  if (writing_ != nullptr) {
    // Small blocks are written when submit_write() returns. Their sync must not wait until more has been written: that
    // would be synced, and told of, a whole sync later.
    auto written = handle_completions(now);
    if (!written) return written;
    if (written.value() && !failed_) (void)start_io(now);
  }
  auto ended = end_segment();
  if (!ended) return ended;
  const bool seen_off = see_off();
  publish_progress();
  return filled.value() || started || ended.value() || seen_off || prepare();
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
  if (paused_until_) return paused_until_;
  std::optional<std::int64_t> due = intake_.open_since();
  if (due) *due += options_.flush_interval_ns;
  const bool sync_comes = options_.durability.kind == Durability::Kind::kInterval && durable_.blocks < written_.blocks;
  if (!sync_comes) return due;
  const std::int64_t sync_due = last_sync_at_ + options_.durability.interval_ns;
  return due ? std::min(*due, sync_due) : sync_due;
}

void SegmentWriter::ask_taken() {
  intake_.refresh();
  for (const auto& lane : intake_.lanes()) lane->ask_taken();
}

bool SegmentWriter::is_taken() const {
  return std::all_of(intake_.lanes().begin(), intake_.lanes().end(), [](const auto& lane) { return lane->is_taken(); });
}

void SegmentWriter::ask_flush() {
  intake_.refresh();
  for (const auto& lane : intake_.lanes()) lane->ask_flush();
}

bool SegmentWriter::is_flushed() const {
  return std::all_of(intake_.lanes().begin(), intake_.lanes().end(), [](const auto& lane) { return lane->is_flushed(); });
}

bool SegmentWriter::has_asked() const {
  return !stalled_ && !paused_until_ &&
         std::any_of(intake_.lanes().begin(), intake_.lanes().end(), [](const auto& lane) { return lane->is_asked(); });
}

void SegmentWriter::stop_waiting() {
  if (!options_.waits_for_disk) return;
  options_.waits_for_disk = false;
  // Long ago, on a clock that starts at 0: an earlier time would overflow where it is subtracted from.
  try_again_at_ = 0;
}

Result<void> SegmentWriter::stall(const Error& error, std::int64_t now) {
  if (error.code != "TF_DISK_FULL") return error;
  if (!options_.waits_for_disk && !reserve_.give_back()) return error;
  stalled_ = error;
  try_again_at_ = options_.waits_for_disk ? now + kFullDiskNs : 0;
  return {};
}

bool SegmentWriter::try_later(BlockBatch& batch, std::int64_t now) {
  if (++interruptions_ >= kAttemptsMax) return false;
  unwritten_ = &batch;
  const int pauses = interruptions_ - kAttemptsAtOnce;
  paused_until_ = pauses <= 0 ? now : now + std::min(kPauseNs << (pauses - 1), kPauseMaxNs);
  return true;
}

std::int64_t SegmentWriter::wait_out_pause(std::int64_t now) {
  storage_.pause(*paused_until_ - now);
  return *paused_until_;
}

Result<bool> SegmentWriter::handle_completions(std::int64_t now) {
  if (io_under_way()) wait(0);
  const Completions ended = std::exchange(ended_, Completions{});
  // Neither is under way any more, even if handling the other fails.
  BlockBatch* batch = ended.write_done ? std::exchange(writing_, nullptr) : nullptr;
  if (ended.sync_done) on_sync_done(ended.sync_result);
  if (batch != nullptr) {
    auto done = on_write_done(*batch, ended.write_result, now);
    if (!done) return done.error();
  }
  return ended.write_done || ended.sync_done;
}

Result<void> SegmentWriter::on_write_done(BlockBatch& batch, int result, std::int64_t now) {
  // Nothing written and no reason given would go on for ever.
  if (result == 0) result = -EIO;
  if (is_interrupted(result) && try_later(batch, now)) return {};
  interruptions_ = 0;
  if (result < 0) {
    const Error error = write_error("writing", segment_->path(), -result);
    if (error.code != "TF_DISK_FULL") {
      fail(error);
      return {};
    }
    unwritten_ = &batch;
    return stall(error, now);
  }
  if (result > 0) {
    batch.advance(static_cast<std::uint64_t>(result));
    if (stalled_) segment_->space_returned();
    stalled_.reset();
  }
  if (batch.unwritten_bytes() == 0) {
    on_written(batch);
  } else if (!failed_) {
    submit(batch);
  }
  return {};
}

void SegmentWriter::on_written(BlockBatch& batch) {
  segment_->on_written(batch);
  if (options_.durability.kind != Durability::Kind::kBatch) {
    storage_.start_writeback(segment_->file(), segment_->end_offset() - batch.bytes(), batch.bytes());
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const BlockBatch::Source& source = batch.source(i);
    if (source.lane == nullptr) continue;
    source.lane->on_written(source.end);
    written_.ring_records += source.records;
  }
  last_batch_bytes_ = batch.bytes();
  batch.clear();
  written_.blocks = segment_->blocks_written();
  written_.next_record = segment_->written_record_end();
  written_.segment_max_ts_recv = segment_->running_max_ts_recv();
  written_.max_ts_recv = std::max(written_.max_ts_recv, written_.segment_max_ts_recv);
  watermarks_.written = std::max(watermarks_.written, written_.ring_records);
  // Before any cell is given back: a reader that finds one overwritten looks into the file.
  publish_tail();
  if (options_.durability.keeps_until_durable()) return;
  for (const auto& lane : intake_.lanes()) lane->release(false, preamble_);
}

void SegmentWriter::submit(BlockBatch& batch) {
  const int started = storage_.submit_write(segment_->file(), batch.unwritten(), batch.unwritten_bytes(),
                                            segment_->end_offset() + batch.written_bytes());
  if (started < 0) return fail(write_error("writing", segment_->path(), -started));
  writing_ = &batch;
}

void SegmentWriter::submit_sync(std::int64_t now) {
  syncing_to_ = written_;
  last_sync_at_ = now;
  for (const auto& lane : intake_.lanes()) lane->on_sync_begun();
  const int started = storage_.submit_sync(segment_->file());
  if (started < 0) return fail(write_error("syncing", segment_->path(), -started));
  syncing_ = SyncTarget::kSegment;
}

void SegmentWriter::on_sync_done(int result) {
  if (std::exchange(syncing_, SyncTarget::kNone) == SyncTarget::kIndex) return segment_->end_index_sync(result);
  // Never tried again: after a failed sync the kernel may have dropped the pages and would report success. A full disk
  // is no exception: where space is found late, the pages are gone as well.
  if (result < 0) return fail(write_error("syncing", segment_->path(), -result));
  if (syncing_to_.ring_records > durable_.ring_records) on_probation_ = false;
  durable_ = syncing_to_;
  watermarks_.durable = std::max(watermarks_.durable, durable_.ring_records);
  if (gaps_end_ && durable_.blocks >= *gaps_end_) {
    unsafe_gaps_.clear();
    gaps_end_.reset();
  }
  for (const auto& lane : intake_.lanes()) {
    if (lane->farewell_end && durable_.blocks >= *lane->farewell_end) lane->farewell = Lane::Farewell::kDurable;
    lane->on_sync_ended();
    lane->release(options_.durability.keeps_until_durable(), preamble_);
  }
}

Result<bool> SegmentWriter::fill(std::int64_t now) {
  if (!is_open()) return begin_segment(now);
  const bool may_mark = !intake_.has_unsealed_own() && !holds_rings_ && ending_ == Ending::kNone;
  if (may_mark && intake_.marks().is_due()) intake_.add_mark();
  bool moved = intake_.fill_from_own(now, *segment_, filling()).moved;
  if (holds_rings_ && !intake_.has_unsealed_own() && all_durable()) {
    holds_rings_ = false;
    // Nothing had to be written again.
    if (taken_records_ == watermarks_.appended) on_probation_ = false;
  }
  if (!intake_.has_own() && !holds_rings_ && ending_ == Ending::kNone) {
    const Intake::Filled filled = intake_.fill_from_rings(now, *segment_, filling());
    moved = moved || filled.moved;
    taken_records_ += filled.records;
    watermarks_.appended = std::max(watermarks_.appended, taken_records_);
    if (filled.end == Intake::End::kInvalid) return refuse_cells(now);
    if (filled.end == Intake::End::kNextDay) {
      ending_ = Ending::kWanted;
      moved = true;
    }
  }
  if (should_seal(now)) {
    (void)intake_.seal_open(*segment_, filling(), 0);
    moved = true;
  }
  if (!intake_.has_unsealed_own()) note_sealed_own();
  return moved;
}

void SegmentWriter::note_sealed_own() {
  const std::uint64_t end = segment_->blocks_placed();
  if (!unsafe_gaps_.empty() && !gaps_end_) gaps_end_ = end;
  for (const auto& lane : intake_.lanes()) {
    if (lane->farewell == Lane::Farewell::kNoted && !lane->farewell_end) lane->farewell_end = end;
  }
}

bool SegmentWriter::should_seal(std::int64_t now) const {
  // While a write is under way an open block may as well go on filling: it could not be written before.
  const bool can_write = writing_ == nullptr && unwritten_ == nullptr && ending_ == Ending::kNone && !filling().full();
  const std::optional<std::int64_t> since = can_write ? intake_.open_since() : std::nullopt;
  if (!since) return false;
  // What is written again has waited before.
  if (now >= *since + options_.flush_interval_ns || on_probation_) return true;
  return std::any_of(intake_.lanes().begin(), intake_.lanes().end(), [&](const auto& lane) {
    // The next sync cannot begin before this one has ended: until then the block fills for it.
    return (lane->block_is_asked() && syncing_ == SyncTarget::kNone) || lane->block_is_in_the_way();
  });
}

bool SegmentWriter::should_sync(std::int64_t now) const {
  if (!is_open() || durable_.blocks == written_.blocks) return false;
  const Durability& durability = options_.durability;
  if (durability.kind == Durability::Kind::kBatch || holds_rings_) return true;
  const bool ends = draining_ || ending_ == Ending::kLastBlockSealed;
  if (ends && written_.blocks == segment_->blocks_placed()) return true;
  const bool in_intervals = durability.kind == Durability::Kind::kInterval;
  if (in_intervals && now - last_sync_at_ >= durability.interval_ns) return true;
  return std::any_of(intake_.lanes().begin(), intake_.lanes().end(), [&](const auto& lane) {
    return lane->sync_is_asked() || (in_intervals && lane->is_short());
  });
}

bool SegmentWriter::start_io(std::int64_t now) {
  bool moved = false;
  BlockBatch* batch = nullptr;
  if (unwritten_ != nullptr) {
    if (may_try(now)) {
      batch = std::exchange(unwritten_, nullptr);
      paused_until_.reset();
    }
  } else if (writing_ == nullptr && !filling().empty()) {
    batch = &filling();
    filling_ ^= 1;
  }
  if (batch != nullptr) {
    segment_->reserve_ahead(batch->unwritten_bytes());
    submit(*batch);
    moved = true;
  }
  if (failed_ || syncing_ != SyncTarget::kNone) return moved;
  if (is_open() && segment_->index_sync_is_due()) {
    // It goes first: under load there is always something else to sync.
    const int started = storage_.submit_sync(segment_->begin_index_sync());
    if (started < 0) segment_->end_index_sync(started);
    if (started >= 0) syncing_ = SyncTarget::kIndex;
    return true;
  }
  if (!should_sync(now)) return moved;
  submit_sync(now);
  return true;
}

bool SegmentWriter::prepare() {
  const bool idle = is_open() && writing_ == nullptr && unwritten_ == nullptr && filling().empty() && !failed_ &&
                    !stalled_ && ending_ == Ending::kNone;
  // Blocks that come in large batches are better off with the disk to themselves.
  const bool small = last_batch_bytes_ > 0 && last_batch_bytes_ <= kBlockBytesTarget;
  if (!idle || !small || !options_.durability.keeps_until_durable()) return false;
  return segment_->zero_ahead(options_.zero_bytes);
}

void SegmentWriter::publish_progress() {
  for (const auto& lane : intake_.lanes()) lane->publish_progress();
}

void SegmentWriter::publish_tail() {
  tail_.segment_id = segment_->segment_id();
  tail_.day = segment_->day();
  tail_.part = segment_->part();
  tail_.file_offset = segment_->end_offset();
  tail_.record_count = segment_->records_written();
  for (const auto& lane : intake_.lanes()) {
    tail_.cells[lane->producer()] = lane->cells_written();
    tail_.generations[lane->producer()] = lane->generation();
  }
  rings_.table().set_tail(tail_);
}

}  // namespace tickforge
