// The index of a segment: how entries follow from blocks, and the .tfi file.
//
// Entry i is block i. The place of a block that cannot be read any more is kept by an entry of length 0, so that a
// position never shifts. Everything here can be derived from the blocks; no entry is trusted over one.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "format/segment.h"
#include "journal/storage.h"

namespace tickforge {

/// Entry of a whole block. `previous` is the entry before, null for block 0. A block without records changes neither
/// the running maximum nor the count of back steps.
IndexEntry make_entry(const IndexEntry* previous, const BlockHeader& header, std::uint64_t offset);

/// Entry that keeps the place of a block that cannot be read.
IndexEntry make_missing_entry(const IndexEntry* previous);
constexpr bool is_missing(const IndexEntry& entry) { return entry.length == 0; }

IndexHeader make_index_header(std::uint64_t segment_id);
/// Magic, version, size of an entry and CRC are right.
bool index_header_holds(const IndexHeader& header);

/// First byte after the block and its padding.
constexpr std::uint64_t end_of(const IndexEntry& entry) { return align_up(entry.offset + entry.length, kBlockAlign); }

/// The entry's CRC holds, and a length that a block can have; or 0.
bool entry_is_whole(const IndexEntry& entry);

/// The entry's CRC holds and all it says agrees with the entry before it (null for block 0).
bool entry_holds(const IndexEntry* previous, const IndexEntry& entry);

/// '<name>.tfs' -> '<name>.tfi'.
std::string index_path_of(std::string_view segment_path);

enum class IndexState { kOk, kMissing, kWrong };
std::string_view to_string(IndexState state);

struct IndexFile {
  bool exists = false;
  /// The header holds; otherwise there are no entries.
  bool header_holds = false;
  std::uint64_t segment_id = 0;
  /// Number of the first of `entries`: those in front of it were not read.
  std::uint64_t first = 0;
  /// The entries from there up to the first that does not hold.
  std::vector<IndexEntry> entries;
  /// Nothing but zero bytes follows these entries.
  bool ends_with_entries = false;
  std::uint64_t bytes_read = 0;
};

inline constexpr std::uint64_t kAllEntries = std::numeric_limits<std::uint64_t>::max();

/// Reads the index file of a segment. A missing, senseless or unreadable file is a finding: readers derive it.
Result<IndexFile> read_index(const std::string& segment_path);
/// The same for a writer, or only the last `most` entries. Of an entry whose predecessor was not read less can be said.
/// TF_IO when the file cannot be read: it would have to be replaced.
Result<IndexFile> read_index(Storage& storage, const std::string& segment_path, std::uint64_t most);

/// Each of `entries` says what the one at its place in `derived` says. The place of a damaged block agrees with
/// anything.
bool entries_agree(const std::vector<IndexEntry>& derived, const std::vector<IndexEntry>& entries);

/// Whether an index may say more than the blocks that count: behind a limit it may (docs/FORMAT.md, "Parts").
enum class IndexEnd { kExact, kLimited };

/// Holds an index file against the entries that were derived from the blocks. It may still describe a block that was
/// damaged later; every other entry must say what the block says. Without blocks, no index is needed. `derived` begins
/// with the entry that `index.entries` begin with.
IndexState compare_index(const IndexFile& index, std::uint64_t segment_id, const std::vector<IndexEntry>& derived,
                         IndexEnd end = IndexEnd::kExact);

/// Replaces the index file: temporary file, sync, rename, sync of the directory. Errors: TF_DISK_FULL, TF_IO.
Result<void> write_index(Storage& storage, const std::string& segment_path, std::uint64_t segment_id,
                         const std::vector<IndexEntry>& entries);

/// Makes the index file durable as it is. Errors: TF_IO.
Result<void> sync_index(Storage& storage, const std::string& segment_path);

/// Overwrites an index file with `entries` from the one at `from` on, ends it after the last of them, and syncs it.
/// `first` is the number of the first of `entries`. Errors: TF_DISK_FULL, TF_IO.
Result<void> rewrite_index_tail(Storage& storage, const std::string& segment_path,
                                const std::vector<IndexEntry>& entries, std::uint64_t from, std::uint64_t first);

}  // namespace tickforge
