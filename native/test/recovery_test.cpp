#include "journal/recovery.h"

#include <gtest/gtest.h>

#include "journal/segment_scan.h"
#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::read_file;
using testing::recover_segment;
using testing::sample_segment;
using testing::TempDir;
using testing::write_file;
using testing::write_index;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveredTail recover() {
    auto result = recover_segment(path_);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? result.take() : RecoveredTail{};
  }
  void expect_sound(std::uint64_t blocks) {
    auto found = scan_segment(path_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found.value().blocks, blocks);
    EXPECT_EQ(found.value().torn_tail_bytes, 0u);
    EXPECT_EQ(found.value().index_state, IndexState::kOk);
  }
  void put_index(const testing::SegmentBuilder& builder, std::size_t entries) {
    std::vector<IndexEntry> part(builder.entries().begin(),
                                 builder.entries().begin() + static_cast<std::ptrdiff_t>(entries));
    ASSERT_TRUE(write_index(path_, builder.segment_id(), part));
  }

  TempDir directory_;
  std::string path_ = directory_.file(testing::kSegmentFile);
};

TEST_F(RecoveryTest, ACleanSegmentIsLeftAsItIs) {
  auto builder = sample_segment(3);
  builder.end_block(kBlockLast);
  write_file(path_, builder.file());
  put_index(builder, 4);
  const Bytes index = read_file(index_path_of(path_));
  const RecoveredTail tail = recover();
  EXPECT_TRUE(tail.clean);
  EXPECT_EQ(tail.segment_id, builder.segment_id());
  EXPECT_EQ(tail.end_offset, builder.file().size());
  EXPECT_EQ(tail.next_block, 4u);
  EXPECT_EQ(tail.next_record, 302u);
  EXPECT_EQ(tail.record_count, 302u);
  EXPECT_EQ(tail.running_max_ts_recv, 4000);
  EXPECT_EQ(tail.last_instrument, 1u);
  EXPECT_EQ(tail.day, 19'943);
  EXPECT_FALSE(tail.index_rebuilt);
  EXPECT_EQ(read_file(path_), builder.file());
  EXPECT_EQ(read_file(index_path_of(path_)), index);
}

TEST_F(RecoveryTest, EveryCutOfFileAndIndexRecoversToTheLastWholeBlock) {
  const auto builder = sample_segment(4, 60);
  for (std::size_t cut = 0; cut <= builder.file().size(); cut += 512) {
    for (const std::size_t entries : {std::size_t{0}, std::size_t{2}, std::size_t{4}}) {
      Bytes bytes(builder.file().begin(), builder.file().begin() + static_cast<std::ptrdiff_t>(cut));
      write_file(path_, bytes);
      put_index(builder, entries);
      std::uint64_t whole = 0;
      for (const IndexEntry& entry : builder.entries()) whole += entry.offset + entry.length <= cut ? 1 : 0;
      const RecoveredTail tail = recover();
      ASSERT_EQ(tail.next_block, whole) << "cut at " << cut << ", " << entries << " entries";
      ASSERT_EQ(tail.end_offset, whole == 0 ? 0 : end_of(builder.entries()[whole - 1]));
      ASSERT_EQ(tail.segment_id, whole == 0 ? 0 : builder.segment_id());
      ASSERT_EQ(read_file(path_).size(), tail.end_offset);
      ASSERT_EQ(tail.clean, whole == 0);
      ASSERT_EQ(tail.last_instrument, whole == 0 ? 0 : 1);
      expect_sound(whole);
      const RecoveredTail again = recover();
      ASSERT_EQ(again.torn_tail_bytes, 0u);
      ASSERT_FALSE(again.index_rebuilt);
    }
  }
}

TEST_F(RecoveryTest, ReadsOnlyTheEndOfALongSegment) {
  const auto builder = sample_segment(200, 1000);
  Bytes bytes = builder.file();
  bytes.resize(bytes.size() - 5000);
  write_file(path_, bytes);
  put_index(builder, 198);
  const RecoveredTail tail = recover();
  EXPECT_EQ(tail.next_block, 199u);
  EXPECT_FALSE(tail.index_rebuilt);
  EXPECT_GT(tail.torn_tail_bytes, 0u);
  EXPECT_LT(tail.bytes_read, 1'000'000u);
  expect_sound(199);
}

TEST_F(RecoveryTest, AnIndexAheadOfTheBlocksIsCutBack) {
  const auto builder = sample_segment(5);
  Bytes bytes = builder.file();
  bytes.resize(builder.offset(2));
  bytes.resize(builder.file().size());
  write_file(path_, bytes);
  put_index(builder, 5);
  const RecoveredTail tail = recover();
  EXPECT_EQ(tail.next_block, 2u);
  EXPECT_EQ(read_file(index_path_of(path_)).size(), 3 * kCellBytes);
  expect_sound(2);
}

TEST_F(RecoveryTest, WritesAMissingOrSenselessIndexAnew) {
  const auto builder = sample_segment(5);
  write_file(path_, builder.file());
  put_index(builder, 5);
  const Bytes right = read_file(index_path_of(path_));
  for (const Bytes& wrong : {Bytes{}, Bytes(1000, 0xEE), Bytes(64, 0)}) {
    write_file(index_path_of(path_), wrong);
    EXPECT_TRUE(recover().index_rebuilt);
    EXPECT_EQ(read_file(index_path_of(path_)), right);
  }
  std::filesystem::remove(index_path_of(path_));
  EXPECT_TRUE(recover().index_rebuilt);
  EXPECT_EQ(read_file(index_path_of(path_)), right);
}

TEST_F(RecoveryTest, AnIndexOfAnotherSegmentIsNotTrusted) {
  const auto builder = sample_segment(3);
  write_file(path_, builder.file());
  ASSERT_TRUE(write_index(path_, 99, builder.entries()));
  const RecoveredTail tail = recover();
  EXPECT_TRUE(tail.index_rebuilt);
  EXPECT_EQ(tail.next_block, 3u);
  expect_sound(3);
}

TEST_F(RecoveryTest, DamageInTheMiddleIsNeverCutOff) {
  const auto builder = sample_segment(6);
  Bytes bytes = builder.file();
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(2)),
            bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(4)), std::uint8_t{0xAA});
  write_file(path_, bytes);
  const RecoveredTail tail = recover();
  EXPECT_EQ(tail.next_block, 6u);
  EXPECT_EQ(tail.corrupt_blocks, 2u);
  EXPECT_EQ(tail.torn_tail_bytes, 0u);
  EXPECT_EQ(tail.next_record, 602u);
  EXPECT_EQ(tail.record_count, 402u);
  EXPECT_EQ(read_file(path_), bytes);
  // Two places are kept for the lost ones, so that the entry after them is still entry 4.
  EXPECT_EQ(read_file(index_path_of(path_)).size(), 7 * kCellBytes);
  expect_sound(4);
}

