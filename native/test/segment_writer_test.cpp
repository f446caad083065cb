#include "journal/segment_writer.h"

#include <gtest/gtest.h>

#include <random>

#include "testing/faulty_storage.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

/// A writer without its thread: the test takes the turns.
class SegmentWriterTest : public ::testing::Test {
 protected:
  explicit SegmentWriterTest(bool waits_for_disk = false)
      : rings_(RingSet::create("", SpscRing::kBytesMin).take()),
        ring_(rings_->first()),
        faults_(std::make_shared<Faults>()),
        storage_(faults_),
        writer_(storage_, *rings_, {directory(), "test", "unit test", kFlushNs, Durability::os(), waits_for_disk}) {}

  std::string directory() const { return directory_.file("."); }
  std::string file(const char* name) const { return directory_.file(name); }

  /// Turns until nothing moves; the first error ends it.
  Result<void> settle(std::int64_t now = 0) {
    for (;;) {
      auto moved = writer_.turn(now);
      if (!moved) return moved.error();
      if (!moved.value() && !writer_.io_under_way()) return {};
    }
  }

  static constexpr std::int64_t kFlushNs = 1000;
  TempDir directory_;
  std::unique_ptr<RingSet> rings_;
  std::shared_ptr<SpscRing> ring_;
  std::shared_ptr<Faults> faults_;
  FaultyStorage storage_;
  SegmentWriter writer_;
};

Bytes instrument(std::uint32_t number, std::string_view symbol, std::int64_t ts_recv) {
  struct {
    Instrument instrument;
    char text[kCellBytes];
  } record{};
  record.instrument = make_record<Instrument>(RecordType::kInstrument, ts_recv, number);
  record.instrument.head.cells = 2;
  record.instrument.venue_length = 4;
  record.instrument.symbol_length = static_cast<std::uint8_t>(symbol.size());
  std::memcpy(record.text, "test", 4);
  std::memcpy(record.text + 4, symbol.data(), symbol.size());
  return bytes_of(record);
}

Bytes connection(std::uint64_t number, ConnectionEvent event, std::int64_t ts_recv) {
  auto record = make_record<Connection>(RecordType::kConnection, ts_recv);
  record.head.frame = number << kFrameNumberBits;
  record.event = static_cast<std::uint8_t>(event);
  return bytes_of(record);
}

TEST_F(SegmentWriterTest, WritesNothingBeforeTheFirstRecord) {
  ASSERT_TRUE(settle());
  EXPECT_TRUE(segment_names(directory()).empty());
  EXPECT_TRUE(writer_.finish(0));
  EXPECT_TRUE(segment_names(directory()).empty());
}

TEST_F(SegmentWriterTest, BeginsASegmentWithItsOwnRecord) {
  publish(*ring_, make_trade(kNoon, 7));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  const auto records = read_records(file("2024-08-08.test.000.tfs"));
  ASSERT_EQ(records.size(), 2U);
  const auto segment = record_as<Segment>(records[0]);
  EXPECT_EQ(segment.head.type, static_cast<std::uint8_t>(RecordType::kSegment));
  EXPECT_EQ(segment.head.ts_recv, kNoon);
  EXPECT_EQ(segment.day, day_of(kNoon));
  EXPECT_NE(segment.segment_id, 0U);
  EXPECT_EQ(std::string(records[0].begin() + kCellBytes, records[0].begin() + kCellBytes + 13), "testunit test");
  EXPECT_EQ(records[1], bytes_of(make_trade(kNoon, 7)));
}

TEST_F(SegmentWriterTest, HoldsABlockBackUntilItIsFullOrDue) {
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle(100));
  EXPECT_EQ(writer_.watermarks().appended, 1U);
  EXPECT_EQ(writer_.watermarks().written, 0U);
  EXPECT_EQ(writer_.deadline(), 100 + kFlushNs);
  ASSERT_TRUE(settle(100 + kFlushNs - 1));
  EXPECT_EQ(writer_.watermarks().written, 0U);
  ASSERT_TRUE(settle(100 + kFlushNs));
  EXPECT_EQ(writer_.watermarks().written, 1U);
  EXPECT_EQ(writer_.deadline(), std::nullopt);
  for (std::uint32_t i = 0; i < kBlockCellsMax + 1; ++i) publish(*ring_, make_trade(kNoon, 2 + i));
  ASSERT_TRUE(settle(5000));
  EXPECT_EQ(writer_.watermarks().written, 1U + kBlockCellsMax) << "the full block went, the next record waits";
}

