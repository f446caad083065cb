#include "journal/segment_scan.h"

#include <gtest/gtest.h>

#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::sample_segment;
using testing::SegmentBuilder;
using testing::TempDir;
using testing::write_file;
using testing::write_index;

class SegmentScanTest : public ::testing::Test {
 protected:
  SegmentScan scan(const Bytes& bytes) {
    write_file(path_, bytes);
    auto result = scan_segment(path_);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? result.take() : SegmentScan{};
  }
  std::string code_of(const Bytes& bytes) {
    write_file(path_, bytes);
    auto result = scan_segment(path_);
    return result ? "" : result.error().code;
  }

  TempDir directory_;
  std::string path_ = directory_.file(testing::kSegmentFile);
};

TEST_F(SegmentScanTest, CountsBlocksAndRecordsOfAWholeSegment) {
  auto builder = sample_segment(3);
  builder.add(testing::make_trade(99'000, 1)).end_block(kBlockLast);
  const SegmentScan found = scan(builder.file());
  EXPECT_EQ(found.segment_id, builder.segment_id());
  EXPECT_EQ(found.blocks, 4u);
  EXPECT_EQ(found.records, 303u);
  EXPECT_EQ(found.corrupt_blocks, 0u);
  EXPECT_EQ(found.torn_tail_bytes, 0u);
  EXPECT_EQ(found.order_errors, 0u);
  EXPECT_TRUE(found.closed);
  EXPECT_EQ(found.min_ts_recv, 1000);
  EXPECT_EQ(found.max_ts_recv, 99'000);
  EXPECT_TRUE(found.problems.empty());
}

TEST_F(SegmentScanTest, AnEmptyFileIsAValidSegmentWithoutBlocks) {
  const SegmentScan found = scan({});
  EXPECT_EQ(found.blocks, 0u);
  EXPECT_EQ(found.index_state, IndexState::kOk);
  EXPECT_EQ(found.min_ts_recv, kNoneI64);
}

TEST_F(SegmentScanTest, EveryCutEndsTheLogAtTheLastWholeBlock) {
  const auto builder = sample_segment(3);
  for (std::size_t cut = 0; cut <= builder.file().size(); cut += 512) {
    Bytes bytes(builder.file().begin(), builder.file().begin() + static_cast<std::ptrdiff_t>(cut));
    std::uint64_t whole = 0;
    std::uint64_t end = 0;
    for (const IndexEntry& entry : builder.entries()) {
      if (entry.offset + entry.length > cut) break;
      whole += 1;
      end = end_of(entry);
    }
    std::uint64_t torn = 0;
    for (std::size_t i = cut; i > end && torn == 0; --i) torn = bytes[i - 1] != 0 ? i - end : 0;
    const SegmentScan found = scan(bytes);
    EXPECT_EQ(found.blocks, whole) << "cut at " << cut;
    EXPECT_EQ(found.torn_tail_bytes, torn) << "cut at " << cut;
    EXPECT_EQ(found.corrupt_blocks, 0u) << "cut at " << cut;
  }
}

TEST_F(SegmentScanTest, ZerosBehindTheLastBlockAreNoTornTail) {
  auto bytes = sample_segment(2).file();
  bytes.resize(bytes.size() + 100'000);
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 2u);
  EXPECT_EQ(found.torn_tail_bytes, 0u);
}

TEST_F(SegmentScanTest, ZerosBetweenBlocksAreDamageAndNotTheEnd) {
  const auto builder = sample_segment(5);
  Bytes bytes = builder.file();
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(1)),
            bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(3)), std::uint8_t{0});
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 3u);
  EXPECT_EQ(found.records, 302u);
  EXPECT_EQ(found.corrupt_blocks, 2u);
  EXPECT_EQ(found.torn_tail_bytes, 0u);
  EXPECT_EQ(found.order_errors, 0u);
}