TEST_F(RecoveryTest, FindsTheLargestInstrumentNumberWhereverItStands) {
  auto builder = sample_segment(3);
  builder.instrument(7, 5000, "test", "B").add(testing::make_trade(5001, 1, 7)).end_block();
  builder.add(testing::make_trade(5002, 1)).end_block();
  write_file(path_, builder.file());
  for (const std::size_t entries : {std::size_t{5}, std::size_t{1}}) {
    put_index(builder, entries);
    const RecoveredTail tail = recover();
    EXPECT_EQ(tail.last_instrument, 7u);
    EXPECT_EQ(tail.definition_blocks_since_mark, 1u);
    EXPECT_EQ(tail.blocks_since_mark, 4u);
  }
}

/// Counts what is read, and fails one call, with EIO.
class WatchedStorage : public PosixStorage {
 public:
  explicit WatchedStorage(std::uint64_t fails_at = 0) : fails_at_(fails_at) {}
  std::uint64_t bytes_read = 0;
  std::uint64_t calls = 0;

  int create(const std::string& path) override { return fails() ? -EIO : PosixStorage::create(path); }
  int open(const std::string& path) override { return fails() ? -EIO : PosixStorage::open(path); }
  std::int64_t size(int file) override { return fails() ? -EIO : PosixStorage::size(file); }
  std::int64_t read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) override {
    const std::int64_t count = fails() ? -EIO : PosixStorage::read_now(file, bytes, length, offset);
    if (count > 0) bytes_read += static_cast<std::uint64_t>(count);
    return count;
  }
  std::int64_t next_data(int file, std::uint64_t offset) override {
    return fails() ? -EIO : PosixStorage::next_data(file, offset);
  }
  int remove(const std::string& path) override { return fails() ? -EIO : PosixStorage::remove(path); }
  int rename(const std::string& from, const std::string& to) override {
    return fails() ? -EIO : PosixStorage::rename(from, to);
  }
  int sync_directory(const std::string& path) override { return fails() ? -EIO : PosixStorage::sync_directory(path); }
  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override {
    return fails() ? -EIO : PosixStorage::write_now(file, bytes, length, offset);
  }
  int sync_now(int file) override { return fails() ? -EIO : PosixStorage::sync_now(file); }
  int truncate(int file, std::uint64_t length) override {
    return fails() ? -EIO : PosixStorage::truncate(file, length);
  }

 private:
  bool fails() { return ++calls == fails_at_; }
  std::uint64_t fails_at_;
};