TEST_F(SegmentWriterTest, GivesCellsBackOnlyAfterTheyAreWritten) {
  while (ring_->reserve(1) != nullptr) publish(*ring_, make_trade(kNoon, 1));
  (void)writer_.turn(0);  // begins the segment
  (void)writer_.turn(0);  // fills a batch and starts its write
  EXPECT_TRUE(writer_.io_under_way());
  EXPECT_EQ(ring_->reserve(1), nullptr);
  ASSERT_TRUE(settle());
  EXPECT_NE(ring_->reserve(1), nullptr);
}

TEST_F(SegmentWriterTest, WritesAnySequenceOfRecordsExactly) {
  std::mt19937 random(7);
  std::vector<Bytes> expected;
  std::int64_t now = 0;
  for (int round = 0; round < 60; ++round) {
    for (std::uint32_t i = random() % 60; i > 0; --i) {
      auto text = make_record<Text>(RecordType::kText, kNoon + random() % 1'000'000'000);
      // Mostly small, now and then as long as a record can be.
      text.head.cells = static_cast<std::uint8_t>(1 + (random() % 20 == 0 ? random() % 255 : random() % 6));
      text.length = static_cast<std::uint16_t>((text.head.cells - 1) * kCellBytes);
      Bytes record = bytes_of(text);
      while (record.size() < text.head.cells * kCellBytes) record.push_back(static_cast<std::uint8_t>(random()));
      if (ring_->reserve(text.head.cells) == nullptr) break;
      publish(*ring_, record);
      expected.push_back(std::move(record));
    }
    faults_->interrupts = random() % 2 == 0;
    faults_->write_limit = random() % 3 == 0 ? 1 + random() % 10'000 : std::numeric_limits<std::size_t>::max();
    ASSERT_TRUE(settle(now += random() % 1500));
  }
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(writer_.watermarks().durable, expected.size());
  const std::string path = file("2024-08-08.test.000.tfs");
  auto records = read_records(path);
  ASSERT_EQ(records.size(), expected.size() + 1);
  records.erase(records.begin());
  EXPECT_EQ(records, expected);
  for (const BlockHeader& header : read_headers(path)) {
    EXPECT_LE(header.payload_length + sizeof header, kBlockBytesTarget);
  }
}

TEST_F(SegmentWriterTest, RollsToALaterDayWithCopiesOfWhatIsInUse) {
  constexpr std::int64_t kMidnight = kNoon + kNsPerDay / 2;
  publish(*ring_, instrument(1, "A", kNoon));
  publish(*ring_, instrument(2, "B", kNoon));
  publish(*ring_, instrument(3, "A", kNoon));
  publish(*ring_, connection(1, ConnectionEvent::kOpen, kNoon));
  publish(*ring_, connection(2, ConnectionEvent::kOpen, kNoon));
  publish(*ring_, connection(1, ConnectionEvent::kClose, kNoon));
  publish(*ring_, make_trade(kMidnight - 1, 1));
  publish(*ring_, make_trade(kMidnight, 2));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  ASSERT_EQ(segment_names(directory()),
            (std::vector<std::string>{"2024-08-08.test.000.tfs", "2024-08-09.test.000.tfs"}));
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 8U);
  EXPECT_NE(read_headers(file("2024-08-08.test.000.tfs")).back().flags & kBlockLast, 0);

  const auto records = read_records(file("2024-08-09.test.000.tfs"));
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(type_of(records[0]), RecordType::kSegment);
  EXPECT_EQ(head_of(records[1]).instrument, 2U) << "of B";
  EXPECT_EQ(head_of(records[2]).instrument, 3U) << "the newer definition of A";
  EXPECT_EQ(type_of(records[3]), RecordType::kConnection);
  EXPECT_EQ(head_of(records[3]).frame >> kFrameNumberBits, 2U) << "the connection that is still open";
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(head_of(records[i]).flags & kFlagCopy, kFlagCopy);
    EXPECT_EQ(head_of(records[i]).ts_recv, kMidnight);
  }
  EXPECT_EQ(records[4], bytes_of(make_trade(kMidnight, 2)));
}

TEST_F(SegmentWriterTest, StaysInItsDayWhenTimesGoBack) {
  for (const std::int64_t ts : {kNoon, kNoon - kNsPerDay, kNoon - 3 * kNsPerDay, kNoon + 1}) {
    publish(*ring_, make_trade(ts, ts));
  }
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(segment_names(directory()), std::vector<std::string>{"2024-08-08.test.000.tfs"});
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 5U);
}