TEST_F(SegmentScanTest, EveryFlippedBitIsFound) {
  const auto builder = sample_segment(3, 4);
  const std::size_t begin = builder.offset(1);
  const std::size_t end = begin + builder.entries()[1].length;
  for (std::size_t at = begin; at < end; ++at) {
    Bytes bytes = builder.file();
    bytes[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    const SegmentScan found = scan(bytes);
    ASSERT_EQ(found.corrupt_blocks, 1u) << "byte " << at - begin << " of the block";
    ASSERT_EQ(found.blocks, 2u);
  }
}

TEST_F(SegmentScanTest, ABlockThatWasCutOutOfTheFileIsMissed) {
  const auto builder = sample_segment(4);
  Bytes bytes = builder.file();
  bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(1)),
              bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(2)));
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 3u);
  EXPECT_EQ(found.corrupt_blocks, 1u);
}

TEST_F(SegmentScanTest, ForeignBytesBetweenTwoBlocksAreReportedAndBothBlocksKept) {
  const auto builder = sample_segment(3);
  Bytes bytes = builder.file();
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(builder.offset(1)), kBlockAlign, 0x55);
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 3u);
  EXPECT_EQ(found.corrupt_blocks, 0u);
  EXPECT_EQ(found.order_errors, 1u);
  EXPECT_FALSE(found.problems.empty());
}

TEST_F(SegmentScanTest, ADamagedFirstBlockLeavesTheRestReadable) {
  const auto builder = sample_segment(3);
  Bytes bytes = builder.file();
  std::fill(bytes.begin(), bytes.begin() + 100, std::uint8_t{0x77});
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.segment_id, builder.segment_id());
  EXPECT_EQ(found.blocks, 2u);
  EXPECT_EQ(found.corrupt_blocks, 1u);
}

TEST_F(SegmentScanTest, BlocksOfAnotherSegmentAreNotTakenIn) {
  const auto ours = sample_segment(2);
  SegmentBuilder other(77);
  other.segment_record(1).end_block().segment_record(1).end_block().segment_record(1).end_block();
  Bytes bytes = ours.file();
  bytes.insert(bytes.end(), other.file().begin(), other.file().end());
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 2u);
  EXPECT_EQ(found.corrupt_blocks, 0u);
  EXPECT_GT(found.torn_tail_bytes, 0u);
}

