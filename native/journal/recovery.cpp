#include "journal/recovery.h"

#include <algorithm>
#include <optional>

#include "format/record_check.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/posix_storage.h"
#include "journal/segment_index.h"
#include "journal/segment_name.h"
#include "journal/storage_files.h"

namespace tickforge {
namespace {

/// The end of the index is read again, so many times longer, when it does not say enough.
constexpr std::uint64_t kReachGrowth = 4;
constexpr std::uint16_t kTakenFlags = kBlockHasDefinitions | kBlockHasMark;

bool is(const RecordHead& head, RecordType type) { return head.type == static_cast<std::uint8_t>(type); }

struct Recovery {
  Storage& storage;
  int file;
  const std::string& path;
  RecoveredTail tail;
  /// Of the blocks from number `first` on.
  std::vector<IndexEntry> entries;
  std::uint64_t first = 0;
  /// The newest one, and which of `entries` is that of its block.
  std::optional<Mark> mark;
  std::size_t mark_at = 0;

  /// What a writer has to know of a block with definitions or a mark. True: it has a mark, so those in front of it are no
  /// longer asked.
  bool take(const std::uint8_t* payload, std::size_t length, std::size_t entry) {
    bool marked = false;
    for_each_record(payload, length, [&](const RecordHead& head) {
      if (is(head, RecordType::kInstrument) && record_holds(head)) {
        tail.last_instrument = std::max(tail.last_instrument, head.instrument);
      }
      if (!is(head, RecordType::kMark) || (head.flags & kFlagCopy) == 0) return;
      if (reinterpret_cast<const Mark&>(head).last_instrument > kInstrumentNumberMax) return;
      mark = reinterpret_cast<const Mark&>(head);
      mark_at = entry;
      tail.last_instrument = std::max(tail.last_instrument, mark->last_instrument);
      marked = true;
    });
    return marked;
  }

