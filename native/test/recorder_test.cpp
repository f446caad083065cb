#include "core/recorder.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "core/bench_fill.h"
#include "journal/recovery.h"
#include "journal/segment_name.h"
#include "testing/faulty_storage.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

class RecorderTest : public ::testing::Test {
 protected:
  JournalOptions options() const {
    JournalOptions options;
    options.directory = directory_.file("data");
    options.name = "test";
    options.ring_bytes = SpscRing::kBytesMin;
    options.flush_interval_ns = 1'000'000;
    options.writer = "unit test";
    return options;
  }
  std::unique_ptr<Recorder> open(const JournalOptions& options) {
    auto opened = Recorder::open(options);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened.take();
  }
  std::unique_ptr<Recorder> open_faulty(std::shared_ptr<Faults> faults) {
    auto opened = Recorder::open(options(), [faults](WritePath) { return std::make_unique<FaultyStorage>(faults); });
    EXPECT_TRUE(opened);
    return opened.take();
  }
  std::string only_segment() const {
    const auto names = segment_names(directory_.file("data"));
    EXPECT_EQ(names.size(), 1U);
    return directory_.file("data/") + names.at(0);
  }
  /// Makes a closed segment look as if its recorder had been killed while it wrote a block.
  static void undo_close(const std::string& path) {
    const auto headers = read_headers(path);
    ASSERT_EQ(headers.back().record_count, 0U) << "closed by an empty block";
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - kBlockAlign);
    std::ofstream(path, std::ios::binary | std::ios::app) << "TFB1 torn";
  }
  /// Records `count` trades of now in one session.
  void record_session(int count) {
    auto recorder = open(options());
    for (int i = 0; i < count; ++i) publish(*recorder->ring(), make_trade(realtime_ns(), i));
    ASSERT_TRUE(recorder->flush());
    ASSERT_TRUE(recorder->close());
  }

  TempDir directory_;
};

/// A file system of 3 MiB, where that is allowed.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path, const char* size = "size=3m") : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, size) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    // Lazily: the control page is still mapped by the recorder.
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_;
};

TEST_F(RecorderTest, FlushMakesWhatWasPublishedDurable) {
  auto recorder = open(options());
  for (int i = 0; i < 100; ++i) {
    publish(*recorder->ring(), make_trade(realtime_ns(), i));
    auto marks = recorder->flush();
    ASSERT_TRUE(marks);
    ASSERT_GE(marks.value().durable, static_cast<std::uint64_t>(i + 1));
  }
  ASSERT_TRUE(recorder->close());
  EXPECT_EQ(read_records(only_segment()).size(), 101U);
}

TEST_F(RecorderTest, WritesADueBlockWithoutAFlush) {
  auto recorder = open(options());
  publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  EXPECT_TRUE(recorder->ring()->wait_for_space(recorder->ring()->capacity(), 20'000'000'000));
  EXPECT_EQ(recorder->watermarks().appended, 1U);
  ASSERT_TRUE(recorder->close());
}

TEST_F(RecorderTest, TakesMoreThanItsRingHolds) {
  auto recorder = open(options());
  constexpr std::uint64_t kRecords = 200'000;
  ASSERT_TRUE(fill_ring(*recorder->ring(), kRecords, kNoon));
  auto marks = recorder->close();
  ASSERT_TRUE(marks);
  EXPECT_EQ(marks.value().durable, kRecords);
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), kRecords + 1);
  for (std::uint64_t i = 1; i <= kRecords; ++i) ASSERT_EQ(record_as<Trade>(records[i]).trade_id, i);
}

TEST_F(RecorderTest, IsClosedOnceAndSaysSo) {
  auto recorder = open(options());
  publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  auto first = recorder->close();
  auto second = recorder->close();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first.value().durable, 1U);
  EXPECT_EQ(second.value().durable, 1U);
  EXPECT_EQ(recorder->ring()->state(), RingState::kClosed);
  EXPECT_FALSE(recorder->ring()->wait_for_space(recorder->ring()->capacity() + 1, 0));
  auto flushed = recorder->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, "TF_USAGE");
}

TEST_F(RecorderTest, WritesWhatWasPublishedWhenItIsDestroyedWithoutClose) {
  {
    auto recorder = open(options());
    publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  }
  EXPECT_EQ(read_records(only_segment()).size(), 2U);
}

