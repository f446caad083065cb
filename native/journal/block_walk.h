// Walks the blocks of a segment file and says where the log ends (docs/FORMAT.md, section "End of the log").
//
// The log ends at the first block that is not whole, unless a whole block of the same segment with that number
// or a larger one follows at a multiple of 4 KiB: then what lies between is damage, and both sides are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/segment.h"
#include "journal/file_window.h"
#include "journal/segment_index.h"

namespace tickforge {

/// At most this many consecutive blocks are taken for lost; a larger jump of the number is no block of this segment.
inline constexpr std::uint64_t kMissingBlocksMax = 1 << 20;

/// No segment has so many records: a larger number is no number, and every reader can count up to it.
inline constexpr std::uint64_t kRecordNumberMax = std::uint64_t{1} << 52;

/// Header fields that need no payload: magic, version, CRC, length and the range of the record number. Not the segment id and number.
bool header_holds(const BlockHeader& header);

/// Where a walk begins. Without a segment id the first whole block gives it.
struct WalkStart {
  std::optional<std::uint64_t> segment_id;
  std::uint64_t offset = 0;
  std::uint64_t block_number = 0;
};

/// kHeaders reads 64 bytes a block and leaves payloads unchecked, but for the first block after damage.
enum class WalkDepth { kHeaders, kPayloads };

struct WalkedBlock {
  std::uint64_t offset = 0;
  BlockHeader header{};
  /// header.payload_length bytes, valid during the call; null at WalkDepth::kHeaders.
  const std::uint8_t* payload = nullptr;
  /// Block numbers that are missing right before this one.
  std::uint64_t missing = 0;
};

/// A stretch of bytes between whole blocks.
struct Damage {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t first_block = 0;
  /// Block numbers that are missing; 0 when foreign bytes lie between two consecutive blocks.
  std::uint64_t blocks = 0;
  /// What is wrong at `offset`.
  std::string_view reason;
};

struct WalkEnd {
  std::optional<std::uint64_t> segment_id;
  /// First byte after the last whole block, aligned.
  std::uint64_t end_offset = 0;
  std::uint64_t next_block = 0;
  std::uint64_t missing_blocks = 0;
  std::vector<Damage> damage;
  std::uint64_t torn_tail_bytes = 0;
  std::uint64_t bytes_read = 0;
};

using BlockVisitor = std::function<void(const WalkedBlock&)>;

/// Calls `visit` for every whole block from `start` on. Memory is bounded by two blocks. Errors: TF_IO, TF_NEWER_FORMAT
/// (a block of a newer version), TF_FOREIGN_DIRECTORY (no block at all in a file that does not begin like a segment).
Result<WalkEnd> walk_blocks(ReadableFile file, const std::string& path, const WalkStart& start, WalkDepth depth,
                            const BlockVisitor& visit);

/// What is at an index entry's offset. kDiffers: a whole header of the segment that contradicts the entry.
enum class BlockState { kWhole, kDamaged, kDiffers };

/// Looks at the header only.
BlockState check_against_entry(const BlockHeader& header, std::uint64_t segment_id, const IndexEntry& entry);

/// Reads `entry`'s block into `block` (header and payload). Errors: TF_IO.
Result<BlockState> read_block(ReadableFile file, const std::string& path, std::uint64_t segment_id, const IndexEntry& entry,
                              std::vector<std::uint8_t>& block);

/// Whether a block of any segment that is whole begins at `offset`. Errors: TF_IO.
Result<bool> is_whole_block(ReadableFile file, const std::string& path, std::uint64_t offset);

/// Grows `entries`, one a block number, while blocks are walked.
void append_entry(std::vector<IndexEntry>& entries, const WalkedBlock& block);
/// The same where `before` is the entry in front of the first of `entries`.
void append_entry_behind(const IndexEntry& before, std::vector<IndexEntry>& entries, const WalkedBlock& block);

/// Calls `visit(const RecordHead&)` for each record of a payload until one would leave it. True = the walk ends exactly
/// at the end of the payload.
template <typename Visit>
bool for_each_record(const std::uint8_t* payload, std::size_t length, Visit&& visit) {
  std::size_t at = 0;
  while (at < length) {
    const auto& head = *reinterpret_cast<const RecordHead*>(payload + at);
    const std::size_t bytes = head.cells * kCellBytes;
    if (bytes == 0 || bytes > length - at) return false;
    visit(head);
    at += bytes;
  }
  return true;
}

/// The records of a whole block fill its payload and count no more than they hold. A block is whole when it is what its
/// writer wrote; that can be nonsense all the same, and whoever walks its records must come to its end.
bool payload_holds(const std::uint8_t* payload, std::size_t length);

}  // namespace tickforge
