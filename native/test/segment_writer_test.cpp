#include "journal/segment_writer.h"

#include <gtest/gtest.h>

#include <random>

#include "journal/own_records.h"
#include "journal/recovery.h"
#include "journal/segment_index.h"
#include "testing/faulty_storage.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

/// A writer without its thread: the test takes the turns.
class SegmentWriterTest : public ::testing::Test {
 protected:
  explicit SegmentWriterTest(Durability durability = Durability::os(), bool waits_for_disk = false)
      : rings_(RingSet::create("", SpscRing::kBytesMin).take()),
        ring_(rings_->first()),
        faults_(std::make_shared<Faults>()),
        storage_(faults_),
        writer_(storage_, *rings_, {directory(), "test", "unit test", kFlushNs, durability, waits_for_disk}) {}

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
  faults_->holds_writes = true;
  while (ring_->reserve(1) != nullptr) publish(*ring_, make_trade(kNoon, 1));
  (void)writer_.turn(0);  // begins the segment
  (void)writer_.turn(0);  // fills a batch and starts its write
  EXPECT_TRUE(writer_.io_under_way());
  EXPECT_EQ(ring_->reserve(1), nullptr);
  faults_->holds_writes = false;
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
  FullDiskTest() : SegmentWriterTest(Durability::os(), true) {}
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

TEST_F(SegmentWriterTest, WritesTheIndexWhenThereIsSpaceForItAgain) {
  for (const bool full : {false, true, true, false}) {
    faults_->index_fails = full;
    publish(*ring_, make_trade(kNoon, 1));
    ASSERT_TRUE(settle(0));
    ASSERT_TRUE(settle(kFlushNs));
  }
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(read_records(file("2024-08-08.test.000.tfs")).size(), 5U) << "which looks at the index as well";
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

TEST_F(SegmentWriterTest, WritesBlocksOfOneProducerEachAndSealsThemTogether) {
  const Inlet second = rings_->add(SpscRing::kBytesMin).take();
  for (std::int64_t i = 0; i < 3; ++i) publish(*ring_, make_trade(kNoon + i, i));
  for (std::int64_t i = 0; i < 2 * kBlockCellsMax; ++i) publish(*second.ring, make_trade(kNoon + i, 1000 + i));
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  EXPECT_EQ(ring_->progress().written, 3U);
  EXPECT_EQ(second.ring->progress().written, 2 * kBlockCellsMax);
  ASSERT_TRUE(writer_.finish(0));
  const std::string path = file("2024-08-08.test.000.tfs");
  std::vector<std::uint32_t> producers;
  for (const BlockHeader& header : read_headers(path)) producers.push_back(header.flags >> kBlockProducerShift);
  EXPECT_EQ(producers, (std::vector<std::uint32_t>{0, 1, 1, 0}));
  std::vector<std::vector<std::int64_t>> prices(2);
  for (const Bytes& record : read_records(path)) {
    if (type_of(record) != RecordType::kTrade) continue;
    const std::int64_t price = record_as<Trade>(record).price;
    prices[price >= 1000 ? 1 : 0].push_back(price);
  }
  EXPECT_EQ(prices[0], (std::vector<std::int64_t>{0, 1, 2}));
  ASSERT_EQ(prices[1].size(), 2 * kBlockCellsMax);
  EXPECT_TRUE(std::is_sorted(prices[1].begin(), prices[1].end()));
}

TEST_F(SegmentWriterTest, SaysWhereTheFileAndTheRingsMeet) {
  const Inlet second = rings_->add(SpscRing::kBytesMin).take();
  publish(*ring_, make_trade(kNoon, 1));
  publish(*second.ring, instrument(1, "A", kNoon));
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  const auto tail = rings_->table().tail();
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->segment_id, writer_.segment()->segment_id());
  EXPECT_EQ(tail->day, day_of(kNoon));
  EXPECT_EQ(tail->file_offset, writer_.segment()->end_offset());
  EXPECT_EQ(tail->cells[0], 1U);
  EXPECT_EQ(tail->cells[second.producer], 2U);
  EXPECT_EQ(tail->generations[second.producer], second.generation);
}

/// Cells stay in the ring until they are durable.
class DurableWriterTest : public SegmentWriterTest {
 protected:
  explicit DurableWriterTest(Durability durability = Durability::batch()) : SegmentWriterTest(durability) {}

