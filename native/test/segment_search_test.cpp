// Time lookups with an index of which only what is touched is read.
#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.h"
#include "journal/log_reader.h"
#include "journal/segment_reader.h"
#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::make_trade;
using testing::SegmentBuilder;
using testing::TempDir;
using testing::write_file;
using testing::write_index;

/// A block a time, or several records where times are given together.
SegmentBuilder segment_of(const std::vector<std::vector<std::int64_t>>& blocks) {
  SegmentBuilder builder;
  builder.segment_record(blocks.front().front());
  for (const auto& times : blocks) {
    for (const std::int64_t ts : times) builder.add(make_trade(ts, ts));
    builder.end_block();
  }
  return builder;
}

void seal(IndexEntry& entry) { entry.entry_crc = crc32c(&entry, 60); }

class SegmentSearchTest : public ::testing::Test {
 protected:
  SegmentReader open(IndexUse use) {
    auto reader = SegmentReader::open(path_, kNoLimit, use);
    if (!reader) throw std::runtime_error(reader.error().message);
    return reader.take();
  }
  void save(const SegmentBuilder& builder) {
    write_file(path_, builder.file());
    save_index(builder, builder.entries());
  }
  void save_index(const SegmentBuilder& builder, const std::vector<IndexEntry>& entries) {
    ASSERT_TRUE(write_index(path_, builder.segment_id(), entries));
  }
  /// ts_recv of the first record at or after `ts`, in the order of the log; none without one.
  static std::int64_t expected(const std::vector<std::vector<std::int64_t>>& blocks, std::int64_t ts) {
    for (const auto& times : blocks)
      for (const std::int64_t one : times)
        if (one >= ts) return one;
    return kNoneI64;
  }
  static std::int64_t found(SegmentReader& reader, std::int64_t ts) {
    auto place = reader.first_at(ts);
    if (!place) throw std::runtime_error(place.error().message);
    if (!place.value()) return kNoneI64;
    return reinterpret_cast<const RecordHead*>(place.value()->window.bytes + place.value()->offset)->ts_recv;
  }
  void check(const std::vector<std::vector<std::int64_t>>& blocks, SegmentReader& reader, std::int64_t ts) {
    ASSERT_EQ(found(reader, ts), expected(blocks, ts)) << "at " << ts;
  }

  TempDir directory_;
  std::string path_ = directory_.file(testing::kSegmentFile);
};

TEST_F(SegmentSearchTest, FindsTheFirstRecordWhateverTheTimesAreLike) {
  std::mt19937_64 random(3);
  const auto below = [&random](std::int64_t end) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end));
  };
  for (int kind = 0; kind < 5; ++kind) {
    std::vector<std::vector<std::int64_t>> blocks;
    std::int64_t ts = 1000;
    for (int block = 0; block < 700; ++block) {
      std::vector<std::int64_t> times;
      for (int i = 0; i < 3; ++i) {
        if (kind == 0) ts += 10;                                         // evenly
        if (kind == 1) ts += below(100) == 0 ? 1'000'000'000'000 : 1;    // bursts
        if (kind == 2) ts += ts / 100;                                   // ever faster
        if (kind == 3) ts += below(200) == 0 ? -900 : 7;                 // the clock is set back
        if (kind == 4) ts += block == 350 ? 1'000'000 : 0;               // all at once, twice
        times.push_back(ts);
      }
      blocks.push_back(times);
    }
    save(segment_of(blocks));
    SegmentReader touched = open(IndexUse::kTouched);
    SegmentReader whole = open(IndexUse::kWhole);
    std::vector<std::int64_t> asked = {kNoneI64, 0, 999, std::numeric_limits<std::int64_t>::max()};
    for (int i = 0; i < 300; ++i) {
      const auto& times = blocks[static_cast<std::size_t>(below(700))];
      asked.push_back(times[static_cast<std::size_t>(below(3))] + below(3) - 1);
    }
    for (const std::int64_t one : asked) {
      ASSERT_NO_FATAL_FAILURE(check(blocks, touched, one)) << "kind " << kind;
      const auto to = one > 0 && one < 1'000'000'000'000'000 ? one + 5000 : one;
      ASSERT_EQ(touched.range(one, to).value(), whole.range(one, to).value()) << "kind " << kind << " at " << one;
    }
    EXPECT_EQ(touched.min_ts_recv().value(), whole.min_ts_recv().value());
    EXPECT_EQ(touched.max_ts_recv(), whole.max_ts_recv());
    EXPECT_EQ(touched.block_count(), whole.block_count());
  }
}

