#include "journal/segment_parts.h"

#include <gtest/gtest.h>

#include "core/recorder.h"
#include "journal/block_walk.h"
#include "journal/log_reader.h"
#include "journal/segment_reader.h"
#include "journal/segment_scan.h"
#include "testing/faulty_storage.h"
#include "testing/journal_files.h"
#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::make_record;
using testing::make_trade;
using testing::SegmentBuilder;
using testing::TempDir;
using testing::write_file;
using testing::write_index;

Gap notice(std::uint64_t limit, GapCause cause = GapCause::kWriteError) {
  Gap gap = make_record<Gap>(RecordType::kGap, 1000);
  gap.expected_id = limit;
  gap.received_id = kNoneU64;
  gap.cause = static_cast<std::uint8_t>(cause);
  return gap;
}

/// A block a trade, priced `first` to `last` and received then.
SegmentBuilder& trades(SegmentBuilder& builder, std::int64_t first, std::int64_t last) {
  for (std::int64_t i = first; i <= last; ++i) builder.add(make_trade(1000 + i, i)).end_block();
  return builder;
}

class SegmentPartsTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kFirstId = 7;
  static constexpr std::uint64_t kSecondId = 8;

  std::string path_of(int part) const { return directory_.file("2024-08-08.test.00" + std::to_string(part) + ".tfs"); }

  void save(int part, const SegmentBuilder& builder) {
    write_file(path_of(part), builder.file());
    ASSERT_TRUE(write_index(path_of(part), builder.segment_id(), builder.entries()));
  }

  /// Block 0 holds record 0, block n record n: a trade of price n.
  static SegmentBuilder first_part(std::int64_t last) {
    SegmentBuilder builder(kFirstId);
    builder.segment_record(1000).end_block();
    return trades(builder, 1, last);
  }
  static SegmentBuilder second_part(std::uint64_t limit, std::int64_t first, std::int64_t last) {
    SegmentBuilder builder(kSecondId);
    builder.segment_record(1000, 19'943, 1).add(notice(limit)).end_block();
    return trades(builder, first, last);
  }

  /// Prices in the order of parts and blocks; -1 for a block that cannot be read.
  std::vector<std::int64_t> prices() {
    std::vector<std::int64_t> found;
    auto parts = list_parts(directory_.file(""));
    EXPECT_TRUE(parts);
    for (const SegmentPart& part : parts.value()) {
      auto reader = SegmentReader::open(part.path, part.limit, IndexUse::kTouched);
      EXPECT_TRUE(reader);
      for (std::size_t i = 0; i < reader.value().block_count(); ++i) {
        auto window = reader.value().load(i, 1);
        EXPECT_TRUE(window);
        if (!window.value().damaged.empty()) {
          found.push_back(-1);
          continue;
        }
        const std::size_t length = window.value().entries[1].length - sizeof(BlockHeader);
        for_each_record(window.value().bytes + sizeof(BlockHeader), length, [&found](const RecordHead& head) {
          const bool is_trade = head.type == static_cast<std::uint8_t>(RecordType::kTrade);
          if (is_trade) found.push_back(reinterpret_cast<const Trade&>(head).price);
        });
      }
    }
    return found;
  }
  static std::vector<std::int64_t> count_to(std::int64_t last) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 1; i <= last; ++i) all.push_back(i);
    return all;
  }

  TempDir directory_;
};

TEST_F(SegmentPartsTest, WhatIsWrittenAgainIsReadOnce) {
  for (const std::int64_t limit : {0, 1, 3, 5, 6}) {
    save(0, first_part(5));
    save(1, second_part(static_cast<std::uint64_t>(limit), std::max<std::int64_t>(limit, 1), 9));
    EXPECT_EQ(prices(), count_to(9)) << "limit " << limit;
    const auto parts = list_parts(directory_.file("")).take();
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].limit, static_cast<std::uint64_t>(limit));
    EXPECT_EQ(parts[1].limit, kNoLimit);
  }
}