  static constexpr std::int64_t kNow = 1'000'000;
  std::string part(int number) const { return file(("2024-08-08.test.00" + std::to_string(number) + ".tfs").c_str()); }
  /// Publishes trades with these prices, in a block of their own that is written.
  Result<void> write_trades(std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) publish(*ring_, make_trade(kNoon + i, i));
    auto taken = settle(now_);
    if (!taken) return taken;
    return settle(now_ += kFlushNs);
  }
  static std::vector<std::int64_t> prices_in(const std::vector<Bytes>& records) {
    std::vector<std::int64_t> prices;
    for (const Bytes& record : records) {
      if (type_of(record) == RecordType::kTrade) prices.push_back(record_as<Trade>(record).price);
    }
    return prices;
  }

  std::int64_t now_ = kNow;
};

TEST_F(DurableWriterTest, GivesCellsBackOnlyWhenTheyAreDurable) {
  faults_->holds_syncs = true;
  publish(*ring_, make_trade(kNoon, 1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer_.turn(kFlushNs * i));
  EXPECT_EQ(ring_->progress().written, 1U);
  EXPECT_EQ(ring_->progress().durable, 0U);
  EXPECT_EQ(ring_->consumed(), 0U);
  faults_->holds_syncs = false;
  ASSERT_TRUE(settle(kNow));
  EXPECT_EQ(ring_->progress().durable, 1U);
  EXPECT_EQ(ring_->consumed(), 1U);
  EXPECT_EQ(writer_.watermarks().durable, 1U);
}

TEST_F(DurableWriterTest, WritesAnOpenBlockAtOnceForWhoAsks) {
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle(0));
  EXPECT_EQ(writer_.watermarks().written, 0U);
  ring_->ask_durable(1);
  EXPECT_TRUE(writer_.has_asked());
  ASSERT_TRUE(settle(0));
  EXPECT_EQ(ring_->progress().durable, 1U);
  EXPECT_FALSE(writer_.has_asked());
}

TEST_F(DurableWriterTest, GathersForWhoAsksWhileASyncIsUnderWay) {
  faults_->holds_syncs = true;
  for (std::uint32_t i = 1; i <= 5; ++i) {
    publish(*ring_, make_trade(kNoon, i));
    ring_->ask_durable(i);
    for (int turns = 0; turns < 5; ++turns) ASSERT_TRUE(writer_.turn(0));
  }
  EXPECT_EQ(writer_.watermarks().written, 1U);
  faults_->holds_syncs = false;
  ASSERT_TRUE(settle(0));
  EXPECT_EQ(ring_->progress().durable, 5U);
  EXPECT_EQ(writer_.segment()->blocks_written(), 2U);
  EXPECT_EQ(faults_->syncs, 2U);
}

TEST_F(DurableWriterTest, WritesWhatIsNotDurableIntoTheNextPartWhenASyncFails) {
  ASSERT_TRUE(write_trades(0, 3));
  faults_->good_syncs = 0;
  ASSERT_TRUE(write_trades(3, 4));
  EXPECT_EQ(writer_.watermarks().durable, 7U);
  ASSERT_TRUE(write_trades(7, 1));
  ASSERT_TRUE(writer_.finish(now_));

  const auto before = read_records(part(0));
  EXPECT_EQ(prices_in(before), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6})) << "left as it is";
  EXPECT_GT(std::filesystem::file_size(part(0)), 2 * kBlockAlign) << "not cut";
  EXPECT_EQ(read_headers(part(0)).back().flags & kBlockLast, 0);
  const auto records = read_records(part(1));
  ASSERT_EQ(records.size(), 7U);
  EXPECT_EQ(type_of(records[0]), RecordType::kSegment);
  const auto gap = record_as<Gap>(records[1]);
  EXPECT_EQ(type_of(records[1]), RecordType::kGap);
  EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kWriteError));
  EXPECT_EQ(gap.expected_id, 4U) << "the segment's own record and three trades are durable";
  EXPECT_EQ(gap.received_id, kNoneU64);
  EXPECT_EQ(gap.ts_last_good, kNoon + 2);
  EXPECT_EQ(gap.head.ts_recv, kNoon + 3);
  EXPECT_EQ(prices_in(records), (std::vector<std::int64_t>{3, 4, 5, 6, 7}));
}