TEST_F(RecoveryTest, WhicheverCallFailsSaysSoAndLeavesTheNextStartNoLess) {
  const auto builder = sample_segment(6);
  Bytes torn = builder.file();
  torn.resize(torn.size() - 2000);
  const std::string directory = std::filesystem::path(path_).parent_path();
  // Torn; damaged in the middle, with an index that ends too early; without an index.
  for (const int case_number : {0, 1, 2}) {
    std::uint64_t failed = 0;
    for (std::uint64_t call = 1;; ++call) {
      Bytes bytes = torn;
      if (case_number == 1) bytes[builder.offset(3) + 80] ^= 1;
      write_file(path_, bytes);
      put_index(builder, case_number == 1 ? 2 : 6);
      if (case_number == 2) std::filesystem::remove(index_path_of(path_));
      WatchedStorage storage(call);
      auto result = tickforge::recover_segment(storage, path_);
      if (!result) {
        failed += 1;
        EXPECT_EQ(result.error().code, "TF_IO");
        EXPECT_NE(result.error().message.find(directory), std::string::npos) << result.error().message;
      }
      const RecoveredTail tail = recover();
      ASSERT_EQ(tail.next_block, 5u) << "call " << call;
      expect_sound(case_number == 1 ? 4 : 5);
      ASSERT_EQ(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(tail.end_offset)), read_file(path_));
      if (storage.calls < call) break;
    }
    EXPECT_GT(failed, 8u);
  }
}

/// Blocks that each define an instrument; behind every tenth of them a mark.
class MarkedSegmentTest : public RecoveryTest {
 protected:
  static constexpr std::size_t kBlocks = 400;
  static constexpr std::uint64_t kMissing = 5;  // records, says every mark

  void build(bool marks) {
    builder_.segment_record(1000).end_block();
    for (std::uint32_t i = 1; i < kBlocks; ++i) {
      if (marks && i % 10 == 0) builder_.mark(1000 + i - 1, 1000 + i - 1, kMissing);
      builder_.instrument(i % 100 == 50 ? 1000 + i : i, 1000 + i).add(testing::make_trade(1000 + i, 1)).end_block();
    }
    write_file(path_, builder_.file());
    put_index(builder_, kBlocks);
  }
  RecoveredTail recover_within(std::uint64_t index_entries) {
    WatchedStorage storage;
    auto result = tickforge::recover_segment(storage, path_, {index_entries, 1 << 20});
    EXPECT_TRUE(result);
    if (!result) return {};
    EXPECT_EQ(result.value().bytes_read, storage.bytes_read);
    return result.take();
  }
  /// Bytes on the disk of an entry and of a block with a definition.
  static constexpr std::uint64_t kEntry = sizeof(IndexEntry);
  static constexpr std::uint64_t kBlock = 64 * 5;

  testing::SegmentBuilder builder_;
};

TEST_F(MarkedSegmentTest, IsReadBackToTheNewestMarkAndNoFurther) {
  build(true);
  const RecoveredTail tail = recover_within(20);
  EXPECT_EQ(tail.next_block, kBlocks);
  EXPECT_EQ(tail.last_instrument, 1389u) << "as the mark in block 390 says";
  EXPECT_EQ(tail.blocks_since_mark, 9u);
  EXPECT_EQ(tail.definition_blocks_since_mark, 9u);
  EXPECT_EQ(tail.record_count, tail.next_record - kMissing);
  EXPECT_LE(tail.bytes_read, 21 * kEntry + 11 * kBlock);
  EXPECT_FALSE(tail.index_rebuilt);
  expect_sound(kBlocks);
}

TEST_F(MarkedSegmentTest, IsReadBackToTheMarkBeforeWhenTheNewestIsDamaged) {
  build(true);
  Bytes bytes = builder_.file();
  bytes[builder_.offset(390) + 100] ^= 1;
  write_file(path_, bytes);
  const RecoveredTail tail = recover_within(4);
  EXPECT_EQ(tail.last_instrument, 1379u);
  EXPECT_EQ(tail.blocks_since_mark, 19u);
  EXPECT_EQ(tail.corrupt_blocks, 1u);
  EXPECT_EQ(tail.next_block, kBlocks);
}

TEST_F(MarkedSegmentTest, IsReadToItsBeginningWhenNobodyLeftAMark) {
  build(false);
  const RecoveredTail tail = recover_within(20);
  EXPECT_EQ(tail.last_instrument, 1350u);
  EXPECT_EQ(tail.blocks_since_mark, kBlocks - 1);
  EXPECT_EQ(tail.definition_blocks_since_mark, kBlocks - 1);
  EXPECT_EQ(tail.record_count, tail.next_record);
  EXPECT_FALSE(tail.index_rebuilt);
}

