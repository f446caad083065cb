#include "journal/segment_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "journal/recovery.h"
#include "journal/segment_scan.h"
#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::recover_segment;
using testing::sample_segment;
using testing::TempDir;
using testing::write_file;
using testing::write_index;

class SegmentReaderTest : public ::testing::Test {
 protected:
  SegmentReader open() {
    auto result = SegmentReader::open(path_);
    if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
    return result.take();
  }
  /// Prices of all trades, in windows of `max_bytes`; -1 for a damaged block.
  std::vector<std::int64_t> prices(SegmentReader& reader, std::size_t max_bytes) {
    std::vector<std::int64_t> found;
    for (std::size_t first = 0; first < reader.index().size();) {
      auto loaded = reader.load(first, max_bytes);
      if (!loaded) throw std::runtime_error(loaded.error().message);
      const BlockWindow& window = loaded.value();
      std::size_t damaged = 0;
      for (std::size_t i = 0; i < window.count; ++i) {
        if (damaged < window.damaged.size() && window.damaged[damaged] == i) {
          damaged += 1;
          found.push_back(-1);
          continue;
        }
        const IndexEntry& entry = reader.index()[first + i];
        const std::uint8_t* payload =
            window.bytes + (entry.offset - reader.index()[first].offset) + sizeof(BlockHeader);
        for (std::size_t at = 0; at < entry.length - sizeof(BlockHeader);) {
          const auto& trade = *reinterpret_cast<const Trade*>(payload + at);
          if (trade.head.type == static_cast<std::uint8_t>(RecordType::kTrade)) found.push_back(trade.price);
          at += trade.head.cells * kCellBytes;
        }
      }
      first += window.count;
    }
    return found;
  }
  static std::vector<std::int64_t> count_to(std::int64_t end) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < end; ++i) all.push_back(i);
    return all;
  }

  TempDir directory_;
  std::string path_ = directory_.file(testing::kSegmentFile);
};

TEST_F(SegmentReaderTest, YieldsAllRecordsInWindowsOfAnySize) {
  const auto builder = sample_segment(7);
  write_file(path_, builder.file());
  ASSERT_TRUE(write_index(path_, builder.segment_id(), builder.entries()));
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{20'000}, std::size_t{1} << 30}) {
    SegmentReader reader = open();
    EXPECT_EQ(reader.index_state(), IndexState::kOk);
    EXPECT_EQ(prices(reader, bytes), count_to(700));
  }
}

