// What tests of the writer need: records into a ring, records out of segment files.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "journal/block_walk.h"
#include "journal/segment_scan.h"
#include "ring/spsc_ring.h"
#include "testing/segment_builder.h"

namespace tickforge::testing {

inline void publish(SpscRing& ring, const Bytes& record) {
  const auto cells = static_cast<std::uint32_t>(record.size() / kCellBytes);
  std::uint8_t* memory = ring.reserve(cells);
  ASSERT_NE(memory, nullptr);
  std::memcpy(memory, record.data(), record.size());
  ring.commit(cells);
}

template <typename Record>
Bytes bytes_of(const Record& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
  return Bytes(bytes, bytes + sizeof record);
}

template <typename Record>
void publish(SpscRing& ring, const Record& record) {
  publish(ring, bytes_of(record));
}

inline RecordHead head_of(const Bytes& record) {
  RecordHead head;
  std::memcpy(&head, record.data(), sizeof head);
  return head;
}

inline RecordType type_of(const Bytes& record) { return static_cast<RecordType>(head_of(record).type); }

template <typename Record>
Record record_as(const Bytes& record) {
  Record copy;
  std::memcpy(&copy, record.data(), sizeof copy);
  return copy;
}

/// Every record of a segment, in order. The file must hold up to a full scan, index included.
inline std::vector<Bytes> read_records(const std::string& path) {
  auto scan = scan_segment(path);
  EXPECT_TRUE(scan) << path;
  if (!scan) return {};
  EXPECT_TRUE(scan.value().problems.empty()) << scan.value().problems.front();
  EXPECT_EQ(scan.value().index_state, IndexState::kOk);
  EXPECT_EQ(scan.value().corrupt_blocks + scan.value().torn_tail_bytes + scan.value().order_errors, 0U);
  std::vector<Bytes> records;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY));
  auto walked = walk_blocks(fd.get(), path, {}, WalkDepth::kPayloads, [&](const WalkedBlock& block) {
    for (std::size_t at = 0; at < block.header.payload_length;) {
      const std::size_t length = block.payload[at] * kCellBytes;
      records.emplace_back(block.payload + at, block.payload + at + length);
      at += length;
    }
  });
  EXPECT_TRUE(walked);
  EXPECT_EQ(records.size(), scan.value().records);
  return records;
}

/// Names of the segment files in a directory, oldest first.
inline std::vector<std::string> segment_names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".tfs") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::vector<BlockHeader> read_headers(const std::string& path) {
  std::vector<BlockHeader> headers;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY));
  auto walked = walk_blocks(fd.get(), path, {}, WalkDepth::kHeaders,
                            [&](const WalkedBlock& block) { headers.push_back(block.header); });
  EXPECT_TRUE(walked);
  return headers;
}

/// Noon of 2024-08-08, UTC.
inline constexpr std::int64_t kNoon = 1'723'118'400'000'000'000;
static_assert(kNoon % kNsPerDay == kNsPerDay / 2);

}  // namespace tickforge::testing
