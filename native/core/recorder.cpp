#include "core/recorder.h"

#include <pthread.h>

#include <algorithm>

#include "base/assert.h"
#include "base/clock.h"
#include "core/open_plan.h"
#include "journal/posix_storage.h"

namespace tickforge {
namespace {

/// While I/O is under way the thread looks at the ring this often; it cannot sleep on both.
constexpr std::int64_t kLookNs = 1'000'000;
/// A producer that forgets to wake the thread is noticed after this time at the latest.
constexpr std::int64_t kParkNs = 1'000'000'000;
/// This share of the ring, published behind an open block, wakes the writer before the block is due.
constexpr std::uint32_t kWakeShare = 8;

RecoveryReport report_of(const OpenPlan& plan) {
  RecoveryReport report;
  report.clean = plan.tail.clean;
  report.torn_tail_bytes = plan.tail.torn_tail_bytes;
  report.index_rebuilt = plan.tail.index_rebuilt;
  report.bytes_read = plan.tail.bytes_read;
  report.gap_cause = plan.gap ? plan.gap->cause : 0;
  if (plan.path.empty()) return report;
  report.segment = plan.path;
  report.blocks = plan.tail.next_block;
  report.records = plan.tail.record_count;
  report.corrupt_blocks = plan.tail.corrupt_blocks;
  report.last_instrument = plan.tail.last_instrument;
  report.last_ts_recv = plan.tail.running_max_ts_recv;
  return report;
}

WriterOptions writer_options_of(const JournalOptions& options) {
  WriterOptions writer;
  writer.directory = options.directory;
  writer.journal = options.name;
  writer.writer = options.writer;
  writer.flush_interval_ns = options.flush_interval_ns;
  writer.durability = options.durability;
  writer.waits_for_disk = options.waits_for_disk;
  // Blocks take somewhat more room than the cells in them; a last block, an index and a segment's head come on top.
  if (options.waits_for_disk) writer.reserve_bytes = options.ring_bytes + options.ring_bytes / 8 + (std::uint64_t{1} << 20);
  return writer;
}

/// Where there is no shared memory a journal works all the same, for this process alone.
Result<std::unique_ptr<RingSet>> make_rings(const JournalOptions& options) {
  auto directory = shared_directory_of(options.directory, options.name);
  if (!directory) return directory.error();
  auto shared = RingSet::create(directory.value(), options.ring_bytes);
  return shared ? std::move(shared) : RingSet::create("", options.ring_bytes);
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::open(const JournalOptions& options, StorageFactory make) {
  auto prepared = prepare_directory(options.directory);
  if (!prepared) return prepared.error();
  auto lock = DirectoryLock::acquire(options.directory);
  if (!lock) return lock.error();
  auto rings = make_rings(options);
  if (!rings) return rings.error();

  const std::int64_t now = realtime_ns();
  OpenPlan plan;
  if (!options.new_part) {
    PosixStorage storage;
    auto planned = plan_open(storage, options.directory, options.name, now);
    if (!planned) return planned.error();
    plan = planned.take();
  }
  auto page = ControlPageWriter::open(control_page_path(options.directory, options.name), now);
  if (!page) return page.error();

  auto recorder = std::unique_ptr<Recorder>(new Recorder(options, rings.take(), lock.take(), page.take()));
  recorder->recovery_ = report_of(plan);
  recorder->rings_->table().next_instrument.store(recorder->recovery_.last_instrument + 1);
  Recorder& self = *recorder;
  self.thread_ = std::thread([&self, make = std::move(make), plan = std::move(plan)]() mutable {
    self.run(make, plan);
  });
  ::pthread_setname_np(self.thread_.native_handle(), "tf-writer");
  return recorder;
}

Recorder::Recorder(const JournalOptions& options, std::unique_ptr<RingSet> rings, DirectoryLock lock,
                   ControlPageWriter page)
    : name_(options.name),
      writer_options_(writer_options_of(options)),
      rings_(std::move(rings)),
      ring_(rings_->first()),
      lock_(std::move(lock)),
      page_(std::move(page)) {}

Recorder::~Recorder() { (void)close(); }

Watermarks Recorder::watermarks() const {
  Watermarks marks;
  // In this order and with acquire, so that a mark is never larger than the one before it in the chain.
  marks.durable = durable_.load(std::memory_order_acquire);
  marks.written = written_.load(std::memory_order_acquire);
  marks.appended = appended_.load(std::memory_order_acquire);
  return marks;
}

std::optional<Error> Recorder::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

std::optional<Error> Recorder::stalled() const {
  const std::lock_guard lock(mutex_);
  return stalled_;
}

Result<Watermarks> Recorder::outcome() const {
  if (error_) return *error_;
  return watermarks();
}

Result<Watermarks> Recorder::flush() {
  if (close_asked_.load()) {
    return Error{"TF_USAGE", "journal '" + name_ + "' in '" + writer_options_.directory + "' is closed", "", 0};
  }
  const std::uint64_t ticket = flushes_asked_.fetch_add(1, std::memory_order_seq_cst) + 1;
  ring_->wake_consumer();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return flushes_done_ >= ticket || ended_; });
  return outcome();
}

Result<Watermarks> Recorder::close() {
  const std::lock_guard closing(close_mutex_);
  if (thread_.joinable()) {
    close_asked_.store(true, std::memory_order_seq_cst);
    ring_->wake_consumer();
    thread_.join();
    lock_.reset();
  }
  const std::lock_guard lock(mutex_);
  return outcome();
}

WriterLoop::Asked Recorder::asked() const {
  return {flushes_asked_.load(std::memory_order_seq_cst), close_asked_.load(std::memory_order_seq_cst)};
}

void Recorder::run(const StorageFactory& make, const OpenPlan& plan) {
  // Who leaves durability to the operating system wants its page cache.
  const bool direct = writer_options_.durability.keeps_until_durable();
  const std::unique_ptr<Storage> storage = make(direct ? WritePath::kDirect : WritePath::kPageCache);
  WriterLoop loop(*storage, *rings_, writer_options_);
  Result<void> result = loop.begin(plan, monotonic_ns());
  if (result) result = record(loop);
  if (result) result = loop.writer().finish(monotonic_ns());
  publish(loop.writer(), result ? RecorderState::kStopped : RecorderState::kFailed);
  if (!result) loop.writer().abandon();
  rings_->stop(result ? RingState::kClosed : RingState::kFailed);
  const std::lock_guard lock(mutex_);
  if (!result) error_ = result.error();
  stalled_.reset();
  ended_ = true;
  changed_.notify_all();
}

Result<void> Recorder::record(WriterLoop& loop) {
  publish(loop.writer(), RecorderState::kRecording);
  for (;;) {
    const std::int64_t now = monotonic_ns();
    auto pass = loop.pass(now, asked());
    if (!pass) return pass.error();
    if (pass.value() == WriterLoop::Pass::kClosed) return {};
    if (pass.value() == WriterLoop::Pass::kIdle) {
      park(loop, now);
    } else {
      publish(loop.writer(), loop.writer().stalled() ? RecorderState::kDiskFull : RecorderState::kRecording);
      announce(loop);
    }
  }
}

void Recorder::announce(const WriterLoop& loop) {
  const std::optional<Error>& stalled = loop.writer().stalled();
  if (loop.flushes_served() == flushes_done_ && stalled.has_value() == stalled_.has_value()) return;
  const std::lock_guard lock(mutex_);
  flushes_done_ = loop.flushes_served();
  stalled_ = stalled;
  changed_.notify_all();
}

void Recorder::park(WriterLoop& loop, std::int64_t now) {
  SegmentWriter& writer = loop.writer();
  const std::int64_t due = writer.deadline().value_or(now + kParkNs);
  const std::int64_t left = std::clamp<std::int64_t>(due - now, 0, kParkNs);
  if (writer.io_under_way()) {
    writer.wait(left > 0 ? std::min(left, kLookNs) : kLookNs);
  } else {
    // With a block open the writer looks again when that is due: until then only much is worth a wake. On a full disk,
    // and while a write waits to be tried again, nothing more is taken over.
    const auto& inlets = rings_->inlets();
    const auto [least, most] = std::minmax_element(inlets.begin(), inlets.end(), [](const Inlet& a, const Inlet& b) {
      return a.ring->capacity() < b.ring->capacity();
    });
    std::uint32_t wanted = writer.deadline() ? least->ring->capacity() / kWakeShare : 1;
    if (writer.stalled() || writer.is_paused()) wanted = most->ring->capacity() + 1;
    rings_->wait_for_data([&](std::size_t i) { return writer.taken(i); }, wanted, left,
                          [&] { return loop.has_request(asked()) || writer.has_asked(); });
  }
  if (now - looked_for_dead_at_ >= kParkNs) {
    looked_for_dead_at_ = now;
    rings_->end_dead();
  }
}

void Recorder::publish(const SegmentWriter& writer, RecorderState state) {
  const Watermarks& marks = writer.watermarks();
  appended_.store(marks.appended, std::memory_order_release);
  written_.store(marks.written, std::memory_order_release);
  durable_.store(marks.durable, std::memory_order_release);
  status_.state = state;
  status_.appended = marks.appended;
  status_.written = marks.written;
  status_.durable = marks.durable;
  status_.reserve_bytes = writer.reserve_bytes();
  reserve_missing_.store(writer.reserve_missing(), std::memory_order_relaxed);
  if (const SegmentFile* segment = writer.segment()) {
    status_.day = segment->day();
    status_.part = segment->part();
    status_.segment_id = segment->segment_id();
    status_.file_offset = segment->end_offset();
    status_.record_count = segment->records_written();
    status_.last_ts_recv = segment->running_max_ts_recv();
    status_.blocks = segment->blocks_written();
  }
  page_.publish(status_);
}

}  // namespace tickforge