/// Times that never go back: then no index, however it lies, may change what is found.
TEST_F(SegmentSearchTest, AnIndexThatLiesUnderGoodCrcsChangesNothing) {
  std::mt19937_64 random(4);
  std::vector<std::vector<std::int64_t>> blocks;
  for (std::int64_t i = 0; i < 300; ++i) blocks.push_back({1000 + 20 * i, 1010 + 20 * i});
  const SegmentBuilder builder = segment_of(blocks);
  write_file(path_, builder.file());
  std::uint64_t noticed = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<IndexEntry> entries = builder.entries();
    for (std::uint64_t lies = 1 + random() % 3; lies > 0; --lies) {
      IndexEntry& entry = entries[random() % entries.size()];
      const auto some = static_cast<std::int64_t>(random() % 8000);
      switch (random() % 8) {
        case 0:
          entry.running_max_ts_recv = some;
          break;
        case 1:
          entry.max_ts_recv = entry.running_max_ts_recv = some;
          break;
        case 2:
          entry.min_ts_recv = some;
          break;
        case 3:
          entry.offset = static_cast<std::uint64_t>(some) * kBlockAlign;
          break;
        case 4:
          entry = entries[random() % entries.size()];
          break;
        case 5:
          entry.block_number = static_cast<std::uint32_t>(some);
          break;
        case 6:
          entry.length = 0;
          break;
        default:
          entry.back_steps = static_cast<std::uint32_t>(some);
      }
      seal(entry);
    }
    // All that follows from one lie: what a writer with a wrong idea would have written.
    if (round % 3 == 0) {
      std::int64_t running = kNoneI64;
      for (IndexEntry& entry : entries) {
        running = std::max(running, entry.max_ts_recv);
        entry.running_max_ts_recv = running;
        entry.back_steps = 0;
        seal(entry);
      }
    }
    save_index(builder, entries);
    SegmentReader reader = open(IndexUse::kTouched);
    for (int i = 0; i < 20; ++i) {
      ASSERT_NO_FATAL_FAILURE(check(blocks, reader, static_cast<std::int64_t>(random() % 8000))) << "round " << round;
    }
    noticed += reader.index_generation() > 0 ? 1 : 0;
  }
  EXPECT_GT(noticed, 100U);
}

TEST_F(SegmentSearchTest, AnIndexThatIsCutAndWrittenAnewMeanwhileNeitherCrashesNorMisleads) {
  std::vector<std::vector<std::int64_t>> blocks;
  for (std::int64_t i = 0; i < 2000; ++i) blocks.push_back({1000 + i});
  const SegmentBuilder builder = segment_of(blocks);
  save(builder);
  SegmentReader reader = open(IndexUse::kTouched);
  std::filesystem::resize_file(index_path_of(path_), 0);
  check(blocks, reader, 2500);
  EXPECT_GT(reader.index_generation(), 0U);
  save_index(builder, {builder.entries().begin(), builder.entries().begin() + 10});
  check(blocks, reader, 1700);
  SegmentReader again = open(IndexUse::kTouched);
  EXPECT_EQ(again.block_count(), 2000U);
  PosixStorage storage;
  ASSERT_TRUE(rewrite_index_tail(storage, path_, builder.entries(), 0, 0));
  check(blocks, again, 2999);
  check(blocks, again, 1001);
}