TEST_F(RecorderTest, SharesADirectoryWithNobody) {
  auto recorder = open(options());
  auto other = options();
  other.name = "other";
  auto second = Recorder::open(other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "TF_LOCKED");
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
  EXPECT_NE(second.error().message.find(other.directory), std::string::npos);
  ASSERT_TRUE(recorder->close());
  EXPECT_TRUE(Recorder::open(other)) << "the lock ends with close()";
}

TEST_F(RecorderTest, RefusesAPathThatIsNoDirectory) {
  auto wrong = options();
  write_file(directory_.file("data"), {1});
  auto opened = Recorder::open(wrong);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "TF_FOREIGN_DIRECTORY");
  wrong.directory = directory_.file("no/such");
  opened = Recorder::open(wrong);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "TF_NO_DIRECTORY");
}

TEST_F(RecorderTest, AppendsAfterACleanStopAndSaysThatItStopped) {
  record_session(3);
  auto recorder = open(options());
  EXPECT_EQ(recorder->recovery().segment, only_segment());
  EXPECT_TRUE(recorder->recovery().clean);
  EXPECT_EQ(recorder->recovery().records, 4U);
  EXPECT_EQ(recorder->recovery().torn_tail_bytes, 0U);
  publish(*recorder->ring(), make_trade(realtime_ns(), 9));
  ASSERT_TRUE(recorder->close());
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), 6U);
  const auto gap = record_as<Gap>(records[4]);
  EXPECT_EQ(type_of(records[4]), RecordType::kGap);
  EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kStop));
  EXPECT_EQ(gap.ts_last_good, head_of(records[3]).ts_recv);
  EXPECT_GE(gap.head.ts_recv, gap.ts_last_good);
  EXPECT_EQ(gap.expected_id, kNoneU64);
}

TEST_F(RecorderTest, CutsATornTailAndMarksTheGap) {
  record_session(3);
  undo_close(only_segment());
  auto recorder = open(options());
  EXPECT_FALSE(recorder->recovery().clean);
  EXPECT_EQ(recorder->recovery().torn_tail_bytes, 9U);
  ASSERT_TRUE(recorder->close());
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), 5U) << "an empty session leaves its gap";
  EXPECT_EQ(record_as<Gap>(records[4]).cause, static_cast<std::uint8_t>(GapCause::kUncleanStop));
}

TEST_F(RecorderTest, LosesNothingWhenAStartFailsBehindItsRecovery) {
  record_session(3);
  undo_close(only_segment());
  const std::string page = control_page_path(directory_.file("data"), "test");
  std::filesystem::remove(page);
  std::filesystem::create_directory(page);
  for (int start = 0; start < 2; ++start) {
    auto failed = Recorder::open(options());
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "TF_IO");
    EXPECT_EQ(failed.error().path, page);
  }
  std::filesystem::remove(page);
  auto recorder = open(options());
  EXPECT_FALSE(recorder->recovery().clean) << "that the torn tail was cut before is no orderly end";
  EXPECT_EQ(recorder->recovery().records, 4U);
  ASSERT_TRUE(recorder->close());
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(record_as<Gap>(records[4]).cause, static_cast<std::uint8_t>(GapCause::kUncleanStop));
}

TEST_F(RecorderTest, CarriesTheGapOfAnEarlierDayIntoTheNextSegment) {
  {
    auto recorder = open(options());
    publish(*recorder->ring(), make_trade(kNoon, 1));
    ASSERT_TRUE(recorder->flush());
    ASSERT_TRUE(recorder->close());
  }
  undo_close(only_segment());
  auto recorder = open(options());
  EXPECT_EQ(recorder->recovery().segment, "");
  EXPECT_FALSE(recorder->recovery().clean);
  EXPECT_EQ(recorder->recovery().records, 0U);
  const std::int64_t now = realtime_ns();
  publish(*recorder->ring(), make_trade(now, 2));
  ASSERT_TRUE(recorder->close());
  const auto names = segment_names(directory_.file("data"));
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(read_records(directory_.file("data/") + names[0]).size(), 2U) << "the earlier day was mended";
  const auto records = read_records(directory_.file("data/") + names[1]);
  ASSERT_EQ(records.size(), 3U);
  const auto gap = record_as<Gap>(records[1]);
  EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kUncleanStop));
  EXPECT_EQ(gap.ts_last_good, kNoon);
  EXPECT_EQ(gap.head.ts_recv, now);
}

