// A recorder for tests of live readers, which does what it is told, step by step: it takes cells from the rings, puts
// them into blocks and says how far the log goes. Only the rings are those of the program.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "journal/control_page.h"
#include "journal/segment_name.h"
#include "journal/block_draft.h"
#include "ring/ring_set.h"
#include "testing/journal_files.h"

namespace tickforge::testing {

/// As the writer makes it when it starts anew or repeats the end of a part.
inline Gap make_own_gap(GapCause cause, std::int64_t ts_recv, std::uint64_t expected = kNoneU64) {
  Gap gap = make_record<Gap>(RecordType::kGap, ts_recv);
  gap.expected_id = expected;
  gap.received_id = kNoneU64;
  gap.cause = static_cast<std::uint8_t>(cause);
  return gap;
}

class LiveWriter {
 public:
  explicit LiveWriter(std::string directory, bool shared = true, std::size_t ring_bytes = SpscRing::kBytesMin)
      : directory_(std::move(directory)) {
    const std::string memory = shared ? shared_directory_of(directory_, kJournal).take() : "";
    rings_ = RingSet::create(memory, ring_bytes).take();
    rings_->refresh();
    page_.emplace(ControlPageWriter::open(control_page_path(directory_, kJournal), 0).take());
    say(RecorderState::kStopped);
  }
  /// Stops in order: the control page and the rings say so.
  ~LiveWriter() {
    if (killed_) return;
    say(RecorderState::kStopped);
    rings_->stop(RingState::kClosed);
  }
  /// As if its process had been killed: nothing says so but that its lock and its process are gone.
  void kill() {
    const std::string table = table_path(rings_->directory());
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry.path(), gone) == table) ::flock(std::stoi(entry.path().filename()), LOCK_UN);
    }
    rings_->table().process_id.store(0x7FFF'FFFF);
    status_.segment_id = 0;
    killed_ = true;
  }

  static constexpr const char* kJournal = "test";

  SpscRing& ring(std::uint32_t producer = 0) {
    for (const Inlet& inlet : rings_->inlets()) {
      if (inlet.producer == producer) return *inlet.ring;
    }
    std::abort();
  }
  RingSet& rings() { return *rings_; }
  std::uint32_t add_producer() {
    const std::uint32_t producer = rings_->add(SpscRing::kBytesMin).take().producer;
    begin_producer(producer);
    return producer;
  }
  /// Takes up a producer that has come.
  void begin_producer(std::uint32_t producer) {
    rings_->refresh();
    taken_[producer] = 0;
    point_.cells[producer] = 0;
  }

  /// The next block opens a segment of its own.
  void begin_segment(std::int64_t ts_recv, std::uint32_t part = 0) {
    const std::int32_t day = day_of(ts_recv);
    builder_ = SegmentBuilder(next_id_++);
    builder_.segment_record(ts_recv, day, part);
    has_own_ = true;
    open_file({day, kJournal, part}, O_CREAT | O_EXCL);
  }
  /// Goes on in a segment that an earlier writer wrote.
  void resume(LiveWriter& before, GapCause cause, std::int64_t ts_recv) {
    builder_ = before.builder_;
    open_file({before.status_.day, kJournal, before.status_.part}, 0);
    own(make_own_gap(cause, ts_recv));
    end_block(0);
  }
  template <typename Record>
  void own(const Record& record) {
    builder_.add(record);
    has_own_ = true;
  }
  void own_instrument(std::uint32_t number, std::int64_t ts, std::string_view symbol) {
    builder_.instrument(number, ts, "test", symbol);
  }

  /// Moves up to `cells` published cells of a producer, whole records, into a block of their own; false when there are none.
  bool take(std::uint32_t producer, std::uint32_t cells = kBlockCellsMax) {
    SpscRing& from = ring(producer);
    std::uint32_t& position = taken_[producer];
    std::uint32_t available = std::min({from.published() - position, cells, kBlockCellsMax - 64});
    std::uint32_t taken = 0;
    while (taken < available) {
      const std::uint32_t length = *from.at(position + taken);
      if (taken + length > available) break;
      taken += length;
    }
    if (taken == 0) return false;
    // Its own records go into blocks of producer 0.
    if (producer != 0 && has_own_) end_block(0);
    builder_.add(from.at(position), std::size_t{taken} * kCellBytes);
    position += taken;
    point_.cells[producer] += taken;
    end_block(producer);
    return true;
  }
  /// Position behind the last cell that was taken.
  std::uint32_t taken(std::uint32_t producer) const { return taken_[producer]; }
  /// Gives the cells that were taken back to the producer.
  void release(std::uint32_t producer = 0) { ring(producer).release(taken_[producer]); }
  /// Takes everything that is published.
  void drain() {
    for (const Inlet& inlet : rings_->inlets()) {
      while (take(inlet.producer)) {
      }
      release(inlet.producer);
    }
  }
  /// Ends the block, writes it and says so.
  void end_block(std::uint32_t producer, std::uint16_t flags = 0) {
    has_own_ = false;
    builder_.end_block(static_cast<std::uint16_t>(flags | producer << kBlockProducerShift));
    write();
    publish();
  }
  /// The log as it is on the disk, without telling anybody.
  void write() {
    const Bytes& bytes = builder_.file();
    ASSERT_EQ(::pwrite(file_.get(), bytes.data() + written_, bytes.size() - written_, static_cast<off_t>(written_)),
              static_cast<ssize_t>(bytes.size() - written_));
    written_ = bytes.size();
  }
  void publish() {
    const IndexEntry& last = builder_.entries().back();
    point_.segment_id = builder_.segment_id();
    point_.day = status_.day;
    point_.part = status_.part;
    point_.file_offset = written_;
    point_.record_count = last.first_record + last.record_count;
    for (const Inlet& inlet : rings_->inlets()) point_.generations[inlet.producer] = inlet.generation;
    rings_->table().set_tail(point_);
    status_.segment_id = point_.segment_id;
    status_.file_offset = written_;
    say(RecorderState::kRecording);
  }
  /// Goes back to the last `cells` cells of a producer, to write them again.
  void take_again(std::uint32_t producer, std::uint32_t cells) {
    taken_[producer] -= cells;
    point_.cells[producer] -= cells;
  }

  std::string path() const { return directory_ + "/" + name_.file_name(); }
  const SegmentBuilder& builder() const { return builder_; }

 private:
  void open_file(const SegmentName& name, int flags) {
    name_ = name;
    status_.day = name.day;
    status_.part = name.part;
    file_ = UniqueFd(::open(path().c_str(), O_RDWR | O_CLOEXEC | flags, 0644));
    ASSERT_TRUE(file_);
    written_ = flags == 0 ? builder_.file().size() : 0;
  }
  void say(RecorderState state) {
    status_.state = state;
    page_->publish(status_);
  }

  std::string directory_;
  std::unique_ptr<RingSet> rings_;
  std::optional<ControlPageWriter> page_;
  RecorderStatus status_;
  TailPoint point_;
  SegmentBuilder builder_;
  SegmentName name_;
  UniqueFd file_;
  std::uint64_t written_ = 0;
  std::uint64_t next_id_ = 0x5EED'0000;
  std::array<std::uint32_t, kProducersMax> taken_{};
  bool has_own_ = false;
  bool killed_ = false;
};

}  // namespace tickforge::testing