TEST_F(SegmentPartsTest, EachPartOfAChainLimitsTheOneBeforeIt) {
  save(0, first_part(5));
  save(1, second_part(3, 3, 6));  // blocks 1 to 4 hold the trades 3 to 6, records 2 to 5
  SegmentBuilder third(9);
  third.segment_record(1000, 19'943, 2).add(notice(4)).end_block();
  save(2, trades(third, 5, 8));
  EXPECT_EQ(prices(), count_to(8));
}

TEST_F(SegmentPartsTest, OnlyTheFirstRecordBehindTheCopiesLimits) {
  const auto limit_behind = [&](auto build) {
    SegmentBuilder builder(kSecondId);
    builder.segment_record(1000, 19'943, 1);
    build(builder);
    builder.end_block();
    save(1, builder);
    return limit_of_part_before(path_of(1));
  };
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.add(notice(3)); }), 3U);
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.add(notice(kNoneU64)); }), kNoLimit);
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.add(notice(3, GapCause::kStop)); }), kNoLimit);
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.add(notice(3, GapCause::kStop)).add(notice(3)); }), kNoLimit);
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.add(make_trade(1000, 1)).add(notice(3)); }), kNoLimit);
  EXPECT_EQ(limit_behind([](SegmentBuilder& b) { b.instrument(1, 1000).add(notice(3)); }), kNoLimit);
  EXPECT_EQ(limit_behind([](SegmentBuilder&) {}), kNoLimit);
  Gap of_one = notice(3);
  of_one.head.instrument = 1;
  EXPECT_EQ(limit_behind([&](SegmentBuilder& b) { b.add(of_one); }), kNoLimit);
  Instrument copy = make_record<Instrument>(RecordType::kInstrument, 1000, 1);
  copy.head.flags = kFlagCopy;
  EXPECT_EQ(limit_behind([&](SegmentBuilder& b) { b.add(copy).end_block().add(copy).end_block().add(notice(3)); }), 3U);
  EXPECT_EQ(limit_of_part_before(path_of(2)), kNoLimit);
}

TEST_F(SegmentPartsTest, ABeginningThatIsDamagedLimitsNothing) {
  save(0, first_part(5));
  save(1, second_part(3, 3, 9));
  Bytes bytes = testing::read_file(path_of(1));
  bytes[100] ^= 1;
  write_file(path_of(1), bytes);
  EXPECT_EQ(limit_of_part_before(path_of(1)), kNoLimit);
}

TEST_F(SegmentPartsTest, NothingBehindALimitIsDamageOrTailOrAnEnd) {
  SegmentBuilder builder = first_part(5);
  builder.end_block(kBlockLast);
  save(0, builder);
  for (const int damage : {0, 1, 2}) {
    Bytes bytes = builder.file();
    if (damage == 1) bytes[builder.offset(3) + 70] ^= 1;
    if (damage == 2) bytes.resize(builder.offset(3) + 100, 0);
    write_file(path_of(0), bytes);
    auto scan = scan_segment(path_of(0), 3);
    ASSERT_TRUE(scan);
    EXPECT_EQ(scan.value().blocks, 3U);
    EXPECT_EQ(scan.value().records, 3U);
    EXPECT_EQ(scan.value().corrupt_blocks + scan.value().torn_tail_bytes + scan.value().order_errors, 0U);
    EXPECT_TRUE(scan.value().problems.empty());
    EXPECT_EQ(scan.value().index_state, IndexState::kOk);
    EXPECT_FALSE(scan.value().closed);
    const std::uint64_t first = damage == 0 ? 3 : damage == 1 ? 4 : 0;
    EXPECT_EQ(scan.value().rewritten_first, first);
    EXPECT_EQ(scan.value().rewritten_blocks, damage == 2 ? 0 : 7 - first);
    auto reader = SegmentReader::open(path_of(0), 3);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader.value().block_count(), 3U);
    EXPECT_EQ(reader.value().index_state(), IndexState::kOk);
    EXPECT_EQ(reader.value().missing_from(), kNoLimit);
    EXPECT_EQ(reader.value().valid_bytes(), builder.offset(3));
    EXPECT_FALSE(reader.value().closed());
  }
}

