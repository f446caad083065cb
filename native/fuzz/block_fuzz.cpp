// A file of any bytes as a segment: nothing crashes, and the scan, the reader and recovery take the same blocks for
// whole.
//
// The first byte says whether CRCs are made right (1), so that what a block says is believed, and the second one where
// a next part would limit this one; the rest is the file.
#include <fcntl.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <source_location>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/unique_fd.h"
#include "journal/block_walk.h"
#include "journal/recovery.h"
#include "journal/segment_parts.h"
#include "journal/segment_reader.h"
#include "journal/segment_scan.h"
#include "testing/segment_builder.h"

namespace {

using namespace tickforge;
using testing::Bytes;
using testing::recover_segment;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", static_cast<unsigned>(where.line()));
  std::abort();
}

void mend_crcs(Bytes& file) {
  for (std::size_t at = 0; at + sizeof(BlockHeader) <= file.size(); at += kBlockAlign) {
    BlockHeader header;
    std::memcpy(&header, file.data() + at, sizeof header);
    if (header.magic != kBlockMagic) continue;
    const std::size_t room = file.size() - at - sizeof header;
    if (header.payload_length <= room) {
      header.payload_crc = crc32c(file.data() + at + sizeof header, header.payload_length);
    }
    header.header_crc = crc32c(&header, offsetof(BlockHeader, header_crc));
    std::memcpy(file.data() + at, &header, sizeof header);
  }
}

/// The payloads of the blocks that a reader may hand out, as the walk finds them.
std::vector<Bytes> walked_payloads(const std::string& path, std::uint64_t limit) {
  std::vector<Bytes> payloads;
  bool cut = false;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY));
  auto walked = walk_blocks(fd.get(), path, {}, WalkDepth::kPayloads, [&](const WalkedBlock& block) {
    cut |= block.header.first_record >= limit;
    if (cut || !payload_holds(block.payload, block.header.payload_length)) return;
    payloads.emplace_back(block.payload, block.payload + block.header.payload_length);
  });
  require(static_cast<bool>(walked));
  return payloads;
}

std::vector<Bytes> read_payloads(SegmentReader& reader, std::size_t max_bytes) {
  std::vector<Bytes> payloads;
  for (std::size_t first = 0; first < reader.block_count();) {
    auto loaded = reader.load(first, max_bytes);
    require(static_cast<bool>(loaded));
    const BlockWindow& window = loaded.value();
    std::size_t damaged = 0;
    for (std::size_t i = 0; i < window.count; ++i) {
      if (damaged < window.damaged.size() && window.damaged[damaged] == i) {
        damaged += 1;
        continue;
      }
      const IndexEntry& entry = window.entries[i + 1];
      const std::uint8_t* block = window.bytes + (entry.offset - window.entries[1].offset);
      payloads.emplace_back(block + sizeof(BlockHeader), block + entry.length);
    }
    first += window.count;
  }
  return payloads;
}

void check_readers(const std::string& path, std::uint64_t limit) {
  auto scan = scan_segment(path, limit);
  for (const IndexUse use : {IndexUse::kWhole, IndexUse::kTouched}) {
    auto reader = SegmentReader::open(path, limit, use);
    require(static_cast<bool>(reader) == static_cast<bool>(scan));
    if (!scan) {
      require(reader.error().code == scan.error().code);
      continue;
    }
    const std::vector<Bytes> expected = walked_payloads(path, limit);
    require(read_payloads(reader.value(), 1) == expected);
    require(read_payloads(reader.value(), 1 << 16) == expected);
    require(static_cast<bool>(reader.value().first_at(0)));
    require(static_cast<bool>(reader.value().range(0, 1 << 20)));
    require(static_cast<bool>(reader.value().min_ts_recv()));
  }
}

/// A number far beyond the last one makes a million places of lost blocks: right, but too slow here.
bool is_far_fetched(const std::string& path) {
  auto scan = scan_segment(path);
  return scan && scan.value().entries.size() > 4096;
}

/// What recovery leaves is what was whole before.
void check_recovery(const std::string& path) {
  auto before = scan_segment(path);
  const std::vector<Bytes> payloads = before ? walked_payloads(path, kNoLimit) : std::vector<Bytes>();
  auto tail = recover_segment(path);
  require(static_cast<bool>(tail) == static_cast<bool>(before));
  if (!before) return;
  auto after = scan_segment(path);
  require(static_cast<bool>(after));
  require(after.value().blocks == before.value().blocks && after.value().records == before.value().records);
  require(after.value().torn_tail_bytes == 0 && after.value().index_state == IndexState::kOk);
  require(walked_payloads(path, kNoLimit) == payloads);
  require(tail.value().next_block == after.value().entries.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const testing::TempDir directory;
  static const std::string path = directory.file(testing::kSegmentFile);
  if (size < 2) return 0;
  Bytes file(data + 2, data + size);
  if ((data[0] & 1) != 0) mend_crcs(file);
  testing::write_file(path, file);
  std::filesystem::remove(index_path_of(path));
  if (is_far_fetched(path)) return 0;
  (void)limit_of_part_before(path);
  check_readers(path, kNoLimit);
  check_readers(path, data[1]);
  check_recovery(path);
  check_readers(path, kNoLimit);
  check_readers(path, data[1]);
  return 0;
}
