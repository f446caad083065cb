// Reads a segment through its index, of the past or while a recorder appends to it. Any number of readers, any process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mapped_region.h"
#include "base/unique_fd.h"
#include "format/segment.h"
#include "journal/segment_index.h"

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
};

class SegmentReader {
 public:
  /// Takes the blocks that are whole at this moment. An index that is missing, wrong or behind is completed in memory
  /// from the block headers. Errors: TF_NO_DIRECTORY, TF_IO, TF_NEWER_FORMAT, TF_FOREIGN_DIRECTORY, TF_CORRUPT.
  static Result<SegmentReader> open(const std::string& path);

  const std::string& path() const { return path_; }
  const SegmentInfo& info() const { return info_; }
  /// Entry i is block i; one with length 0 keeps the place of a block that cannot be read.
  const std::vector<IndexEntry>& index() const { return entries_; }
  /// Grows when the index was found lying and has been derived anew; entries that load() confirmed stay as they are.
  std::uint64_t index_generation() const { return generation_; }
  /// kOk also for one that is merely behind, as a running recorder's is.
  IndexState index_state() const { return index_state_; }
  std::uint64_t record_count() const { return record_count_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t valid_bytes() const { return entries_.empty() ? 0 : end_of(entries_.back()); }
  bool closed() const { return !entries_.empty() && (entries_.back().flags & kBlockLast) != 0; }

  /// Maps blocks [first, first + count), as many as fit `max_bytes` but at least one, and checks every one against its
  /// CRCs and the index. Where a whole block contradicts the index, the index is derived anew, once, and the new one
  /// used. Errors: TF_CORRUPT when `first` is (no longer) a block, TF_IO.
  Result<BlockWindow> load(std::size_t first, std::size_t max_bytes);

  /// The first block that can hold a record with ts_recv >= `ts`; the count of blocks when there is none.
  std::size_t find(std::int64_t ts) const;

 private:
  SegmentReader(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> take_index();
  Result<void> derive_index();
  Result<void> distrust_index();
  Result<void> trim_tail();
  Result<void> read_info();
  void count_records();
  Result<BlockWindow> map_blocks(std::size_t first, std::size_t count) const;
  /// Checks the blocks of a window; true when one contradicts the index.
  bool check_blocks(BlockWindow& window, std::size_t first) const;

  UniqueFd fd_;
  std::string path_;
  SegmentInfo info_;
  std::vector<IndexEntry> entries_;
  IndexState index_state_ = IndexState::kMissing;
  std::uint64_t record_count_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t generation_ = 0;
  bool derived_ = false;
};

}  // namespace tickforge