TEST_F(SegmentWriterTest, MakesTheIndexOfAnEndedSegmentDurable) {
  publish(*ring_, make_trade(kNoon, 1));
  publish(*ring_, make_trade(kNoon + kNsPerDay, 2));
  ASSERT_TRUE(settle());
  EXPECT_EQ(faults_->index_syncs, 1U);
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(faults_->index_syncs, 2U);
}

TEST_F(SegmentWriterTest, SkipsDaysWithoutRecords) {
  for (const std::int64_t days : {0, 5, 400}) publish(*ring_, make_trade(kNoon + days * kNsPerDay, days));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(segment_names(directory()), (std::vector<std::string>{"2024-08-08.test.000.tfs", "2024-08-13.test.000.tfs",
                                                                  "2025-09-12.test.000.tfs"}));
}

TEST_F(SegmentWriterTest, RepeatsMoreInstrumentsThanFitABlock) {
  constexpr std::uint32_t kInstruments = 2000;  // 2 cells each: four blocks
  for (std::uint32_t i = 1; i <= kInstruments; ++i) publish(*ring_, instrument(i, "S" + std::to_string(i), kNoon));
  publish(*ring_, make_trade(kNoon + kNsPerDay, 1));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  const auto records = read_records(file("2024-08-09.test.000.tfs"));
  ASSERT_EQ(records.size(), kInstruments + 2);
  for (std::uint32_t i = 1; i <= kInstruments; ++i) ASSERT_EQ(head_of(records[i]).instrument, i);
  EXPECT_EQ(type_of(records.back()), RecordType::kTrade);
}

TEST_F(SegmentWriterTest, ClosesASegmentWhoseRecordsAreAllWrittenWithAnEmptyBlock) {
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(writer_.finish(0));
  const auto headers = read_headers(file("2024-08-08.test.000.tfs"));
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0].flags & kBlockLast, 0);
  EXPECT_EQ(headers[1].flags, kBlockLast);
  EXPECT_EQ(headers[1].record_count, 0U);
  EXPECT_EQ(headers[1].max_ts_recv, kNoon);
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 2U);
}

TEST_F(SegmentWriterTest, TakesTheNextPartWhenTheDayHasOne) {
  write_file(file("2024-08-08.test.004.tfs"), {});
  write_file(file("2024-08-08.other.007.tfs"), {});
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  const auto records = read_records(file("2024-08-08.test.005.tfs"));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(record_as<Segment>(records[0]).part, 5U);
}

TEST_F(SegmentWriterTest, NeverWritesWhatIsNoRecord) {
  auto longer = make_trade(kNoon, 3);
  longer.head.cells = 2;
  for (const Trade& bad : {Trade{}, longer, make_record<Trade>(RecordType::kSegment, kNoon)}) {
    TempDir directory;
    auto rings = RingSet::create("", SpscRing::kBytesMin).take();
    const auto& ring = rings->first();
    PosixStorage storage;
    SegmentWriter writer(storage, *rings, {directory.file("."), "test", "unit test", kFlushNs, {}, false});
    publish(*ring, make_trade(kNoon, 1));
    Bytes bytes = bytes_of(bad);
    std::memcpy(ring->reserve(1), bytes.data(), bytes.size());
    ring->commit(1);
    Result<bool> moved = true;
    while (moved) moved = writer.turn(0);
    EXPECT_EQ(moved.error().code, "TF_INTERNAL");
    writer.abandon();
    EXPECT_EQ(read_records(directory.file("2024-08-08.test.000.tfs")).size(), 2U) << "what came before is kept";
    EXPECT_EQ(writer.watermarks().durable, 1U);
  }
}

TEST_F(SegmentWriterTest, StopsAtAFullDiskWithWholeBlocksAndTrueWatermarks) {
  faults_->space = 40'000;
  faults_->reserve_error = ENOSPC;
  for (int i = 0; i < 5; ++i) publish(*ring_, make_trade(kNoon + i, i));
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  for (int i = 0; i < 3000; ++i) publish(*ring_, make_trade(kNoon + i, i));
  const Result<void> result = settle(2 * kFlushNs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "TF_DISK_FULL");
  EXPECT_EQ(result.error().number, ENOSPC);
  EXPECT_NE(result.error().path.find("2024-08-08.test.000.tfs"), std::string::npos);
  writer_.abandon();
  EXPECT_EQ(writer_.watermarks().written, 5U);
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 6U);
  EXPECT_EQ(std::filesystem::file_size(file("2024-08-08.test.000.tfs")), kBlockAlign);
}