TEST_F(SegmentPartsTest, RecordsThatAreGoneInFrontOfALimitAreDamage) {
  const SegmentBuilder builder = first_part(5);
  for (const bool indexed : {true, false}) {
    for (const bool cut : {true, false}) {
      Bytes bytes = builder.file();
      if (cut) bytes.resize(builder.offset(2));
      if (!cut) bytes[builder.offset(2) + 70] ^= 1;
      save(0, builder);
      write_file(path_of(0), bytes);
      if (!indexed) std::filesystem::remove(index_path_of(path_of(0)));
      auto scan = scan_segment(path_of(0), 3);
      ASSERT_TRUE(scan);
      EXPECT_EQ(scan.value().blocks, 2U);
      EXPECT_EQ(scan.value().corrupt_blocks, 1U);
      auto reader = SegmentReader::open(path_of(0), 3);
      ASSERT_TRUE(reader);
      EXPECT_EQ(reader.value().block_count(), 2U);
      EXPECT_EQ(reader.value().missing_from(), 2U);
    }
  }
}

TEST_F(SegmentPartsTest, WhatARecorderWroteAroundFailedSyncsIsReadOnce) {
  auto faults = std::make_shared<testing::Faults>();
  JournalOptions options;
  options.directory = directory_.file("");
  options.name = "test";
  options.ring_bytes = SpscRing::kBytesMin;
  options.flush_interval_ns = 1'000'000;
  auto opened = Recorder::open(options, [faults](WritePath) { return std::make_unique<testing::FaultyStorage>(faults); });
  ASSERT_TRUE(opened);
  for (std::int64_t i = 1; i <= 12; ++i) {
    if (i % 4 == 2) faults->good_syncs = 0;
    testing::publish(*opened.value()->ring(), make_trade(testing::kNoon + i, i));
    ASSERT_TRUE(opened.value()->flush());
  }
  ASSERT_TRUE(opened.value()->close());
  const auto parts = list_parts(directory_.file("")).take();
  EXPECT_EQ(parts.size(), 4U);
  EXPECT_EQ(std::count_if(parts.begin(), parts.end(), [](const auto& part) { return part.limit != kNoLimit; }), 3);
  EXPECT_EQ(prices(), count_to(12));
}

TEST_F(SegmentPartsTest, ALogOfPartsIsSearchedUpToItsLimits) {
  save(0, first_part(5));
  save(1, second_part(3, 3, 9));
  for (std::int64_t ts = 1001; ts <= 1009; ++ts) {
    auto found = first_record_at(directory_.file(""), ts);
    ASSERT_TRUE(found);
    ASSERT_TRUE(found.value());
    EXPECT_EQ(found.value()->head().ts_recv, ts);
    EXPECT_EQ(found.value()->path, path_of(ts < 1003 ? 0 : 1));
  }
  auto behind = first_record_at(directory_.file(""), 1010);
  ASSERT_TRUE(behind);
  EXPECT_FALSE(behind.value());
  EXPECT_EQ(first_record_at(directory_.file("none"), 0).error().code, "TF_NO_DIRECTORY");
}

TEST_F(SegmentPartsTest, SegmentsThatAnImportIsAboutToAddAreNotListed) {
  save(0, first_part(3));
  save(1, first_part(3));
  const std::string pending = "2024-08-08.test.001.tfs\n";
  write_file(directory_.file("import.pending"), Bytes(pending.begin(), pending.end()));
  write_file(directory_.file("Not a journal.pending"), Bytes(8, 'x'));
  const auto parts = list_parts(directory_.file("")).take();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].name.part, 0U);
}

}  // namespace
}  // namespace tickforge