TEST_F(SegmentScanTest, AJumpOfTheNumberBeyondAllReasonIsNoBlock) {
  auto builder = sample_segment(2);
  builder.add(testing::make_trade(99'000, 1));
  BlockHeader header = builder.next_header();
  header.block_number = std::uint64_t{1} << 40;
  builder.end_block_as(header);
  EXPECT_EQ(scan(builder.file()).blocks, 2u);
}

TEST_F(SegmentScanTest, ANewerVersionIsRefusedWhereverItBegins) {
  for (const std::size_t blocks : {std::size_t{0}, std::size_t{2}}) {
    auto builder = sample_segment(blocks);
    builder.segment_record(99'000);
    BlockHeader header = builder.next_header();
    header.version = kFormatVersion + 1;
    builder.end_block_as(header);
    write_file(path_, builder.file());
    auto result = scan_segment(path_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "TF_NEWER_FORMAT");
    EXPECT_NE(result.error().message.find(path_), std::string::npos);
    EXPECT_NE(result.error().message.find("version 2"), std::string::npos);
  }
}

TEST_F(SegmentScanTest, AFileThatIsNoSegmentIsRefused) {
  const std::string_view text = "time,price\n1,2\n";
  EXPECT_EQ(code_of(Bytes(text.begin(), text.end())), "TF_FOREIGN_DIRECTORY");
  EXPECT_EQ(code_of(Bytes(50'000, 0x42)), "TF_FOREIGN_DIRECTORY");
  EXPECT_EQ(scan_segment(directory_.file("none.tfs")).error().code, "TF_NO_DIRECTORY");
}

TEST_F(SegmentScanTest, AFirstBlockThatIsTornIsATailAndNotAForeignFile) {
  Bytes bytes = sample_segment(1).file();
  bytes.resize(1000);
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.blocks, 0u);
  EXPECT_GT(found.torn_tail_bytes, 0u);
  // A sector can reach the disk before the one in front of it.
  std::fill(bytes.begin(), bytes.begin() + 512, std::uint8_t{0});
  EXPECT_GT(scan(bytes).torn_tail_bytes, 0u);
}

// A CRC proves that bytes are as they were written, not that they were right.
TEST_F(SegmentScanTest, ContradictionsUnderAGoodCrcAreOrderErrors) {
  const auto broken = [](auto change) {
    auto builder = sample_segment(1);
    builder.add(testing::make_trade(5000, 1)).add(testing::make_trade(6000, 2));
    BlockHeader header = builder.next_header();
    change(header);
    builder.end_block_as(header);
    return builder.file();
  };
  EXPECT_EQ(scan(broken([](BlockHeader&) {})).order_errors, 0u);
  EXPECT_EQ(scan(broken([](BlockHeader& h) { h.first_record += 1; })).order_errors, 1u);
  EXPECT_EQ(scan(broken([](BlockHeader& h) { h.record_count += 1; })).order_errors, 1u);
  EXPECT_EQ(scan(broken([](BlockHeader& h) { h.min_ts_recv -= 1; })).order_errors, 1u);
  EXPECT_EQ(scan(broken([](BlockHeader& h) { h.max_ts_recv += 1; })).order_errors, 1u);
  EXPECT_EQ(scan(broken([](BlockHeader& h) { h.flags |= kBlockHasDefinitions; })).order_errors, 1u);
}

TEST_F(SegmentScanTest, ARecordThatLeavesItsBlockIsAnOrderError) {
  auto builder = sample_segment(1);
  Trade trade = testing::make_trade(5000, 1);
  trade.head.cells = 3;
  builder.add(trade);
  BlockHeader header = builder.next_header();
  builder.end_block_as(header);
  EXPECT_GT(scan(builder.file()).order_errors, 0u);

  auto zero = sample_segment(1);
  trade.head.cells = 0;
  zero.add(trade);
  zero.end_block_as(zero.next_header());
  EXPECT_GT(scan(zero.file()).order_errors, 0u);
}

TEST_F(SegmentScanTest, ABlockWithoutRecordsMayCloseASegment) {
  auto builder = sample_segment(2);
  builder.end_block(kBlockLast);
  const SegmentScan found = scan(builder.file());
  EXPECT_TRUE(found.closed);
  EXPECT_EQ(found.blocks, 3u);
  EXPECT_EQ(found.order_errors, 0u);
}

TEST_F(SegmentScanTest, JudgesTheIndexFile) {
  const auto builder = sample_segment(4);
  EXPECT_EQ(scan(builder.file()).index_state, IndexState::kMissing);
  auto entries = builder.entries();
  ASSERT_TRUE(write_index(path_, builder.segment_id(), entries));
  EXPECT_EQ(scan(builder.file()).index_state, IndexState::kOk);

  ASSERT_TRUE(write_index(path_, builder.segment_id() + 1, entries));
  EXPECT_EQ(scan(builder.file()).index_state, IndexState::kWrong);

  entries.pop_back();
  ASSERT_TRUE(write_index(path_, builder.segment_id(), entries));
  EXPECT_EQ(scan(builder.file()).index_state, IndexState::kWrong);

  // A lie with a CRC that holds.
  BlockHeader header{};
  std::memcpy(&header, builder.file().data() + builder.offset(3), sizeof header);
  header.max_ts_recv += 1;
  entries.push_back(make_entry(&entries.back(), header, builder.offset(3)));
  ASSERT_TRUE(write_index(path_, builder.segment_id(), entries));
  EXPECT_EQ(scan(builder.file()).index_state, IndexState::kWrong);
}

TEST_F(SegmentScanTest, AnIndexThatStillDescribesADamagedBlockIsRight) {
  const auto builder = sample_segment(4);
  ASSERT_TRUE(write_index(path_, builder.segment_id(), builder.entries()));
  Bytes bytes = builder.file();
  bytes[builder.offset(1) + 200] ^= 1;
  const SegmentScan found = scan(bytes);
  EXPECT_EQ(found.corrupt_blocks, 1u);
  EXPECT_EQ(found.index_state, IndexState::kOk);
  // So is the one that is derived from what is left.
  ASSERT_TRUE(write_index(path_, builder.segment_id(), found.entries));
  EXPECT_EQ(scan(bytes).index_state, IndexState::kOk);
}

}  // namespace
}  // namespace tickforge