TEST_F(DurableWriterTest, MakesTheHeadOfTheNextPartDurableBeforeAnythingElseIsInIt) {
  ASSERT_TRUE(write_trades(0, 1));
  faults_->good_syncs = 0;
  for (std::int64_t i = 1; i < 4; ++i) publish(*ring_, make_trade(kNoon + i, i));
  now_ += kFlushNs;
  while (writer_.segment()->part() == 0) ASSERT_TRUE(writer_.turn(now_ += 10));
  faults_->holds_syncs = true;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(writer_.turn(now_ += kFlushNs));
  EXPECT_EQ(writer_.segment()->blocks_written(), 1U);
  EXPECT_EQ(writer_.segment()->records_written(), 2U) << "its own record and the gap";
  faults_->holds_syncs = false;
  ASSERT_TRUE(settle(now_ += kFlushNs));
  EXPECT_EQ(writer_.watermarks().durable, 4U);
}

TEST_F(DurableWriterTest, WritesWhatIsNotDurableIntoTheNextPartWhenAWriteFails) {
  ASSERT_TRUE(write_trades(0, 2));
  faults_->bad_writes = 1;
  faults_->write_error = EIO;
  Watermarks before = writer_.watermarks();
  publish(*ring_, make_trade(kNoon + 2, 2));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer_.turn(now_ += kFlushNs));
    const Watermarks marks = writer_.watermarks();
    EXPECT_TRUE(marks.appended >= before.appended && marks.written >= before.written && marks.durable >= before.durable);
    before = marks;
  }
  ASSERT_TRUE(writer_.finish(now_));
  EXPECT_EQ(prices_in(read_records(part(0))), (std::vector<std::int64_t>{0, 1}));
  const auto records = read_records(part(1));
  EXPECT_EQ(record_as<Gap>(records[1]).expected_id, 3U);
  EXPECT_EQ(prices_in(records), (std::vector<std::int64_t>{2}));
}

TEST_F(DurableWriterTest, RepeatsOnlyDefinitionsThatAreDurableInTheNextPart) {
  publish(*ring_, instrument(1, "A", kNoon));
  ASSERT_TRUE(write_trades(0, 1));
  faults_->good_syncs = 0;
  publish(*ring_, instrument(2, "B", kNoon + 1));
  ASSERT_TRUE(write_trades(1, 1));
  ASSERT_TRUE(writer_.finish(now_));
  std::vector<std::uint32_t> copies;
  std::vector<std::uint32_t> originals;
  for (const Bytes& record : read_records(part(1))) {
    if (type_of(record) != RecordType::kInstrument) continue;
    ((head_of(record).flags & kFlagCopy) != 0 ? copies : originals).push_back(head_of(record).instrument);
  }
  EXPECT_EQ(copies, std::vector<std::uint32_t>{1});
  EXPECT_EQ(originals, std::vector<std::uint32_t>{2});
}

TEST_F(DurableWriterTest, KeepsTheGapOfAStartThatWasNotDurable) {
  ASSERT_TRUE(write_trades(0, 1));
  ASSERT_TRUE(writer_.finish(now_));
  auto recovered = recover_segment(part(0));
  ASSERT_TRUE(recovered);
  auto rings = RingSet::create("", SpscRing::kBytesMin).take();
  SegmentWriter writer(storage_, *rings, {directory(), "test", "unit test", kFlushNs, Durability::batch(), false});
  faults_->good_syncs = 0;
  ASSERT_TRUE(writer.resume(part(0), recovered.value(), make_gap(GapCause::kStop, kNoon, kNoon + 5), 0));
  publish(*rings->first(), make_trade(kNoon + 6, 6));
  ASSERT_TRUE(writer.finish(0));
  const auto records = read_records(part(1));
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(record_as<Gap>(records[1]).cause, static_cast<std::uint8_t>(GapCause::kWriteError));
  EXPECT_EQ(record_as<Gap>(records[1]).expected_id, 2U);
  EXPECT_EQ(record_as<Gap>(records[2]).cause, static_cast<std::uint8_t>(GapCause::kStop));
  EXPECT_EQ(record_as<Gap>(records[2]).head.ts_recv, kNoon + 5);
  EXPECT_EQ(prices_in(records), (std::vector<std::int64_t>{6}));
}

