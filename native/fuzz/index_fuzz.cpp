// Any bytes as the index of a good segment: whatever it says, what is read and found is what the blocks say.
//
// Input: a byte of mode. 0: the rest is the index file. 1: the rest are changes of the right one, three bytes and a
// value of 8 bytes each: entry, field in words of 4 bytes, size; then every CRC is made right, so that all is believed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <source_location>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "journal/recovery.h"
#include "journal/segment_reader.h"
#include "testing/segment_builder.h"

namespace {

using namespace tickforge;
using testing::Bytes;
using testing::write_index;

constexpr std::size_t kBlocks = 200;
constexpr std::int64_t kStep = 10;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", static_cast<unsigned>(where.line()));
  std::abort();
}

/// A trade a block, received every 10 ns from 1000 on: block n is received at 1000 + 10 n.
testing::SegmentBuilder good_segment() {
  testing::SegmentBuilder builder;
  builder.segment_record(1000);
  for (std::size_t i = 0; i < kBlocks; ++i) {
    const auto ts = 1000 + kStep * static_cast<std::int64_t>(i);
    builder.add(testing::make_trade(ts, ts)).end_block();
  }
  return builder;
}

struct Good {
  testing::TempDir directory;
  std::string path = directory.file(testing::kSegmentFile);
  testing::SegmentBuilder builder = good_segment();
  Bytes index;

  Good() {
    testing::write_file(path, builder.file());
    require(static_cast<bool>(write_index(path, builder.segment_id(), builder.entries())));
    index = testing::read_file(index_path_of(path));
  }
};

Bytes changed(Bytes index, const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kChange = 11;
  for (std::size_t at = 0; at + kChange <= size; at += kChange) {
    const std::size_t entry = data[at] % (index.size() / sizeof(IndexEntry));
    const std::size_t field = data[at + 1] % 15 * 4;
    const std::size_t length = std::min<std::size_t>(data[at + 2] % 9, 60 - field);
    std::memcpy(index.data() + entry * sizeof(IndexEntry) + field, data + at + 3, length);
  }
  for (std::size_t at = 0; at < index.size(); at += sizeof(IndexEntry)) {
    const std::uint32_t crc = crc32c(index.data() + at, 60);
    std::memcpy(index.data() + at + 60, &crc, sizeof crc);
  }
  return index;
}

void check(const std::string& path, IndexUse use) {
  const auto open = [&] {
    auto reader = SegmentReader::open(path, kNoLimit, use);
    if (!reader) std::fprintf(stderr, "%s\n", reader.error().message.c_str());
    require(static_cast<bool>(reader));
    return reader.take();
  };
  // Each from a reader that has not learned anything yet.
  for (std::size_t i = 0; i <= kBlocks; i += 37) {
    const std::int64_t ts = 1000 + kStep * static_cast<std::int64_t>(i) - 5;
    SegmentReader reader = open();
    auto found = reader.first_at(ts);
    require(static_cast<bool>(found));
    require(found.value().has_value() == (i < kBlocks));
    if (!found.value()) continue;
    const auto& head = *reinterpret_cast<const RecordHead*>(found.value()->window.bytes + found.value()->offset);
    require(head.ts_recv == ts + 5);
    SegmentReader other = open();
    auto range = other.range(ts, ts + 20 * kStep);
    require(static_cast<bool>(range));
    require(range.value().first == i && range.value().second == std::min(i + 20, kBlocks));
  }
  SegmentReader reader = open();
  std::int64_t expected = 1000;
  for (std::size_t first = 0; first < reader.block_count();) {
    auto window = reader.load(first, 8 * kBlockAlign);
    require(static_cast<bool>(window) && window.value().damaged.empty());
    for (std::size_t i = 0; i < window.value().count; ++i) {
      const std::uint64_t offset = window.value().entries[i + 1].offset - window.value().entries[1].offset;
      const std::size_t record = first + i == 0 ? 2 * kCellBytes : 0;
      const auto& head =
          *reinterpret_cast<const RecordHead*>(window.value().bytes + offset + sizeof(BlockHeader) + record);
      require(head.ts_recv == expected);
      expected += kStep;
    }
    first += window.value().count;
  }
  require(expected == 1000 + kStep * static_cast<std::int64_t>(kBlocks));
  require(reader.max_ts_recv() == expected - kStep && reader.min_ts_recv().value() == 1000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Good good;
  if (size == 0) return 0;
  const Bytes index = (data[0] & 1) != 0 ? changed(good.index, data + 1, size - 1) : Bytes(data + 1, data + size);
  testing::write_file(index_path_of(good.path), index);
  check(good.path, IndexUse::kTouched);
  check(good.path, IndexUse::kWhole);
  return 0;
}