/// A writer that waits for space.
class FullDiskTest : public SegmentWriterTest {
 protected:
  FullDiskTest() : SegmentWriterTest(true) {}
  static constexpr std::int64_t kRetryNs = 500'000'000;
};

TEST_F(FullDiskTest, KeepsWhatIsNotWrittenAndGoesOnWhenSpaceReturns) {
  faults_->space = 40'000;
  std::int64_t price = 0;
  while (ring_->reserve(1) != nullptr) {
    publish(*ring_, make_trade(kNoon + price, price));
    price += 1;
  }
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(writer_.stalled());
  EXPECT_EQ(writer_.stalled()->code, "TF_DISK_FULL");
  EXPECT_EQ(writer_.deadline(), kFlushNs + kRetryNs);
  EXPECT_EQ(ring_->reserve(1), nullptr);
  const std::uint64_t writes = faults_->writes;
  ASSERT_TRUE(settle(kFlushNs + kRetryNs - 1));
  EXPECT_EQ(faults_->writes, writes) << "not before its time";
  ASSERT_TRUE(settle(kFlushNs + kRetryNs));
  EXPECT_EQ(faults_->writes, writes + 1) << "still full";
  faults_->space = std::numeric_limits<std::uint64_t>::max();
  ASSERT_TRUE(settle(kFlushNs + 2 * kRetryNs));
  EXPECT_FALSE(writer_.stalled());
  ASSERT_TRUE(writer_.finish(kFlushNs + 2 * kRetryNs));
  const auto records = read_records(file("2024-08-08.test.000.tfs"));
  ASSERT_EQ(records.size(), static_cast<std::size_t>(price) + 1);
  for (std::int64_t i = 0; i < price; ++i) {
    ASSERT_EQ(records[static_cast<std::size_t>(i) + 1], bytes_of(make_trade(kNoon + i, i)));
  }
}

TEST_F(FullDiskTest, TriesOnceMoreWhenItHasToEnd) {
  publish(*ring_, make_trade(kNoon, 1));
  faults_->space = 0;
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(writer_.stalled());
  const std::uint64_t writes = faults_->writes;
  const Result<void> result = writer_.finish(kFlushNs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "TF_DISK_FULL");
  EXPECT_EQ(faults_->writes, writes + 1);
  writer_.abandon();
  EXPECT_EQ(std::filesystem::file_size(file("2024-08-08.test.000.tfs")), 0U);
}

TEST_F(FullDiskTest, EndsInOrderWhenThatLastTryFindsSpace) {
  publish(*ring_, make_trade(kNoon, 1));
  faults_->space = 0;
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(writer_.stalled());
  faults_->space = std::numeric_limits<std::uint64_t>::max();
  ASSERT_TRUE(writer_.finish(kFlushNs));
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 2U);
}

TEST_F(SegmentWriterTest, NamesAnyOtherWriteErrorAsAnIoError) {
  faults_->space = 0;
  faults_->write_error = EIO;
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle(0));
  const Result<void> result = settle(kFlushNs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "TF_IO");
}

TEST_F(SegmentWriterTest, TriesAFailedSyncNeverAgain) {
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle());
  writer_.ask_flush();
  EXPECT_FALSE(writer_.is_flushed());
  ASSERT_TRUE(settle());
  EXPECT_TRUE(writer_.is_flushed());
  faults_->good_syncs = 0;
  publish(*ring_, make_trade(kNoon, 2));
  ASSERT_TRUE(settle());
  writer_.ask_flush();
  const std::uint64_t before = faults_->syncs;
  const Result<void> result = settle();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "TF_IO");
  writer_.abandon();
  EXPECT_EQ(faults_->syncs, before + 1);
  EXPECT_EQ(writer_.watermarks().written, 2U);
  EXPECT_EQ(writer_.watermarks().durable, 1U);
  EXPECT_FALSE(writer_.is_flushed());
}

TEST_F(SegmentWriterTest, KeepsRecordingWhenTheIndexCannotBeWritten) {
  faults_->index_fails = true;
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(writer_.finish(0));
  auto scan = scan_segment(file("2024-08-08.test.000.tfs"));
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan.value().records, 2U);
  EXPECT_NE(scan.value().index_state, IndexState::kOk);
}

}  // namespace
}  // namespace tickforge::testing