  /// Walks from the end of `entries`, adding to them. Blocks before are known already.
  Result<void> walk(std::optional<std::uint64_t> segment_id) {
    const WalkStart start{segment_id, entries.empty() ? 0 : end_of(entries.back()), first + entries.size()};
    auto walked = walk_blocks({storage, file}, path, start, WalkDepth::kPayloads, [this](const WalkedBlock& block) {
      append_entry(entries, block);
      if ((block.header.flags & kTakenFlags) == 0) return;
      (void)take(block.payload, block.header.payload_length, entries.size() - 1);
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

  enum class Trust { kYes, kNo, kLookFurther };

  /// Takes over what the blocks confirm of the end of an index: its last entry, and all behind the newest mark that have
  /// definitions. The rest is trusted on its own CRCs. kNo: there is none, or an entry contradicts its block.
  Result<Trust> trust(const IndexFile& index) {
    const Trust otherwise = index.first > 0 ? Trust::kLookFurther : Trust::kNo;
    entries = index.entries;
    first = index.first;
    std::vector<std::uint8_t> block;
    // Where blocks behind the end never reached the disk, a whole one is looked for in steps that grow: what it leaves out
    // is walked afterwards, and is no more than twice what was lost.
    for (std::size_t step = 1; !entries.empty(); step *= 2) {
      auto state = read(index.segment_id, entries.back(), block);
      if (!state) return state.error();
      if (state.value() == BlockState::kWhole) break;
      entries.resize(entries.size() - std::min(step, entries.size()));
    }
    if (entries.empty()) return otherwise;
    const bool may_have_mark = std::any_of(entries.begin(), entries.end(),
                                           [](const IndexEntry& entry) { return (entry.flags & kBlockHasMark) != 0; });
    if (first > 0 && !may_have_mark) return otherwise;
    for (std::size_t i = entries.size(); i > 0; --i) {
      const IndexEntry& entry = entries[i - 1];
      if ((entry.flags & kTakenFlags) == 0) continue;
      auto state = read(index.segment_id, entry, block);
      if (!state) return state.error();
      if (state.value() == BlockState::kDiffers) return Trust::kNo;
      if (state.value() == BlockState::kDamaged) {
        tail.corrupt_blocks += 1;
      } else if (take(block.data() + sizeof(BlockHeader), block.size() - sizeof(BlockHeader), i - 1)) {
        return Trust::kYes;
      }
    }
    return first == 0 ? Trust::kYes : otherwise;
  }

  Result<BlockState> read(std::uint64_t segment_id, const IndexEntry& entry, std::vector<std::uint8_t>& block) {
    auto state = read_block({storage, file}, path, segment_id, entry, block);
    tail.bytes_read += block.size();
    return state;
  }

  void begin_anew() {
    const std::uint64_t bytes_read = tail.bytes_read;
    tail = {};
    tail.bytes_read = bytes_read;
    entries.clear();
    first = 0;
    mark.reset();
  }

  /// Cuts the file after its last whole block.
  Result<void> cut() {
    auto bytes = size_of_file({storage, file}, path);
    if (!bytes) return bytes.error();
    if (bytes.value() == tail.end_offset) return {};
    const int cut = storage.truncate(file, tail.end_offset);
    if (cut < 0) return system_error("TF_IO", "cutting", path, -cut);
    return sync();
  }

  Result<void> sync() { return sync_file(storage, file, path); }

  /// Brings the index file in line with `entries`, whose first `trusted` ones were taken from it.
  Result<void> mend_index(const IndexFile& index, std::size_t trusted) {
    if (entries.empty()) {
      const std::string index_path = index_path_of(path);
      const int removed = index.exists ? storage.remove(index_path) : 0;
      if (removed < 0) return system_error("TF_IO", "removing", index_path, -removed);
      return {};
    }
    if (compare_index(index, tail.segment_id, entries) == IndexState::kOk) return sync_index(storage, path);
    if (trusted > 0) return rewrite_index_tail(storage, path, entries, trusted, first);
    tail.index_rebuilt = true;
    return write_index(storage, path, tail.segment_id, entries);
  }

  void conclude() {
    const std::size_t slash = path.rfind('/');
    if (const auto name = parse_segment_name(std::string_view(path).substr(slash + 1))) {
      tail.day = name->day;
      tail.part = name->part;
    }
    if (entries.empty()) return;
    const IndexEntry& last = entries.back();
    tail.next_record = last.first_record + last.record_count;
    tail.running_max_ts_recv = last.running_max_ts_recv;
    tail.back_steps = last.back_steps;
    tail.clean = (last.flags & kBlockLast) != 0;
    // In front of the entries there are as many as a mark says.
    std::size_t counted = 0;
    if (first > 0) {
      counted = mark_at;
      tail.record_count = entries[counted].first_record - std::min(mark->missing_records, entries[counted].first_record);
    }
    for (std::size_t i = counted; i < entries.size(); ++i) tail.record_count += entries[i].record_count;
    const std::size_t since = mark ? mark_at + 1 : 1;
    tail.blocks_since_mark = entries.size() - since;
    for (std::size_t i = since; i < entries.size(); ++i) {
      if ((entries[i].flags & kBlockHasDefinitions) != 0) tail.definition_blocks_since_mark += 1;
    }
  }
};

/// An index that was read as far as it is needed, and how many of its entries were taken over.
struct TrustedIndex {
  IndexFile index;
  std::size_t entries = 0;
};

/// Takes over as much of the index as holds. Where none of it does, it is read to its beginning, to be compared.
Result<TrustedIndex> trust_index(Recovery& recovery, const RecoveryReach& reach) {
  for (std::uint64_t most = std::max<std::uint64_t>(reach.index_entries, 1);;) {
    auto index = read_index(recovery.storage, recovery.path, most);
    if (!index) return index.error();
    recovery.tail.bytes_read += index.value().bytes_read;
    if (most == kAllEntries) return TrustedIndex{index.take(), 0};
    auto trusted = recovery.trust(index.value());
    if (!trusted) return trusted.error();
    if (trusted.value() == Recovery::Trust::kYes) return TrustedIndex{index.take(), recovery.entries.size()};
    const bool read_whole = index.value().first == 0;
    recovery.begin_anew();
    if (read_whole) return TrustedIndex{index.take(), 0};
    most = trusted.value() == Recovery::Trust::kNo ? kAllEntries : most * kReachGrowth;
  }
}

Result<RecoveredTail> recover(Storage& storage, const std::string& path, const std::optional<RecoveryReach>& reach) {
  const StorageFile file(storage, storage.open(path));
  if (file.get() < 0) {
    return system_error(file.get() == -ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, -file.get());
  }
  Recovery recovery{storage, file.get(), path, {}, {}, 0, {}, 0};
  auto synced = recovery.sync();
  if (!synced) return synced.error();
  TrustedIndex trusted;
  if (reach) {
    auto taken = trust_index(recovery, *reach);
    if (!taken) return taken.error();
    trusted = taken.take();
  } else {
    auto read = read_index(storage, path, kAllEntries);
    if (!read) return read.error();
    trusted.index = read.take();
    recovery.tail.bytes_read = trusted.index.bytes_read;
  }
  const std::uint64_t indexed_until = trusted.entries > 0 ? end_of(recovery.entries.back()) : 0;
  auto walked = recovery.walk(trusted.entries > 0 ? std::optional(trusted.index.segment_id) : std::nullopt);
  if (!walked) return walked.error();
  auto cut = recovery.cut();
  if (!cut) return cut.error();
  recovery.conclude();
  const std::uint64_t unindexed = recovery.tail.end_offset - indexed_until;
  recovery.tail.index_rebuilt = trusted.entries > 0 && unindexed > reach->unindexed_bytes;
  auto mended = recovery.mend_index(trusted.index, trusted.entries);
  if (!mended) return mended.error();
  return std::move(recovery.tail);
}

}  // namespace

Result<RecoveredTail> recover_segment(Storage& storage, const std::string& segment_path, const RecoveryReach& reach) {
  return recover(storage, segment_path, reach);
}

Result<RepairReport> repair_segment(const std::string& segment_path) {
  PosixStorage storage;
  auto tail = recover(storage, segment_path, std::nullopt);
  if (!tail) return tail.error();
  return RepairReport{tail.value().torn_tail_bytes, tail.value().index_rebuilt};
}

}  // namespace tickforge