TEST_F(SegmentReaderTest, SaysWhatTheSegmentRecordSays) {
  const auto builder = sample_segment(2);
  write_file(path_, builder.file());
  const SegmentReader reader = open();
  EXPECT_EQ(reader.info().segment_id, builder.segment_id());
  EXPECT_EQ(reader.info().journal, "test");
  EXPECT_EQ(reader.info().day, 19'943);
  EXPECT_EQ(reader.record_count(), 202u);
  EXPECT_EQ(reader.valid_bytes(), builder.file().size());
  EXPECT_FALSE(reader.closed());
}

TEST_F(SegmentReaderTest, DerivesAnIndexThatIsMissingOrSenseless) {
  const auto builder = sample_segment(4);
  write_file(path_, builder.file());
  SegmentReader missing = open();
  EXPECT_EQ(missing.index_state(), IndexState::kMissing);
  EXPECT_EQ(prices(missing, 1), count_to(400));
  write_file(index_path_of(path_), Bytes(500, 0x33));
  SegmentReader wrong = open();
  EXPECT_EQ(wrong.index_state(), IndexState::kWrong);
  EXPECT_EQ(prices(wrong, 1 << 20), count_to(400));
}

TEST_F(SegmentReaderTest, AnIndexThatIsBehindIsCompletedFromTheBlocks) {
  const auto builder = sample_segment(5);
  write_file(path_, builder.file());
  ASSERT_TRUE(write_index(path_, builder.segment_id(), {builder.entries().begin(), builder.entries().begin() + 2}));
  SegmentReader reader = open();
  EXPECT_EQ(reader.index_state(), IndexState::kOk);
  EXPECT_EQ(prices(reader, 10'000), count_to(500));
}

TEST_F(SegmentReaderTest, ABlockThatIsBeingWrittenIsNotThereYet) {
  const auto builder = sample_segment(3);
  for (std::size_t cut = builder.offset(2); cut < builder.offset(2) + builder.entries()[2].length; cut += 512) {
    Bytes bytes(builder.file().begin(), builder.file().begin() + static_cast<std::ptrdiff_t>(cut));
    bytes.resize(builder.file().size());
    write_file(path_, bytes);
    for (const std::size_t entries : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
      ASSERT_TRUE(
          write_index(path_, builder.segment_id(),
                      {builder.entries().begin(), builder.entries().begin() + static_cast<std::ptrdiff_t>(entries)}));
      SegmentReader reader = open();
      ASSERT_EQ(prices(reader, 1 << 20), count_to(200)) << "cut at " << cut << ", " << entries << " entries";
    }
  }
}

TEST_F(SegmentReaderTest, MarksDamagedBlocksAndYieldsAllOthers) {
  const auto builder = sample_segment(4, 2);
  const std::vector<std::int64_t> expected = {0, 1, -1, 4, 5, 6, 7};
  for (const bool indexed : {true, false}) {
    // In the payload, in the header, and in the header's magic.
    for (const std::size_t at : {std::size_t{100}, std::size_t{20}, std::size_t{0}}) {
      Bytes bytes = builder.file();
      bytes[builder.offset(1) + at] ^= 0x10;
      write_file(path_, bytes);
      std::filesystem::remove(index_path_of(path_));
      if (indexed) {
        ASSERT_TRUE(write_index(path_, builder.segment_id(), builder.entries()));
      }
      SegmentReader reader = open();
      ASSERT_EQ(prices(reader, 1 << 20), expected) << "byte " << at << ", indexed " << indexed;
      ASSERT_EQ(prices(reader, 1), expected);
      ASSERT_EQ(reader.index_state(), indexed ? IndexState::kOk : IndexState::kMissing);
    }
  }
}

TEST_F(SegmentReaderTest, NeverBelievesAnIndexThatLies) {
  const auto builder = sample_segment(6);
  write_file(path_, builder.file());
  const auto lie_about = [&](std::size_t block, auto change) {
    std::vector<IndexEntry> entries;
    std::size_t offset_error = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      BlockHeader header{};
      std::memcpy(&header, builder.file().data() + builder.offset(i), sizeof header);
      std::uint64_t offset = builder.offset(i) + offset_error;
      if (i == block) change(header, offset_error);
      entries.push_back(make_entry(entries.empty() ? nullptr : &entries.back(), header, offset));
    }
    return write_index(path_, builder.segment_id(), entries);
  };
  const auto check = [&] {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{1} << 20}) {
      SegmentReader reader = open();
      EXPECT_EQ(prices(reader, bytes), count_to(600));
      EXPECT_EQ(reader.index_state(), IndexState::kWrong);
      EXPECT_EQ(reader.record_count(), 602u);
    }
  };
  ASSERT_TRUE(lie_about(2, [](BlockHeader& h, std::size_t&) { h.record_count -= 1; }));
  check();
  ASSERT_TRUE(lie_about(3, [](BlockHeader& h, std::size_t&) { h.max_ts_recv += 1; }));
  check();
  ASSERT_TRUE(lie_about(0, [](BlockHeader& h, std::size_t&) { h.flags = 0; }));
  check();
  ASSERT_TRUE(lie_about(1, [](BlockHeader& h, std::size_t& error) {
    h.payload_length += kBlockAlign;
    error = kBlockAlign;
  }));
  check();
  ASSERT_TRUE(lie_about(2, [](BlockHeader& h, std::size_t&) { h.payload_length -= 64; }));
  check();
}

TEST_F(SegmentReaderTest, ABlockThatTheIndexCallsLostIsReadWhenItIsThere) {
  const auto builder = sample_segment(4);
  write_file(path_, builder.file());
  std::vector<IndexEntry> entries = {builder.entries()[0]};
  entries.push_back(make_missing_entry(&entries.back()));
  for (std::size_t i = 2; i < 4; ++i) {
    BlockHeader header{};
    std::memcpy(&header, builder.file().data() + builder.offset(i), sizeof header);
    entries.push_back(make_entry(&entries.back(), header, builder.offset(i)));
  }
  ASSERT_TRUE(write_index(path_, builder.segment_id(), entries));
  SegmentReader reader = open();
  EXPECT_EQ(prices(reader, 1 << 20), count_to(400));
}

TEST_F(SegmentReaderTest, FindsTheFirstBlockThatCanHoldATime) {
  const auto builder = sample_segment(5);  // block b ends at 1000 + 1000 * (b + 1)
  write_file(path_, builder.file());
  SegmentReader reader = open();
  EXPECT_EQ(reader.find(kNoneI64).value(), 0u);
  EXPECT_EQ(reader.find(2000).value(), 0u);
  EXPECT_EQ(reader.find(2001).value(), 1u);
  EXPECT_EQ(reader.find(6000).value(), 4u);
  EXPECT_EQ(reader.find(6001).value(), 5u);
}