TEST_F(RecorderTest, SaysOnALaterDayThatItHadStopped) {
  {
    auto recorder = open(options());
    publish(*recorder->ring(), make_trade(kNoon, 1));
    ASSERT_TRUE(recorder->close());
  }
  auto recorder = open(options());
  EXPECT_TRUE(recorder->recovery().clean);
  const std::int64_t now = realtime_ns();
  publish(*recorder->ring(), make_trade(now, 2));
  ASSERT_TRUE(recorder->close());
  const auto records = read_records(directory_.file("data/") + segment_names(directory_.file("data")).at(1));
  ASSERT_EQ(records.size(), 3U);
  const auto gap = record_as<Gap>(records[1]);
  EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kStop));
  EXPECT_EQ(gap.ts_last_good, kNoon);
  EXPECT_EQ(gap.head.ts_recv, now);
}

TEST_F(RecorderTest, StartsNoSegmentBeforeTheNewestOneWhenTheClockGoesBack) {
  {
    auto recorder = open(options());
    publish(*recorder->ring(), make_trade(kNoon, 1));
    ASSERT_TRUE(recorder->close());
  }
  auto recorder = open(options());
  publish(*recorder->ring(), make_trade(kNoon - 2 * kNsPerDay, 2));
  ASSERT_TRUE(recorder->close());
  EXPECT_EQ(segment_names(directory_.file("data")),
            (std::vector<std::string>{"2024-08-08.test.000.tfs", "2024-08-08.test.001.tfs"}));
}

TEST_F(RecorderTest, GoesOnInASegmentOfAFutureDay) {
  const std::int64_t future = realtime_ns() + 3 * kNsPerDay;
  for (int session = 0; session < 2; ++session) {
    auto recorder = open(options());
    publish(*recorder->ring(), make_trade(session == 0 ? future : realtime_ns(), 1));
    ASSERT_TRUE(recorder->close());
  }
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(head_of(records[2]).ts_recv, future) << "the gap is not before what it follows";
}

TEST_F(RecorderTest, StartsAnewBehindASegmentWithoutAWholeBlock) {
  auto first = options();
  std::filesystem::create_directory(first.directory);
  const SegmentName name{day_of(realtime_ns()), "test", 0};
  write_file(first.directory + "/" + name.file_name(), {'T', 'F'});
  auto recorder = open(first);
  EXPECT_FALSE(recorder->recovery().clean);
  publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  ASSERT_TRUE(recorder->close());
  const auto records = read_records(only_segment());
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(type_of(records[1]), RecordType::kGap);
}

TEST_F(RecorderTest, StartsAnotherPartWhenAskedTo) {
  record_session(1);
  auto import = options();
  import.new_part = true;
  auto recorder = open(import);
  EXPECT_EQ(recorder->recovery().segment, "");
  EXPECT_EQ(recorder->recovery().last_ts_recv, kNoneI64);
  publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  ASSERT_TRUE(recorder->close());
  const auto names = segment_names(directory_.file("data"));
  ASSERT_EQ(names.size(), 2U);
  EXPECT_NE(names[1].find(".001.tfs"), std::string::npos);
  EXPECT_EQ(read_records(directory_.file("data/") + names[1]).size(), 2U);
}

TEST_F(RecorderTest, RejectsFlushAndCloseWithTheWritersError) {
  auto faults = std::make_shared<Faults>();
  auto recorder = open_faulty(faults);
  publish(*recorder->ring(), make_trade(realtime_ns(), 1));
  ASSERT_TRUE(recorder->flush());
  faults->space = 0;
  publish(*recorder->ring(), make_trade(realtime_ns(), 2));
  auto flushed = recorder->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, "TF_DISK_FULL");
  EXPECT_EQ(recorder->error()->code, "TF_DISK_FULL");
  EXPECT_EQ(recorder->ring()->state(), RingState::kFailed);
  EXPECT_FALSE(recorder->ring()->wait_for_space(recorder->ring()->capacity(), 20'000'000'000)) << "the cell is kept";
  EXPECT_EQ(recorder->watermarks().durable, 1U);
  auto closed = recorder->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, "TF_DISK_FULL");
  EXPECT_EQ(read_records(only_segment()).size(), 2U);
  EXPECT_TRUE(Recorder::open(options())) << "the lock is free again";
}

