// Reads a segment through its index, of the past or while a recorder appends to it. Any number of readers, any process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/mapped_region.h"
#include "base/unique_fd.h"
#include "format/segment.h"
#include "journal/segment_index.h"
#include "journal/segment_parts.h"
#include "journal/touched_index.h"

namespace tickforge {

/// From the segment record and the headers.
struct SegmentInfo {
  std::uint64_t segment_id = 0;
  std::uint16_t version = kFormatVersion;
  /// Empty, 0, 0 when block 0 is damaged and the file's name says nothing.
  std::string journal;
  std::int32_t day = 0;
  std::uint32_t part = 0;
};

/// Blocks in memory. `bytes` begins with the first block's header.
struct BlockWindow {
  /// Copy-on-write mapping: writes into it never reach the file. May begin before `bytes` where pages are large.
  MappedRegion mapping;
  std::uint8_t* bytes = nullptr;
  std::size_t length = 0;
  /// Blocks, of which those at `damaged` (0 = the first) must not be read.
  std::size_t count = 0;
  std::vector<std::uint32_t> damaged;
  /// Of the block before, of these, and of the one behind them; of length 0 where there is none.
  std::vector<IndexEntry> entries;
};

/// A record in a window of one block.
struct PlacedRecord {
  std::size_t block = 0;
  BlockWindow window;
  /// Of the record, from window.bytes.
  std::size_t offset = 0;
};

/// How much of the index is read when a segment is opened. kTouched: its two ends, and later the entries that are asked
/// for, until one of them, or a block, contradicts.
enum class IndexUse { kWhole, kTouched };

class SegmentReader {
 public:
  /// Takes the blocks that are whole at this moment, of a part with a limit those before it. An index that is missing,
  /// wrong or behind is completed in memory from the block headers. Errors: TF_NO_DIRECTORY, TF_IO, TF_NEWER_FORMAT,
  /// TF_FOREIGN_DIRECTORY, TF_CORRUPT.
  static Result<SegmentReader> open(const std::string& path, std::uint64_t limit = kNoLimit,
                                    IndexUse use = IndexUse::kWhole);

  const std::string& path() const { return path_; }
  const SegmentInfo& info() const { return info_; }
  std::uint64_t limit() const { return limit_; }
  /// Positions of blocks are counted from 0; block i of the file has position i.
  std::size_t block_count() const { return (touched_ ? touched_->size() : 0) + entries_.size(); }
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t valid_bytes() const { return block_count() == 0 ? 0 : end_of(last_); }
  /// A part that another one goes on for is never closed in order.
  bool closed() const { return limit_ == kNoLimit && block_count() > 0 && (last_.flags & kBlockLast) != 0; }
  /// kNoneI64 without blocks.
  std::int64_t max_ts_recv() const { return block_count() == 0 ? kNoneI64 : last_.running_max_ts_recv; }
  /// The first record of the segment that a search for a time up to `ts` can end at is a later one.
  bool begins_behind(std::int64_t ts) const { return begins_ && *begins_ > ts; }
  /// Smallest ts_recv of a block that is there, kNoneI64 without one. Reads the whole index if times go back.
  Result<std::int64_t> min_ts_recv();
  /// Records before the limit that are in no block: up to the limit from here on. kNoLimit when none is missing.
  std::uint64_t missing_from() const;

  /// Reads and checks all of the index, if that has not been done.
  Result<void> take_whole_index();
  /// Entry i is block i; one with length 0 keeps the place of a block that cannot be read. This and the next two are
  /// known when the whole index has been taken.
  const std::vector<IndexEntry>& index() const;
  /// kOk also for one that is merely behind, as a running recorder's is.
  IndexState index_state() const;
  std::uint64_t record_count() const;
  /// Grows when the index was found lying and has been derived anew; entries that load() confirmed stay as they are.
  std::uint64_t index_generation() const { return generation_; }

  /// Maps blocks [first, first + count), as many as fit `max_bytes` but at least one, and checks every one against its
  /// CRCs and the index. Where a whole block contradicts the index, the index is derived anew, once, and the new one
  /// used. Errors: TF_CORRUPT when `first` is (no longer) a block, TF_IO.
  Result<BlockWindow> load(std::size_t first, std::size_t max_bytes);

  /// The first block that can hold a record with ts_recv >= `ts`; the count of blocks when there is none. The blocks on
  /// both sides of the place are held against the index. Errors: TF_IO.
  Result<std::size_t> find(std::int64_t ts);
  /// Blocks that can hold a record with from <= ts_recv < to: the first, and the one behind the last.
  Result<std::pair<std::size_t, std::size_t>> range(std::int64_t from, std::int64_t to);
  /// The first record with ts_recv >= `ts` that can be read; nothing when there is none. Errors: TF_IO.
  Result<std::optional<PlacedRecord>> first_at(std::int64_t ts);

 private:
  SegmentReader(UniqueFd fd, std::string path, std::uint64_t limit)
      : fd_(std::move(fd)), path_(std::move(path)), limit_(limit) {}

  Result<bool> touch_index();
  Result<void> take_index();
  Result<void> walk_on();
  Result<void> derive_index();
  Result<void> distrust_index();
  Result<void> doubt();
  Result<void> trim_tail();
  bool cut_at_limit();
  Result<void> read_info();
  void conclude();

  std::optional<IndexEntry> peek(std::size_t i);
  std::optional<std::size_t> first_reaching(std::int64_t ts);
  Result<std::optional<std::size_t>> search(std::int64_t ts);
  Result<std::optional<std::size_t>> search_end(std::size_t first, std::int64_t ts);
  Result<bool> confirm_edge(std::size_t block);
  Result<bool> confirm(const IndexEntry& entry);
  std::optional<std::vector<IndexEntry>> entries_around(std::size_t first, std::size_t max_bytes);
  Result<BlockWindow> map_blocks(std::vector<IndexEntry> entries) const;
  /// Checks the blocks of a window; true when one contradicts the index.
  bool check_blocks(BlockWindow& window) const;

  UniqueFd fd_;
  std::string path_;
  std::uint64_t limit_;
  SegmentInfo info_;
  /// The index file as far as it is trusted unread; without it, `entries_` has all.
  std::optional<TouchedIndex> touched_;
  /// Behind those of `touched_`.
  std::vector<IndexEntry> entries_;
  IndexEntry last_{};
  /// min_ts_recv of block 0, if that is whole and holds records.
  std::optional<std::int64_t> begins_;
  IndexState index_state_ = IndexState::kMissing;
  std::uint64_t record_count_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t generation_ = 0;
  bool derived_ = false;
};

}  // namespace tickforge