TEST_F(DurableWriterTest, SurvivesAFailureOfEachPartAsLongAsSomethingBecomesDurableBetween) {
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(write_trades(2 * round, 1));
    faults_->good_syncs = 0;
    ASSERT_TRUE(write_trades(2 * round + 1, 1));
  }
  ASSERT_TRUE(writer_.finish(now_));
  EXPECT_EQ(segment_names(directory()).size(), 5U);
  EXPECT_EQ(writer_.watermarks().durable, 8U);
}

TEST_F(DurableWriterTest, StopsWhenTheNextPartFailsAsWell) {
  ASSERT_TRUE(write_trades(0, 1));
  faults_->good_syncs = 0;
  faults_->bad_syncs = 2;
  const Result<void> result = write_trades(1, 1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "TF_IO");
  EXPECT_NE(result.error().path.find("2024-08-08.test.001.tfs"), std::string::npos);
  const std::uint64_t syncs = faults_->syncs;
  const std::uint64_t length = std::filesystem::file_size(part(1));
  writer_.abandon();
  EXPECT_EQ(faults_->syncs, syncs);
  EXPECT_EQ(std::filesystem::file_size(part(1)), length) << "not cut";
  EXPECT_EQ(writer_.watermarks().durable, 1U);
  EXPECT_EQ(ring_->consumed(), 1U) << "the other one is still there";
}

TEST_F(DurableWriterTest, EndsAPartWhoseClosingFailsWithAnother) {
  ASSERT_TRUE(write_trades(0, 2));
  faults_->good_syncs = 0;
  ASSERT_TRUE(writer_.finish(now_));
  const auto records = read_records(part(1));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(record_as<Gap>(records[1]).expected_id, 3U) << "behind all";
  EXPECT_NE(read_headers(part(1)).back().flags & kBlockLast, 0);
}

TEST_F(DurableWriterTest, TriesAWriteThatIsInterruptedAgainAfterGrowingPauses) {
  ASSERT_TRUE(write_trades(1, 5));
  faults_->write_error = EAGAIN;
  faults_->bad_writes = 10;
  const std::uint64_t writes = faults_->writes;
  ASSERT_TRUE(write_trades(6, 5));
  std::vector<std::int64_t> pauses;
  while (writer_.is_paused()) {
    ASSERT_TRUE(writer_.deadline());
    pauses.push_back(*writer_.deadline() - now_);
    now_ = *writer_.deadline();
    ASSERT_TRUE(settle(now_));
  }
  EXPECT_EQ(faults_->writes - writes, 11U) << "and nothing while it paused";
  ASSERT_GE(pauses.size(), 6U);
  for (std::size_t i = 1; i < pauses.size(); ++i) EXPECT_GT(pauses[i], pauses[i - 1]);
  ASSERT_TRUE(writer_.finish(now_));
  EXPECT_EQ(segment_names(directory()).size(), 1U);
  EXPECT_EQ(prices_in(read_records(part(0))).size(), 10U);
}

TEST_F(DurableWriterTest, TakesAWriteThatIsInterruptedForEverForAFailedOne) {
  ASSERT_TRUE(write_trades(1, 5));
  faults_->write_error = EAGAIN;
  faults_->bad_writes = kAttemptsMax;
  ASSERT_TRUE(write_trades(6, 5));
  ASSERT_TRUE(writer_.finish(now_));
  EXPECT_GT(faults_->paused_ns, 0) << "also at the end, between the attempts";
  EXPECT_EQ(prices_in(read_records(part(1))), (std::vector<std::int64_t>{6, 7, 8, 9, 10}));
}

TEST_F(DurableWriterTest, StopsWhenTheNextPartIsInterruptedForEverAsWell) {
  ASSERT_TRUE(write_trades(1, 5));
  faults_->write_error = EAGAIN;
  faults_->bad_writes = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t writes = faults_->writes;
  ASSERT_TRUE(write_trades(6, 5));
  const auto ended = writer_.finish(now_);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "TF_IO");
  EXPECT_EQ(ended.error().number, EAGAIN);
  EXPECT_EQ(faults_->writes - writes, 2U * kAttemptsMax);
  writer_.abandon();
}