TEST_F(RecorderTest, WaitsForSpaceAndLosesNothing) {
  const SmallDisk disk(directory_.file("data"));
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto waiting = options();
  waiting.waits_for_disk = true;
  waiting.durability = Durability::os();  // no zeros ahead, which are room on a full disk
  auto recorder = open(waiting);
  publish(*recorder->ring(), make_trade(kNoon, 0));
  ASSERT_TRUE(recorder->flush());
  const std::string filler = directory_.file("data/filler");
  {
    std::ofstream file(filler, std::ios::binary);
    while (file.write(std::string(4096, 'x').data(), 4096).flush()) {
    }
  }
  constexpr std::int64_t kTrades = 10'000;  // less than the ring holds, more than the last block's room
  for (std::int64_t i = 1; i < kTrades; ++i) publish(*recorder->ring(), make_trade(kNoon + i, i));
  while (!recorder->stalled()) std::this_thread::yield();
  EXPECT_EQ(recorder->stalled()->code, "TF_DISK_FULL");
  EXPECT_FALSE(recorder->error());
  EXPECT_EQ(recorder->ring()->state(), RingState::kOpen);
  std::filesystem::remove(filler);
  auto marks = recorder->flush();
  ASSERT_TRUE(marks) << marks.error().message;
  EXPECT_EQ(marks.value().durable, static_cast<std::uint64_t>(kTrades));
  EXPECT_FALSE(recorder->stalled());
  ASSERT_TRUE(recorder->close());
  auto recovered = recover_segment(only_segment());
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered.value().record_count, static_cast<std::uint64_t>(kTrades) + 1);
}

/// What a recorder does with a disk that another file fills while it records.
class ReserveTest : public RecorderTest {
 protected:
  static constexpr std::int64_t kTrades = 14'000;  // less than the ring holds

  std::string reserve() const { return directory_.file("data/test.reserve"); }
  static std::uint64_t space_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
  }
  void fill_disk() const {
    std::ofstream file(directory_.file("data/filler"), std::ios::binary);
    while (file.write(std::string(4096, 'x').data(), 4096).flush()) {
    }
  }
  JournalOptions waiting() const {
    auto waiting = options();
    waiting.waits_for_disk = true;
    waiting.durability = Durability::os();  // no zeros ahead, which are room on a full disk
    return waiting;
  }
};

TEST_F(ReserveTest, EndsInOrderOnAFullDiskWithAllThatTheRingHolds) {
  const SmallDisk disk(directory_.file("data"));
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto recorder = open(waiting());
  publish(*recorder->ring(), make_trade(kNoon, 0));
  ASSERT_TRUE(recorder->flush());
  EXPECT_GT(space_of(reserve()), options().ring_bytes);
  fill_disk();
  for (std::int64_t i = 1; i < kTrades; ++i) publish(*recorder->ring(), make_trade(kNoon + i, i));
  while (!recorder->stalled()) std::this_thread::yield();
  recorder->ring()->count_dropped(7, kNoon + kTrades);
  auto closed = recorder->close();
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(closed.value().durable, static_cast<std::uint64_t>(kTrades));
  EXPECT_EQ(space_of(reserve()), 0U) << "given back";
  EXPECT_EQ(read_records(only_segment()).back()[1], static_cast<std::uint8_t>(RecordType::kDrop))
      << "what the ring had no room for";
  auto recovered = recover_segment(only_segment());
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered.value().clean);
  EXPECT_EQ(recovered.value().record_count, static_cast<std::uint64_t>(kTrades) + 2);

  std::filesystem::remove(directory_.file("data/filler"));
  auto next = open(waiting());
  ASSERT_TRUE(next->flush());
  EXPECT_GT(space_of(reserve()), 0U) << "made again";
  ASSERT_TRUE(next->close());
  EXPECT_GT(space_of(reserve()), 0U) << "the disk was not full";
}

TEST_F(ReserveTest, EndsInOrderOnAFullDiskWithAllThatTheRingsOfEveryProducerHold) {
  const SmallDisk disk(directory_.file("data"), "size=8m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto recorder = open(waiting());
  auto second = recorder->rings().add(options().ring_bytes);
  ASSERT_TRUE(second);
  publish(*second.value().ring, make_trade(kNoon, 0));
  const std::uint64_t two_rings = std::uint64_t{options().ring_bytes} * 2;
  while (space_of(reserve()) <= two_rings) {
    ASSERT_TRUE(recorder->flush());
  }
  fill_disk();
  for (std::int64_t i = 1; i < kTrades; ++i) {
    publish(*recorder->ring(), make_trade(kNoon + i, i));
    publish(*second.value().ring, make_trade(kNoon + i, i));
  }
  while (!recorder->stalled()) std::this_thread::yield();
  auto closed = recorder->close();
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(closed.value().durable, static_cast<std::uint64_t>(kTrades) * 2 - 1);
  auto recovered = recover_segment(only_segment());
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered.value().clean);
}

