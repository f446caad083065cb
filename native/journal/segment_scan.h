// Reads a whole segment, record by record: what `tickforge verify` says about a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "format/segment.h"
#include "journal/segment_index.h"
#include "journal/segment_parts.h"

namespace tickforge {

/// What reading every byte of a segment found; the fields are those of SegmentScan in src/native/binding.ts.
struct SegmentScan {
  std::string path;
  std::uint64_t segment_id = 0;
  std::uint16_t version = kFormatVersion;
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t corrupt_blocks = 0;
  std::uint64_t torn_tail_bytes = 0;
  std::uint64_t order_errors = 0;
  IndexState index_state = IndexState::kMissing;
  bool closed = false;
  /// Blocks behind the limit, which the next part has again: they count nowhere else.
  std::uint64_t rewritten_first = 0;
  std::uint64_t rewritten_blocks = 0;
  std::int64_t min_ts_recv = kNoneI64;
  std::int64_t max_ts_recv = kNoneI64;
  std::uint64_t file_bytes = 0;
  std::vector<std::string> problems;
  /// Derived from the blocks alone.
  std::vector<IndexEntry> entries;
};

inline constexpr std::size_t kProblemsMax = 16;

/// Reads a whole segment, record by record, without trusting its index; of a part with a limit only what is before it.
/// Errors as walk_blocks.
Result<SegmentScan> scan_segment(const std::string& path, std::uint64_t limit = kNoLimit);

}  // namespace tickforge