TEST_F(DurableWriterTest, CutsOffAProducerThatPublishesWhatIsNoRecordAndRecordsTheOthers) {
  const Inlet second = rings_->add(SpscRing::kBytesMin).take();
  publish(*second.ring, connection(7, ConnectionEvent::kOpen, kNoon));
  publish(*second.ring, Bytes(kCellBytes, 0));
  publish(*second.ring, make_trade(kNoon + 1, 1));
  publish(*ring_, make_trade(kNoon + 5, 1));
  ASSERT_TRUE(settle(0));
  EXPECT_EQ(second.ring->state(), RingState::kFailed) << "it gets to know";
  for (std::int64_t turn = 1; turn < 4; ++turn) ASSERT_TRUE(settle(turn * kFlushNs));
  publish(*ring_, make_trade(kNoon + 6, 2));
  ASSERT_TRUE(settle(5 * kFlushNs));
  EXPECT_EQ(rings_->inlets().size(), 1U);
  ASSERT_TRUE(writer_.finish(0));
  const auto records = read_records(part(0));
  ASSERT_EQ(records.size(), 6U);
  std::vector<RecordType> types;
  for (const auto& record : records) types.push_back(type_of(record));
  EXPECT_EQ(std::count(types.begin(), types.end(), RecordType::kTrade), 2);
  EXPECT_EQ(std::count(types.begin(), types.end(), RecordType::kGap), 1);
  const auto dropped = std::find(types.begin(), types.end(), RecordType::kDrop);
  ASSERT_NE(dropped, types.end());
  const auto drop = record_as<Drop>(records[static_cast<std::size_t>(dropped - types.begin())]);
  EXPECT_EQ(drop.producer, second.producer);
  EXPECT_EQ(drop.cause, static_cast<std::uint8_t>(GapCause::kMalformed));
  EXPECT_GE(drop.count, 1U);
}

TEST_F(DurableWriterTest, CutsOffAProducerWhoseFirstWordIsNoRecord) {
  const Inlet second = rings_->add(SpscRing::kBytesMin).take();
  publish(*second.ring, Bytes(kCellBytes, 0));
  ASSERT_TRUE(settle(0));
  publish(*ring_, make_trade(kNoon + 5, 1));
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(settle(2 * kFlushNs));
  ASSERT_TRUE(writer_.finish(0));
  EXPECT_EQ(second.ring->state(), RingState::kFailed);
  EXPECT_EQ(read_records(part(0)).size(), 3U) << "segment, trade, and the drop record of the other";
}

TEST_F(DurableWriterTest, SaysWhichConnectionsAProducerThatIsGoneLeftOpen) {
  const Inlet second = rings_->add(SpscRing::kBytesMin).take();
  publish(*second.ring, connection(7, ConnectionEvent::kOpen, kNoon));
  publish(*second.ring, connection(8, ConnectionEvent::kOpen, kNoon));
  publish(*second.ring, connection(8, ConnectionEvent::kClose, kNoon + 1));
  second.ring->count_dropped(12, kNoon + 2);
  publish(*ring_, make_trade(kNoon + 5, 1));
  rings_->end(second);
  ASSERT_TRUE(settle(0));
  ASSERT_TRUE(settle(kFlushNs));
  ASSERT_TRUE(settle(2 * kFlushNs));
  EXPECT_EQ(rings_->inlets().size(), 1U) << "its number is free again";
  EXPECT_EQ(second.ring->progress().durable, 3U);
  ASSERT_TRUE(writer_.finish(0));
  const auto records = read_records(part(0));
  ASSERT_EQ(records.size(), 7U);
  const auto gap = record_as<Gap>(records[5]);
  EXPECT_EQ(gap.cause, static_cast<std::uint8_t>(GapCause::kUncleanStop));
  EXPECT_EQ(gap.head.frame, std::uint64_t{7} << kFrameNumberBits);
  EXPECT_EQ(gap.ts_last_good, kNoon + 1);
  const auto drop = record_as<Drop>(records[6]);
  EXPECT_EQ(type_of(records[6]), RecordType::kDrop);
  EXPECT_EQ(drop.count, 12U);
  EXPECT_EQ(drop.producer, second.producer);
  EXPECT_EQ(drop.ts_first, kNoon + 2);
}