TEST_F(ReserveTest, WorksWithoutWhereThereIsNoSpaceForIt) {
  const SmallDisk disk(directory_.file("data"));
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto large = waiting();
  large.ring_bytes = 4 << 20;
  auto recorder = open(large);
  publish(*recorder->ring(), make_trade(kNoon, 0));
  ASSERT_TRUE(recorder->flush());
  EXPECT_EQ(space_of(reserve()), 0U);
  EXPECT_GT(recorder->reserve_missing(), 4U << 20);
  ASSERT_TRUE(recorder->close());
  EXPECT_EQ(read_records(only_segment()).size(), 2U);
}

TEST_F(ReserveTest, IsMissingOnlyWhereThereIsNoSpaceForIt) {
  const SmallDisk disk(directory_.file("data"));
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto recorder = open(waiting());
  ASSERT_TRUE(recorder->flush());
  EXPECT_EQ(recorder->reserve_missing(), 0U);
  // The disk has no room for the reserve of a second ring, and keeps that of the first.
  const auto before = space_of(reserve());
  auto second = recorder->rings().add(options().ring_bytes);
  ASSERT_TRUE(second);
  publish(*second.value().ring, make_trade(kNoon, 0));
  while (recorder->reserve_missing() == 0) {
    ASSERT_TRUE(recorder->flush());
  }
  EXPECT_EQ(space_of(reserve()), before) << "no part of what was wanted is held";
  ASSERT_TRUE(recorder->close());
}

TEST_F(RecorderTest, TellsThatTheDiskIsFullWhereNothingCanBeMade) {
  for (const bool without_directory : {true, false}) {
    const SmallDisk disk(directory_.file("full"), "size=64k,nr_inodes=2");
    if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
    auto inside = options();
    inside.directory = directory_.file("full") + (without_directory ? "/data" : "");
    // The root and one more take all the inodes.
    std::ofstream(directory_.file("full/last")) << "x";
    auto opened = Recorder::open(inside);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, "TF_DISK_FULL") << opened.error().message;
    EXPECT_NE(opened.error().message.find(inside.directory), std::string::npos);
  }
}

TEST_F(RecorderTest, OpensNoLockAndNoControlPageThatIsALinkOrNoFile) {
  const std::string data = directory_.file("data");
  const std::string victim = directory_.file("victim");
  std::ofstream(victim) << "somebody's";
  for (const char* name : {"tickforge.lock", "test.tfc"}) {
    const std::string path = data + "/" + name;
    for (const int kind : {0, 1, 2, 3}) {
      std::filesystem::remove_all(data);
      std::filesystem::create_directory(data);
      if (kind == 0) std::filesystem::create_symlink(victim, path);
      if (kind == 1) std::filesystem::create_symlink(directory_.file("missing"), path);
      if (kind == 2) std::filesystem::create_directory(path);
      if (kind == 3) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); }
      auto opened = Recorder::open(options());
      ASSERT_FALSE(opened) << path << " of kind " << kind;
      EXPECT_EQ(opened.error().code, "TF_IO");
      EXPECT_EQ(opened.error().path, path);
    }
  }
  EXPECT_EQ(std::filesystem::file_size(victim), 10U);
  EXPECT_FALSE(std::filesystem::exists(directory_.file("missing")));
}

TEST_F(RecorderTest, ClosesWithTheErrorWhenTheDiskStaysFull) {
  auto faults = std::make_shared<Faults>();
  auto waiting = options();
  waiting.waits_for_disk = true;
  auto opened = Recorder::open(waiting, [faults](WritePath) { return std::make_unique<FaultyStorage>(faults); });
  ASSERT_TRUE(opened);
  Recorder& recorder = *opened.value();
  publish(*recorder.ring(), make_trade(realtime_ns(), 1));
  ASSERT_TRUE(recorder.flush());
  faults->space = 0;
  publish(*recorder.ring(), make_trade(realtime_ns(), 2));
  std::thread flushing([&] {
    auto flushed = recorder.flush();
    EXPECT_FALSE(flushed);
  });
  while (!recorder.stalled()) std::this_thread::yield();
  auto closed = recorder.close();
  flushing.join();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, "TF_DISK_FULL");
  EXPECT_EQ(recorder.watermarks().durable, 1U);
  EXPECT_EQ(read_records(only_segment()).size(), 2U);
}

