#include "journal/recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "base/unique_fd.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/segment_index.h"
#include "journal/segment_name.h"

namespace tickforge {
namespace {

bool is(const RecordHead& head, RecordType type) { return head.type == static_cast<std::uint8_t>(type); }

/// Takes what a writer needs to know out of a block with definitions.
void take_definitions(const std::uint8_t* payload, std::size_t length, RecoveredTail& tail) {
  for_each_record(payload, length, [&tail](const RecordHead& head) {
    const auto* cells = reinterpret_cast<const std::uint8_t*>(&head);
    if (is(head, RecordType::kInstrument)) tail.last_instrument = std::max(tail.last_instrument, head.instrument);
    if (!is(head, RecordType::kInstrument) && !is(head, RecordType::kConnection)) return;
    tail.definitions.insert(tail.definitions.end(), cells, cells + head.cells * kCellBytes);
  });
}

struct Recovery {
  int fd;
  const std::string& path;
  RecoveredTail tail;
  std::vector<IndexEntry> entries;

  /// Walks from the end of `entries`, adding to them. Blocks before are known already.
  Result<void> walk(std::optional<std::uint64_t> segment_id) {
    const WalkStart start{segment_id, entries.empty() ? 0 : end_of(entries.back()), entries.size()};
    auto walked = walk_blocks(fd, path, start, WalkDepth::kPayloads, [this](const WalkedBlock& block) {
      append_entry(entries, block);
      if ((block.header.flags & kBlockHasDefinitions) == 0) return;
      take_definitions(block.payload, block.header.payload_length, tail);
    });
    if (!walked) return walked.error();
    const WalkEnd& end = walked.value();
    tail.segment_id = end.segment_id.value_or(0);
    tail.end_offset = end.end_offset;
    tail.next_block = end.next_block;
    tail.torn_tail_bytes = end.torn_tail_bytes;
    tail.corrupt_blocks += end.missing_blocks;
    tail.bytes_read += end.bytes_read;
    return {};
  }

  /// Takes over the part of the index that the blocks confirm: its last entry and all entries with definitions. The
  /// rest is trusted on its own CRCs. False when there is none, or an entry contradicts its block.
  Result<bool> trust(const IndexFile& index) {
    entries = index.entries;
    std::vector<std::uint8_t> block;
    // Where blocks behind the end never reached the disk, a whole one is looked for in steps that grow: what it leaves out
    // is walked afterwards, and is no more than twice what was lost.
    for (std::size_t step = 1; !entries.empty(); step *= 2) {
      auto state = read(index.segment_id, entries.back(), block);
      if (!state) return state.error();
      if (state.value() == BlockState::kWhole) break;
      entries.resize(entries.size() - std::min(step, entries.size()));
    }
    if (entries.empty()) return false;
    for (const IndexEntry& entry : entries) {
      if ((entry.flags & kBlockHasDefinitions) == 0) continue;
      auto state = read(index.segment_id, entry, block);
      if (!state) return state.error();
      if (state.value() == BlockState::kDiffers) return false;
      if (state.value() == BlockState::kDamaged) {
        tail.corrupt_blocks += 1;
        continue;
      }
      take_definitions(block.data() + sizeof(BlockHeader), block.size() - sizeof(BlockHeader), tail);
    }
    return true;
  }

  Result<BlockState> read(std::uint64_t segment_id, const IndexEntry& entry, std::vector<std::uint8_t>& block) {
    auto state = read_block(fd, path, segment_id, entry, block);
    tail.bytes_read += block.size();
    return state;
  }

  void begin_anew() {
    const std::uint64_t bytes_read = tail.bytes_read;
    tail = {};
    tail.bytes_read = bytes_read;
    entries.clear();
  }

  /// Cuts the file after its last whole block.
  Result<void> cut() {
    auto bytes = size_of_file(fd, path);
    if (!bytes) return bytes.error();
    if (bytes.value() == tail.end_offset) return {};
    if (::ftruncate(fd, static_cast<off_t>(tail.end_offset)) != 0) return system_error("TF_IO", "cutting", path, errno);
    if (::fsync(fd) != 0) return system_error("TF_IO", "syncing", path, errno);
    return {};
  }

  /// Brings the index file in line with `entries`, whose first `trusted` ones were taken from it.
  Result<void> mend_index(const IndexFile& index, std::uint64_t trusted) {
    if (entries.empty()) {
      const std::string index_path = index_path_of(path);
      if (index.exists && ::unlink(index_path.c_str()) != 0)
        return system_error("TF_IO", "removing", index_path, errno);
      return {};
    }
    if (compare_index(index, tail.segment_id, entries) == IndexState::kOk) return sync_index(path);
    if (trusted > 0) return rewrite_index_tail(path, entries, trusted);
    tail.index_rebuilt = true;
    return write_index(path, tail.segment_id, entries);
  }

  void conclude() {
    const std::size_t slash = path.rfind('/');
    if (const auto name = parse_segment_name(std::string_view(path).substr(slash + 1))) {
      tail.day = name->day;
      tail.part = name->part;
    }
    tail.record_count =
        std::accumulate(entries.begin(), entries.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const IndexEntry& entry) { return sum + entry.record_count; });
    if (entries.empty()) return;
    const IndexEntry& last = entries.back();
    tail.next_record = last.first_record + last.record_count;
    tail.running_max_ts_recv = last.running_max_ts_recv;
    tail.back_steps = last.back_steps;
    tail.clean = (last.flags & kBlockLast) != 0;
  }
};

enum class Trust { kIndex, kBlocksOnly };

Result<RecoveredTail> recover(const std::string& path, Trust trust) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return system_error(errno == ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, errno);
  if (::fsync(fd.get()) != 0) return system_error("TF_IO", "syncing", path, errno);
  auto read = read_index(path);
  if (!read) return read.error();
  IndexFile& index = read.value();

  Recovery recovery{fd.get(), path, {}, {}};
  recovery.tail.bytes_read = index.file_bytes;
  std::uint64_t trusted = 0;
  if (trust == Trust::kIndex) {
    auto confirmed = recovery.trust(index);
    if (!confirmed) return confirmed.error();
    if (confirmed.value()) trusted = recovery.entries.size();
    if (trusted == 0) recovery.begin_anew();
  }
  auto walked = recovery.walk(trusted > 0 ? std::optional(index.segment_id) : std::nullopt);
  if (!walked) return walked.error();
  auto cut = recovery.cut();
  if (!cut) return cut.error();
  recovery.conclude();
  auto mended = recovery.mend_index(index, trusted);
  if (!mended) return mended.error();
  return std::move(recovery.tail);
}

}  // namespace

Result<RecoveredTail> recover_segment(const std::string& segment_path) { return recover(segment_path, Trust::kIndex); }

Result<RepairReport> repair_segment(const std::string& segment_path) {
  auto tail = recover(segment_path, Trust::kBlocksOnly);
  if (!tail) return tail.error();
  return RepairReport{tail.value().torn_tail_bytes, tail.value().index_rebuilt};
}

}  // namespace tickforge