TEST_F(SegmentReaderTest, FindsRecordsAfterTheClockStepsBack) {
  testing::SegmentBuilder builder;
  builder.segment_record(5000).end_block();
  builder.add(testing::make_trade(1000, 1)).end_block();
  builder.add(testing::make_trade(6000, 2)).end_block();
  write_file(path_, builder.file());
  SegmentReader reader = open();
  EXPECT_EQ(reader.find(900).value(), 0u);
  EXPECT_EQ(reader.find(5500).value(), 2u);
  EXPECT_EQ(reader.index()[2].back_steps, 1u);
}

TEST_F(SegmentReaderTest, WritingIntoAWindowNeverReachesTheFile) {
  const auto builder = sample_segment(2);
  write_file(path_, builder.file());
  SegmentReader reader = open();
  auto window = reader.load(0, 1 << 20);
  ASSERT_TRUE(window);
  std::memset(window.value().bytes, 0xFF, window.value().length);
  EXPECT_EQ(testing::read_file(path_), builder.file());
}

TEST_F(SegmentReaderTest, AFileThatWasCutMeanwhileYieldsDamageAndNotACrash) {
  const auto builder = sample_segment(4);
  write_file(path_, builder.file());
  SegmentReader reader = open();
  std::filesystem::resize_file(path_, builder.offset(2));
  auto window = reader.load(1, 1 << 20);
  ASSERT_TRUE(window);
  EXPECT_EQ(window.value().damaged, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(window.value().length, builder.offset(2) - builder.offset(1));
  EXPECT_EQ(prices(reader, 1 << 20).size(), 200u + 2u);
}

// Whatever happens to the bytes: reader, scan and recovery agree, and no price comes out that was not written there.
TEST_F(SegmentReaderTest, RandomDamageNeverYieldsWrongRecords) {
  std::mt19937 random(20'240'808);
  const auto builder = sample_segment(8, 20);
  const auto pick = [&random](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    Bytes bytes = builder.file();
    for (std::size_t strokes = 1 + pick(3); strokes > 0; --strokes) {
      const std::size_t at = pick(bytes.size());
      const std::size_t length = std::min<std::size_t>(1 + pick(6000), bytes.size() - at);
      switch (pick(4)) {
        case 0:
          bytes[at] ^= static_cast<std::uint8_t>(1 + pick(255));
          break;
        case 1:
          std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, std::uint8_t{0});
          break;
        case 2:
          std::copy_n(builder.file().begin(), length, bytes.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          bytes.resize(bytes.size() - std::min(bytes.size() / 4, length));
          break;
      }
    }
    write_file(path_, bytes);
    std::filesystem::remove(index_path_of(path_));
    if (round % 2 == 0) {
      ASSERT_TRUE(write_index(path_, builder.segment_id(), builder.entries()));
    }
    auto scanned = scan_segment(path_);
    if (!scanned) continue;  // block 0 begins with something else and nothing is whole
    std::set<std::int64_t> intact;
    for (const IndexEntry& entry : scanned.value().entries) {
      for (std::int64_t i = 0; !is_missing(entry) && i < 20; ++i)
        intact.insert(entry.block_number * std::int64_t{20} + i);
    }
    SegmentReader reader = open();
    std::set<std::int64_t> found;
    for (const std::int64_t price : prices(reader, 1 + pick(40'000))) {
      if (price < 0) continue;
      ASSERT_TRUE(found.insert(price).second) << "round " << round << ": " << price << " came twice";
    }
    ASSERT_EQ(found, intact) << "round " << round;
    auto tail = recover_segment(path_);
    ASSERT_TRUE(tail);
    auto again = scan_segment(path_);
    ASSERT_TRUE(again);
    ASSERT_EQ(again.value().blocks, scanned.value().blocks) << "round " << round;
    ASSERT_EQ(again.value().torn_tail_bytes, 0u);
    ASSERT_EQ(again.value().index_state, IndexState::kOk) << "round " << round;
    ASSERT_EQ(tail.value().next_block, again.value().entries.size());
  }
}

TEST_F(SegmentReaderTest, RefusesWhatItCannotRead) {
  EXPECT_EQ(SegmentReader::open(path_).error().code, "TF_NO_DIRECTORY");
  write_file(path_, Bytes(9000, 0x42));
  EXPECT_EQ(SegmentReader::open(path_).error().code, "TF_FOREIGN_DIRECTORY");
  write_file(path_, {});
  SegmentReader empty = open();
  EXPECT_EQ(empty.index().size(), 0u);
  EXPECT_EQ(empty.load(0, 1).error().code, "TF_CORRUPT");
}

}  // namespace
}  // namespace tickforge