TEST_F(RecorderTest, GoesOnInTheNextPartWhenASyncFails) {
  auto faults = std::make_shared<Faults>();
  faults->good_syncs = 0;
  auto recorder = open_faulty(faults);
  publish(*recorder->ring(), make_trade(kNoon, 1));
  auto flushed = recorder->flush();
  ASSERT_TRUE(flushed);
  EXPECT_EQ(flushed.value().durable, 1U);
  ASSERT_TRUE(recorder->close());
  const auto names = segment_names(directory_.file("data"));
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(read_records(directory_.file("data/") + names[1]).size(), 3U);
}

TEST_F(RecorderTest, WritesAnOpenBlockForAProducerThatWaitsForItsRoom) {
  for (const Durability durability : {Durability::batch(), Durability::interval(3'600'000'000'000), Durability::os()}) {
    auto patient = options();
    patient.name = "test" + std::to_string(static_cast<int>(durability.kind));
    patient.flush_interval_ns = 3'600'000'000'000;
    patient.durability = durability;
    auto recorder = open(patient);
    publish(*recorder->ring(), make_trade(realtime_ns(), 1));
    EXPECT_TRUE(recorder->ring()->wait_for_space(recorder->ring()->capacity(), 20'000'000'000));
    ASSERT_TRUE(recorder->close());
  }
}

TEST_F(RecorderTest, MakesDurableAtOnceWhatAProducerAsksFor) {
  auto patient = options();
  patient.flush_interval_ns = 3'600'000'000'000;
  patient.durability = Durability::os();
  auto recorder = open(patient);
  SpscRing& ring = *recorder->ring();
  for (std::uint32_t i = 1; i <= 20; ++i) {
    publish(ring, make_trade(realtime_ns(), i));
    ring.ask_durable(i);
    ASSERT_TRUE(ring.wait_durable(i, 20'000'000'000));
  }
  ASSERT_TRUE(recorder->close());
}

TEST_F(RecorderTest, FillsARealDiskToTheBrimAndKeepsWholeBlocks) {
  const SmallDisk disk(directory_.file("data"));
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto recorder = open(options());
  EXPECT_FALSE(fill_ring(*recorder->ring(), 100'000, kNoon));
  auto closed = recorder->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, "TF_DISK_FULL");
  auto recovered = recover_segment(only_segment());
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered.value().record_count, recorder->watermarks().written + 1);
  EXPECT_GT(recovered.value().record_count, 10'000U);
}

TEST_F(RecorderTest, ShowsAConsistentControlPageWhileItRecords) {
  auto recorder = open(options());
  const std::string path = control_page_path(options().directory, "test");
  const UniqueFd fd(::open(path.c_str(), O_RDONLY));
  void* mapped = ::mmap(nullptr, sizeof(ControlPage), PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const MappedRegion region(mapped, sizeof(ControlPage));
  const auto& shared = *reinterpret_cast<const ControlPage*>(region.data());
  std::atomic<bool> done{false};
  std::uint64_t looks = 0;
  std::thread reader([&] {
    ControlPage page;
    while (!done.load()) {
      if (!read_control_page(shared, page)) continue;
      looks += 1;
      ASSERT_GE(page.appended, page.written);
      ASSERT_GE(page.written, page.durable);
      ASSERT_EQ(page.file_offset % kBlockAlign, 0U);
      // The segment record is counted here and not by the watermarks.
      ASSERT_EQ(page.record_count, page.blocks > 0 ? page.written + 1 : 0);
    }
  });
  ASSERT_TRUE(fill_ring(*recorder->ring(), 150'000, kNoon));
  done = true;
  reader.join();
  EXPECT_GT(looks, 0U);
  ControlPage page;
  ASSERT_TRUE(read_control_page(shared, page));
  EXPECT_EQ(page.state, static_cast<std::uint32_t>(RecorderState::kRecording));
  EXPECT_EQ(page.process_id, static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(recorder->close());
  ASSERT_TRUE(read_control_page(shared, page));
  EXPECT_EQ(page.magic, kControlMagic);
  EXPECT_EQ(page.state, static_cast<std::uint32_t>(RecorderState::kStopped));
  EXPECT_EQ(page.durable, 150'000U);
  EXPECT_EQ(page.file_offset, std::filesystem::file_size(only_segment()));
  EXPECT_EQ(page.day, day_of(kNoon));
}

}  // namespace
}  // namespace tickforge::testing
