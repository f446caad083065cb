// Bytes of a segment file, its index and the control page (docs/FORMAT.md). Little-endian.
//
//   <day>.<journal>.<part>.tfs   segment: blocks, each a 64-byte header and whole records, padded to 4 KiB
//   <day>.<journal>.<part>.tfi   index: a 64-byte header and one 64-byte entry a block
//   <journal>.tfc                control page: the live state of a recorder
//   <journal>.reserve            disk space for an end on a full disk; nothing is in it
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "format/record.h"

namespace tickforge {

inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::uint32_t kBlockMagic = 0x31424654;    // "TFB1"
inline constexpr std::uint32_t kIndexMagic = 0x31584654;    // "TFX1"
inline constexpr std::uint32_t kControlMagic = 0x31434654;  // "TFC1"

inline constexpr std::size_t kBlockAlign = 4096;
/// What a reader accepts; a writer of version 1 makes blocks of at most kBlockBytesTarget.
inline constexpr std::size_t kBlockBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kBlockBytesTarget = std::size_t{64} << 10;
static_assert(kBlockBytesTarget % kBlockAlign == 0 && kBlockBytesMax % kBlockAlign == 0);
static_assert(kCellsPerRecordMax * kCellBytes + kCellBytes <= kBlockBytesTarget, "the longest record fits a block");

enum BlockFlag : std::uint16_t {
  kBlockHasDefinitions = 0x0001,  // holds segment, instrument or connection records
  kBlockHasGaps = 0x0002,         // holds gap or drop records
  kBlockLast = 0x0004,            // the writer closed the segment in order after this block
  kBlockHasMark = 0x0008,         // holds a mark
};
/// The flags that say what a block's records are.
inline constexpr std::uint16_t kBlockContentFlags = kBlockHasDefinitions | kBlockHasGaps | kBlockHasMark;
/// Those of a block with a record of this type.
constexpr std::uint16_t content_flags(RecordType type) {
  switch (type) {
    case RecordType::kSegment:
    case RecordType::kInstrument:
    case RecordType::kConnection:
      return kBlockHasDefinitions;
    case RecordType::kGap:
    case RecordType::kDrop:
      return kBlockHasGaps;
    case RecordType::kMark:
      return kBlockHasMark;
    default:
      return 0;
  }
}
/// Bits 8 to 15 of the flags: number of the producer whose records the block holds, 0 for the process that opened the
/// journal and for the writer's own records.
inline constexpr unsigned kBlockProducerShift = 8;

struct BlockHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t flags;           // BlockFlag
  std::uint64_t segment_id;
  std::uint64_t block_number;    // 0, 1, 2 ... within the segment
  std::uint64_t first_record;    // number of the first record within the segment
  std::int64_t min_ts_recv;
  std::int64_t max_ts_recv;
  std::uint32_t record_count;
  std::uint32_t payload_length;  // bytes after this header, a multiple of 64
  std::uint32_t payload_crc;     // CRC-32C of the payload
  std::uint32_t header_crc;      // CRC-32C of the 60 bytes before
};
static_assert(sizeof(BlockHeader) == 64);
static_assert(offsetof(BlockHeader, header_crc) == 60);
static_assert(std::has_unique_object_representations_v<BlockHeader>);

struct IndexHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t entry_bytes;
  std::uint64_t segment_id;
  std::uint8_t reserved[44];
  std::uint32_t header_crc;
};
static_assert(sizeof(IndexHeader) == 64);

struct IndexEntry {
  std::uint64_t offset;             // of the block in the segment file
  std::uint32_t length;             // header and payload, without padding
  std::uint32_t record_count;
  std::uint64_t first_record;
  std::int64_t min_ts_recv;
  std::int64_t max_ts_recv;
  std::int64_t running_max_ts_recv; // the largest max_ts_recv so far: what a time lookup searches
  std::uint16_t flags;              // BlockFlag
  std::uint16_t reserved;
  std::uint32_t back_steps;         // blocks so far whose min_ts_recv lies before the running maximum at their start
  std::uint32_t block_number;       // low 32 bits
  std::uint32_t entry_crc;          // CRC-32C of the 60 bytes before
};
static_assert(sizeof(IndexEntry) == 64);
static_assert(offsetof(IndexEntry, entry_crc) == 60);

enum class RecorderState : std::uint32_t {
  kStopped = 0,
  kRecording = 1,
  kFailed = 2,
  kDiskFull = 3,  // waiting for space; what arrives is kept in memory
};

/// One 4 KiB page, written by the recorder through a shared mapping and read by any process without locks: a reader
/// takes `version_lock` before and after (even and equal = consistent).
struct ControlPage {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t reserved;
  std::uint64_t version_lock;   // odd while the writer changes the page
  std::uint32_t process_id;
  std::uint32_t state;          // RecorderState
  std::int32_t day;             // of the current segment
  std::uint32_t part;
  std::uint64_t segment_id;
  std::uint64_t file_offset;    // bytes of whole blocks in the segment file
  std::uint64_t record_count;   // of the segment
  std::int64_t last_ts_recv;
  std::uint64_t appended;       // records taken over from producers since the recorder started
  std::uint64_t written;        // of these, handed to the kernel
  std::uint64_t durable;        // of these, on the disk
  std::int64_t ts_started;
  std::uint64_t blocks;
  std::uint64_t reserve_bytes;  // kept back for an end on a full disk; 0 = there is none
  std::uint8_t padding[4096 - 112];
};
static_assert(sizeof(ControlPage) == 4096);
static_assert(offsetof(ControlPage, padding) == 112);

constexpr std::size_t align_up(std::size_t bytes, std::size_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace tickforge
