// What a writer does before it appends to a segment that exists: find the end, cut what is torn, mend the index.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "format/record.h"
#include "journal/storage.h"

namespace tickforge {

/// Where to go on in a segment, and what was found. A segment without one whole block is cut to length 0 and comes back
/// with segment_id 0 and next_block 0: it is begun anew.
struct RecoveredTail {
  std::uint64_t segment_id = 0;
  /// From the file's name.
  std::int32_t day = 0;
  std::uint32_t part = 0;
  /// Where the next block goes, a multiple of kBlockAlign; the file ends here.
  std::uint64_t end_offset = 0;
  /// Number of the next block and, since entry i of an index is block i, of the next index entry.
  std::uint64_t next_block = 0;
  std::uint64_t next_record = 0;
  /// Of the last index entry; kNoneI64 and 0 without blocks.
  std::int64_t running_max_ts_recv = kNoneI64;
  std::uint32_t back_steps = 0;
  /// At least the largest number of an instrument definition; 0 when there is none.
  std::uint32_t last_instrument = 0;
  /// The last block closes the segment (kBlockLast). True without blocks.
  bool clean = true;
  /// Bytes after the last whole block, up to the last one that is not zero, that were cut off.
  std::uint64_t torn_tail_bytes = 0;
  /// Damaged blocks that stay in place because whole blocks follow. A bounded recovery sees only those near the end.
  std::uint64_t corrupt_blocks = 0;
  /// The index file was missing or wrong, or ended so far from the end of the log that what recovery read has no bound.
  /// It was written anew from the blocks.
  bool index_rebuilt = false;
  /// Of the segment and its index.
  std::uint64_t bytes_read = 0;
  /// Records in whole blocks.
  std::uint64_t record_count = 0;
  /// Blocks behind the newest mark that is whole, or behind block 0; and those of them that hold definitions.
  std::uint64_t blocks_since_mark = 0;
  std::uint64_t definition_blocks_since_mark = 0;
};

/// How far back a recovery looks at first. Whatever it does not find within this it looks for further back.
struct RecoveryReach {
  /// Entries of the index: twice what lies between two marks, and more than what a power cut can take of them.
  std::uint64_t index_entries = 32'768;
  /// Behind the last entry of the index: more than what is written before the index is made durable once more.
  std::uint64_t unindexed_bytes = std::uint64_t{56} << 20;
};

/// Makes a segment ready to be appended to. Syncs it first, so that nothing is trusted that a power cut could still
/// take away. Reads the end of the index, the blocks with definitions behind the newest mark, and all blocks from the last
/// entry on; the whole segment only when its index does not hold. The caller must hold the lock of the directory.
/// Errors: TF_IO, TF_DISK_FULL (the index), TF_NEWER_FORMAT, TF_FOREIGN_DIRECTORY (the file is left alone). After any of them
/// the next recovery finds no less.
Result<RecoveredTail> recover_segment(Storage& storage, const std::string& segment_path,
                                      const RecoveryReach& reach = {});

struct RepairReport {
  std::uint64_t torn_tail_bytes = 0;
  bool index_rebuilt = false;
};

/// As recover_segment, but reads every block and trusts no index. The directory must not be recorded into.
Result<RepairReport> repair_segment(const std::string& segment_path);

}  // namespace tickforge