TEST_F(DurableWriterTest, SyncsASmallBlockInTheTurnThatWritesIt) {
  publish(*ring_, make_trade(kNoon, 1));
  ring_->ask_durable(1);
  (void)writer_.turn(0);  // begins the segment
  (void)writer_.turn(0);  // takes, writes, and begins the sync
  EXPECT_EQ(faults_->syncs, 1U);
  (void)writer_.turn(0);
  EXPECT_EQ(ring_->progress().durable, 1U) << "told of before anything else is begun";
}

TEST_F(DurableWriterTest, WritesZerosAheadOfSmallBlocksAndCutsThemOff) {
  ASSERT_TRUE(write_trades(0, 1));
  EXPECT_GT(std::filesystem::file_size(part(0)), 4 * kBlockAlign);
  for (std::int64_t i = 1; i < 300; ++i) ASSERT_TRUE(write_trades(i, 1));
  auto recovered = std::filesystem::copy_file(part(0), file("2024-08-08.copy.000.tfs"));
  ASSERT_TRUE(recovered);
  auto tail = recover_segment(file("2024-08-08.copy.000.tfs"));
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail.value().record_count, 301U);
  EXPECT_EQ(tail.value().torn_tail_bytes, 0U);
  ASSERT_TRUE(writer_.finish(now_));
  EXPECT_EQ(std::filesystem::file_size(part(0)), 301 * kBlockAlign);
  EXPECT_EQ(read_records(part(0)).size(), 301U);
}

TEST_F(DurableWriterTest, WritesNoZerosWhereTheSystemDecidesOrBlocksAreLarge) {
  for (std::int64_t i = 0; i < 3 * kBlockCellsMax; ++i) publish(*ring_, make_trade(kNoon, i));
  ASSERT_TRUE(settle(0));
  EXPECT_EQ(std::filesystem::file_size(part(0)), 3 * kBlockBytesTarget);
}

/// 200 MiB of which a power cut leaves less than was written.
class BoundedRecoveryTest : public DurableWriterTest {
 protected:
  void write_much() {
    auto text = make_record<Text>(RecordType::kText, kNoon);
    text.head.cells = 255;
    text.length = 254 * kCellBytes;
    const Bytes record = [&] {
      Bytes bytes = bytes_of(text);
      bytes.resize(text.head.cells * kCellBytes, 'x');
      return bytes;
    }();
    while (writer_.segment() == nullptr || writer_.segment()->end_offset() < kBytes) {
      while (ring_->reserve(text.head.cells) != nullptr) publish(*ring_, record);
      ASSERT_TRUE(settle(now_));
    }
  }
  static constexpr std::uint64_t kBytes = std::uint64_t{200} << 20;
  static constexpr std::uint64_t kReadMax = std::uint64_t{64} << 20;
};

TEST_F(BoundedRecoveryTest, ReadsLittleWhenTheIndexIsAsOldAsItsLastSync) {
  write_much();
  ASSERT_GT(faults_->synced_index_bytes, 0U);
  std::filesystem::resize_file(index_path_of(part(0)), faults_->synced_index_bytes);
  auto recovered = recover_segment(part(0));
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered.value().record_count, writer_.segment()->records_written());
  EXPECT_LE(recovered.value().bytes_read, kReadMax);
}

TEST_F(BoundedRecoveryTest, ReadsLittleWhenTheIndexIsAheadOfTheBlocks) {
  write_much();
  constexpr std::uint64_t kLost = std::uint64_t{20} << 20;
  std::filesystem::resize_file(part(0), kBytes - kLost);
  std::filesystem::resize_file(part(0), kBytes);
  auto recovered = recover_segment(part(0));
  ASSERT_TRUE(recovered);
  EXPECT_GT(recovered.value().end_offset, kBytes - kLost - kBlockBytesTarget);
  EXPECT_LE(recovered.value().end_offset, kBytes - kLost);
  EXPECT_LE(recovered.value().bytes_read, kReadMax);
}