TEST_F(SegmentSearchTest, AnIndexThatNamesAnOffsetBeyondAnyFileIsWrong) {
  const SegmentBuilder builder = segment_of({{1000}, {1010}, {1020}});
  write_file(path_, builder.file());
  std::vector<IndexEntry> entries = builder.entries();
  entries.back().offset = std::uint64_t{0xFFFF'FFFF'FFFF'F000};
  seal(entries.back());
  save_index(builder, entries);
  for (const IndexUse use : {IndexUse::kTouched, IndexUse::kWhole}) {
    SegmentReader reader = open(use);
    EXPECT_EQ(found(reader, 1015), 1020);
  }
}

TEST_F(SegmentSearchTest, ASegmentWhoseBlock0IsDamagedIsThatOfItsFirstWholeBlock) {
  SegmentBuilder lost(1);
  lost.segment_record(1000).add(make_trade(1000, 1)).end_block();
  SegmentBuilder other(2);
  other.add(make_trade(1, 1)).end_block();
  other.add(make_trade(1010, 2)).end_block();
  Bytes bytes = lost.file();
  bytes[100] ^= 1;
  bytes.insert(bytes.end(), other.file().begin() + kBlockAlign, other.file().end());
  write_file(path_, bytes);
  save_index(lost, lost.entries());
  for (const IndexUse use : {IndexUse::kTouched, IndexUse::kWhole}) {
    SegmentReader reader = open(use);
    EXPECT_EQ(reader.info().segment_id, 2U);
    EXPECT_EQ(found(reader, 1005), 1010);
  }
}

TEST_F(SegmentSearchTest, WhatIsAppendedLaterIsForTheNextReader) {
  SegmentBuilder builder = segment_of({{1000}, {1010}});
  save(builder);
  SegmentReader before = open(IndexUse::kTouched);
  builder.add(make_trade(1020, 1)).end_block();
  save(builder);
  EXPECT_EQ(found(before, 1015), kNoneI64);
  ASSERT_TRUE(before.take_whole_index());
  EXPECT_EQ(before.block_count(), 2U);
  SegmentReader after = open(IndexUse::kTouched);
  EXPECT_EQ(found(after, 1015), 1020);
}

TEST_F(SegmentSearchTest, ARecordBehindADamagedBlockIsFound) {
  const SegmentBuilder builder = segment_of({{1000}, {1010}, {1020}, {1030}});
  for (const std::size_t at : {std::size_t{10}, std::size_t{70}}) {
    Bytes bytes = builder.file();
    bytes[builder.offset(1) + at] ^= 1;
    write_file(path_, bytes);
    save_index(builder, builder.entries());
    for (const IndexUse use : {IndexUse::kTouched, IndexUse::kWhole}) {
      SegmentReader reader = open(use);
      EXPECT_EQ(found(reader, 1005), 1020);
      EXPECT_EQ(found(reader, 1015), 1020);
      EXPECT_EQ(found(reader, 1025), 1030);
    }
  }
}

TEST_F(SegmentSearchTest, ALogOfSeveralDaysAndJournalsIsSearchedAsAReplayWouldBegin) {
  const auto put = [&](const char* name, std::vector<std::vector<std::int64_t>> blocks) {
    const SegmentBuilder builder = segment_of(blocks);
    write_file(directory_.file(name), builder.file());
    ASSERT_TRUE(write_index(directory_.file(name), builder.segment_id(), builder.entries()));
  };
  put("2024-08-08.a.000.tfs", {{1000, 1010}, {1050}});
  put("2024-08-08.b.000.tfs", {{1005}, {1030}});
  put("2024-08-09.a.000.tfs", {{2000}, {2010}});
  put("2024-08-10.a.000.tfs", {{1990, 3000}});
  auto log = LogReader::open(directory_.file(""));
  ASSERT_TRUE(log);
  const std::vector<std::pair<std::int64_t, std::int64_t>> cases = {
      {0, 1000},    {1001, 1005}, {1006, 1010}, {1011, 1030}, {1031, 1050},
      {1051, 1990}, {1991, 2000}, {2001, 2010}, {2011, 3000}};
  for (const auto& [ts, first] : cases) {
    auto record = log.value().first_at(ts);
    ASSERT_TRUE(record);
    ASSERT_TRUE(record.value());
    EXPECT_EQ(record.value()->head().ts_recv, first) << "at " << ts;
  }
  EXPECT_FALSE(log.value().first_at(3001).value());
}

}  // namespace
}  // namespace tickforge