TEST_F(MarkedSegmentTest, IsLookedForFurtherBackWhenTheEndOfTheIndexIsTorn) {
  build(true);
  Bytes index = read_file(index_path_of(path_));
  std::fill(index.end() - 50 * kEntry, index.end() - 30 * kEntry, std::uint8_t{0});
  write_file(index_path_of(path_), index);
  const RecoveredTail tail = recover_within(40);
  EXPECT_EQ(tail.next_block, kBlocks);
  EXPECT_EQ(tail.last_instrument, 1389u);
  EXPECT_EQ(tail.record_count, tail.next_record - kMissing);
  EXPECT_FALSE(tail.index_rebuilt);
  expect_sound(kBlocks);
}

TEST_F(MarkedSegmentTest, IsReadWholeWhenTheEndOfItsIndexLies) {
  build(true);
  auto lying = builder_.entries();
  BlockHeader header{};
  std::memcpy(&header, builder_.file().data() + builder_.offset(395), sizeof header);
  header.record_count += 1;
  lying[395] = make_entry(&lying[394], header, builder_.offset(395));
  ASSERT_TRUE(write_index(path_, builder_.segment_id(), lying));
  const RecoveredTail tail = recover_within(20);
  EXPECT_TRUE(tail.index_rebuilt);
  EXPECT_EQ(tail.record_count, tail.next_record) << "they were all seen";
  expect_sound(kBlocks);
}

TEST_F(MarkedSegmentTest, SaysThatItWasReadBeyondTheBoundWhenItsIndexEndsTooEarly) {
  build(true);
  put_index(builder_, 100);
  EXPECT_TRUE(recover_within(20).index_rebuilt);
  expect_sound(kBlocks);
  EXPECT_FALSE(recover_within(20).index_rebuilt);
}

TEST_F(RecoveryTest, BlocksThatContradictEachOtherAreIndexedAsTheyAre) {
  testing::SegmentBuilder builder;
  builder.segment_record(1000).end_block();
  builder.add(testing::make_trade(1010, 1)).add(testing::make_trade(1020, 2));
  BlockHeader header = builder.next_header();
  header.record_count = 1;
  builder.end_block_as(header);
  builder.add(testing::make_trade(1030, 3));
  header = builder.next_header();
  header.first_record = 3;
  builder.end_block_as(header);
  write_file(path_, builder.file());
  EXPECT_TRUE(recover().index_rebuilt);
  expect_sound(3);
  EXPECT_FALSE(recover().index_rebuilt) << "the index that it wrote does not hold";
}

TEST_F(RecoveryTest, RefusesWhatIsNotOursAndLeavesItAlone) {
  const Bytes foreign(5000, 0x42);
  write_file(path_, foreign);
  EXPECT_EQ(recover_segment(path_).error().code, "TF_FOREIGN_DIRECTORY");
  EXPECT_EQ(read_file(path_), foreign);

  auto builder = sample_segment(2);
  builder.add(testing::make_trade(9000, 1));
  BlockHeader header = builder.next_header();
  header.version = kFormatVersion + 1;
  builder.end_block_as(header);
  write_file(path_, builder.file());
  for (const std::size_t entries : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
    put_index(builder, entries);
    EXPECT_EQ(recover_segment(path_).error().code, "TF_NEWER_FORMAT");
    EXPECT_EQ(read_file(path_), builder.file());
  }
}

TEST_F(RecoveryTest, ASegmentWithoutAWholeBlockIsBegunAnew) {
  Bytes bytes = sample_segment(1).file();
  bytes.resize(3000);
  write_file(path_, bytes);
  write_file(index_path_of(path_), Bytes(64, 1));
  const RecoveredTail tail = recover();
  EXPECT_EQ(tail.segment_id, 0u);
  EXPECT_EQ(tail.end_offset, 0u);
  EXPECT_GT(tail.torn_tail_bytes, 0u);
  EXPECT_TRUE(read_file(path_).empty());
  EXPECT_FALSE(std::filesystem::exists(index_path_of(path_)));
}

TEST_F(RecoveryTest, RepairReadsAllBlocksAndMendsALyingIndex) {
  const auto builder = sample_segment(4);
  Bytes bytes = builder.file();
  bytes.resize(bytes.size() + 700, 0x11);
  write_file(path_, bytes);
  auto lying = builder.entries();
  BlockHeader header{};
  std::memcpy(&header, bytes.data() + builder.offset(1), sizeof header);
  header.min_ts_recv += 5;
  lying[1] = make_entry(&lying[0], header, builder.offset(1));
  ASSERT_TRUE(write_index(path_, builder.segment_id(), lying));
  auto report = repair_segment(path_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report.value().torn_tail_bytes, 700u);
  EXPECT_TRUE(report.value().index_rebuilt);
  expect_sound(4);
  auto again = repair_segment(path_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again.value().torn_tail_bytes, 0u);
  EXPECT_FALSE(again.value().index_rebuilt);
}

}  // namespace
}  // namespace tickforge