/// An exchange that drops its connections all day long, or defines its instruments anew.
class StormTest : public DurableWriterTest {
 protected:
  /// A block that holds nothing but an open and a close record, and one with a definition, each on its own.
  std::uint64_t read_after_storm(int blocks) {
    for (int i = 0; i < blocks; ++i) {
      instruments_ += 1;
      if (i % 2 == 0) publish(*ring_, instrument(instruments_, "A", kNoon + instruments_));
      publish(*ring_, connection(1, i % 4 < 2 ? ConnectionEvent::kOpen : ConnectionEvent::kClose, kNoon + instruments_));
      EXPECT_TRUE(settle(now_));
      EXPECT_TRUE(settle(now_ += kFlushNs));
    }
    auto recovered = recover_segment(part(0));
    EXPECT_TRUE(recovered);
    EXPECT_EQ(recovered.value().last_instrument, instruments_ - 1);
    EXPECT_LE(recovered.value().definition_blocks_since_mark, MarkLimits{}.definition_blocks);
    EXPECT_EQ(recovered.value().record_count, writer_.segment()->records_written());
    return recovered.value().bytes_read - index_bytes();
  }
  std::uint64_t index_bytes() const { return std::filesystem::file_size(index_path_of(part(0))); }
  std::uint32_t instruments_ = 0;
};

TEST_F(StormTest, IsRecoveredByReadingAsMuchAfterAnHourAsAfterADay) {
  // Behind the last block lie zeros, which are looked at.
  const std::uint64_t most = MarkLimits{}.definition_blocks * kBlockAlign + WriterOptions{}.zero_bytes;
  EXPECT_LE(read_after_storm(500), most);
  EXPECT_LE(read_after_storm(5000), most) << "ten times as long";
}

TEST_F(DurableWriterTest, GoesOnCountingTowardsAMarkAfterAStart) {
  publish(*ring_, instrument(9, "A", kNoon));
  ASSERT_TRUE(write_trades(1, 1));
  ASSERT_TRUE(writer_.finish(0));
  std::uint32_t number = 9;
  for (int start = 0; start < 10; ++start) {
    auto recovered = recover_segment(part(0));
    ASSERT_TRUE(recovered);
    EXPECT_EQ(recovered.value().last_instrument, number);
    const auto rings = RingSet::create("", SpscRing::kBytesMin).take();
    SegmentWriter writer(storage_, *rings, [&] {
      WriterOptions options{directory(), "test", "unit test", kFlushNs, Durability::batch(), false};
      options.marks = {1000, 4};
      return options;
    }());
    ASSERT_TRUE(writer.resume(part(0), recovered.value(), make_gap(GapCause::kStop, kNoon, kNoon + 5), 0));
    publish(*rings->first(), instrument(++number, "A", kNoon + 10));
    writer.ask_taken();
    ASSERT_TRUE(writer.finish(0));
  }
  const auto records = read_records(part(0));
  const auto marks = std::count_if(records.begin(), records.end(),
                                   [](const Bytes& record) { return type_of(record) == RecordType::kMark; });
  EXPECT_GE(marks, 2);
  EXPECT_LE(marks, 3);
}

/// A sync a millisecond at most.
class IntervalWriterTest : public DurableWriterTest {
 protected:
  IntervalWriterTest() : DurableWriterTest(Durability::interval(kInterval)) {}
  static constexpr std::int64_t kInterval = 1'000'000;
};

TEST_F(IntervalWriterTest, SyncsOnceAnInterval) {
  now_ = 0;
  for (std::int64_t i = 0; i < 3000; ++i) ASSERT_TRUE(write_trades(i, 1));
  EXPECT_EQ(now_, 3 * kInterval);
  EXPECT_GE(faults_->syncs, 2U);
  EXPECT_LE(faults_->syncs, 4U);
  EXPECT_EQ(writer_.watermarks().written, 3000U);
  EXPECT_EQ(writer_.deadline().value_or(0) % kInterval, 0);
}

TEST_F(IntervalWriterTest, SyncsEarlierWhenTheRingRunsShort) {
  ASSERT_TRUE(write_trades(0, 1));
  const std::uint64_t syncs = faults_->syncs;
  std::int64_t price = 1;
  while (ring_->reserve(1) != nullptr) publish(*ring_, make_trade(kNoon, price++));
  ASSERT_TRUE(settle(now_));
  EXPECT_GT(faults_->syncs, syncs);
  EXPECT_NE(ring_->reserve(1), nullptr);
}

TEST_F(IntervalWriterTest, SyncsAtOnceForAFlush) {
  ASSERT_TRUE(write_trades(0, 1));
  publish(*ring_, make_trade(kNoon, 1));
  ASSERT_TRUE(settle(now_));
  writer_.ask_flush();
  ASSERT_TRUE(settle(now_));
  EXPECT_TRUE(writer_.is_flushed());
}

}  // namespace
}  // namespace tickforge::testing
