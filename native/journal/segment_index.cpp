#include "journal/segment_index.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/own_file.h"
#include "base/unique_fd.h"
#include "journal/file_window.h"
#include "journal/storage_files.h"

namespace tickforge {
namespace {

constexpr std::size_t kCrcBytes = 60;  // of a header and of an entry

std::int64_t running_max_of(const IndexEntry* previous) {
  return previous == nullptr ? kNoneI64 : previous->running_max_ts_recv;
}

/// Numbers and times that an entry takes over from the one before it.
IndexEntry continue_from(const IndexEntry* previous) {
  IndexEntry entry{};
  entry.running_max_ts_recv = running_max_of(previous);
  if (previous != nullptr) {
    entry.offset = end_of(*previous);
    entry.first_record = previous->first_record + previous->record_count;
    entry.back_steps = previous->back_steps;
    entry.block_number = previous->block_number + 1;
  }
  return entry;
}

void count_times(IndexEntry& entry) {
  if (entry.record_count == 0) return;
  if (entry.min_ts_recv < entry.running_max_ts_recv) entry.back_steps += 1;
  entry.running_max_ts_recv = std::max(entry.running_max_ts_recv, entry.max_ts_recv);
}

std::uint32_t crc_of(const IndexEntry& entry) { return crc32c(&entry, kCrcBytes); }

}  // namespace

IndexEntry make_entry(const IndexEntry* previous, const BlockHeader& header, std::uint64_t offset) {
  IndexEntry entry = continue_from(previous);
  entry.offset = offset;
  entry.length = static_cast<std::uint32_t>(sizeof(BlockHeader)) + header.payload_length;
  entry.record_count = header.record_count;
  entry.first_record = header.first_record;
  entry.min_ts_recv = header.min_ts_recv;
  entry.max_ts_recv = header.max_ts_recv;
  entry.flags = header.flags;
  entry.block_number = static_cast<std::uint32_t>(header.block_number);
  count_times(entry);
  entry.entry_crc = crc_of(entry);
  return entry;
}

IndexEntry make_missing_entry(const IndexEntry* previous) {
  IndexEntry entry = continue_from(previous);
  entry.min_ts_recv = entry.running_max_ts_recv;
  entry.max_ts_recv = entry.running_max_ts_recv;
  entry.entry_crc = crc_of(entry);
  return entry;
}

IndexHeader make_index_header(std::uint64_t segment_id) {
  IndexHeader header{};
  header.magic = kIndexMagic;
  header.version = kFormatVersion;
  header.entry_bytes = sizeof(IndexEntry);
  header.segment_id = segment_id;
  header.header_crc = crc32c(&header, kCrcBytes);
  return header;
}

bool index_header_holds(const IndexHeader& header) {
  return header.magic == kIndexMagic && header.version == kFormatVersion && header.entry_bytes == sizeof(IndexEntry) &&
         header.header_crc == crc32c(&header, kCrcBytes);
}

bool entry_is_whole(const IndexEntry& entry) {
  if (entry.entry_crc != crc_of(entry)) return false;
  return is_missing(entry) || (entry.length >= sizeof(BlockHeader) && entry.length <= kBlockBytesMax &&
                               entry.length % kCellBytes == 0);
}

bool entry_holds(const IndexEntry* previous, const IndexEntry& entry) {
  if (!entry_is_whole(entry)) return false;
  if (is_missing(entry)) {
    const IndexEntry expected = make_missing_entry(previous);
    return std::memcmp(&entry, &expected, sizeof entry) == 0;
  }
  IndexEntry expected = continue_from(previous);
  // Foreign bytes may lie between blocks, and their numbers may contradict each other: then so do the entries.
  const bool placed = entry.offset >= expected.offset && entry.offset % kBlockAlign == 0;
  expected.record_count = entry.record_count;
  expected.min_ts_recv = entry.min_ts_recv;
  expected.max_ts_recv = entry.max_ts_recv;
  count_times(expected);
  return placed && entry.block_number == expected.block_number &&
         entry.running_max_ts_recv == expected.running_max_ts_recv && entry.back_steps == expected.back_steps;
}

std::string index_path_of(std::string_view segment_path) {
  constexpr std::string_view kSuffix = ".tfs";
  if (segment_path.ends_with(kSuffix)) segment_path.remove_suffix(kSuffix.size());
  return std::string(segment_path) + ".tfi";
}

namespace {

/// Of an entry whose predecessor is not known.
bool entry_begins(std::uint64_t number, const IndexEntry& entry) {
  if (number == 0) return entry_holds(nullptr, entry);
  return entry_is_whole(entry) && entry.block_number == static_cast<std::uint32_t>(number);
}

Result<IndexFile> read_opened_index(ReadableFile file, const std::string& path, std::uint64_t most) {
  IndexFile index;
  index.exists = true;
  auto bytes = size_of_file(file, path);
  if (!bytes) return bytes.error();

  IndexHeader header{};
  auto read = read_fully(file, path, &header, sizeof header, 0);
  if (!read) return read.error();
  index.bytes_read = read.value();
  index.header_holds = read.value() == sizeof header && index_header_holds(header);
  if (!index.header_holds) return index;
  index.segment_id = header.segment_id;

  const std::uint64_t whole = (bytes.value() - sizeof header) / sizeof(IndexEntry);
  index.first = whole - std::min(whole, most);
  index.entries.resize(whole - index.first);
  read = read_fully(file, path, index.entries.data(), index.entries.size() * sizeof(IndexEntry),
                    sizeof header + index.first * sizeof(IndexEntry));
  if (!read) return read.error();
  index.bytes_read += read.value();
  index.entries.resize(read.value() / sizeof(IndexEntry));
  std::size_t held = 0;
  while (held < index.entries.size() &&
         (held == 0 ? entry_begins(index.first, index.entries[0])
                    : entry_holds(&index.entries[held - 1], index.entries[held]))) {
    held += 1;
  }
  const auto* rest = reinterpret_cast<const std::uint8_t*>(index.entries.data() + held);
  const std::size_t rest_bytes = (index.entries.size() - held) * sizeof(IndexEntry);
  index.ends_with_entries = (bytes.value() - sizeof header) % sizeof(IndexEntry) == 0 &&
                            std::all_of(rest, rest + rest_bytes, [](std::uint8_t byte) { return byte == 0; });
  index.entries.resize(held);
  return index;
}

}  // namespace

Result<IndexFile> read_index(const std::string& segment_path) {
  const std::string path = index_path_of(segment_path);
  const UniqueFd fd = open_for_reading(path);
  if (!fd && errno == ENOENT) return IndexFile{};
  // Whatever keeps it from being read: the blocks say all that it says.
  IndexFile unreadable;
  unreadable.exists = true;
  if (!fd) return unreadable;
  auto read = read_opened_index(fd.get(), path, kAllEntries);
  return read ? std::move(read) : unreadable;
}

Result<IndexFile> read_index(Storage& storage, const std::string& segment_path, std::uint64_t most) {
  const std::string path = index_path_of(segment_path);
  const StorageFile file(storage, storage.open(path));
  if (file.get() == -ENOENT) return IndexFile{};
  if (file.get() < 0) return system_error("TF_IO", "opening", path, -file.get());
  return read_opened_index({storage, file.get()}, path, most);
}

std::string_view to_string(IndexState state) {
  switch (state) {
    case IndexState::kOk:
      return "ok";
    case IndexState::kMissing:
      return "missing";
    case IndexState::kWrong:
      return "wrong";
  }
  return "wrong";
}

bool entries_agree(const std::vector<IndexEntry>& derived, const std::vector<IndexEntry>& entries) {
  const auto agree = [](const IndexEntry& block, const IndexEntry& entry) {
    return is_missing(block) || is_missing(entry) ||
           (block.offset == entry.offset && block.length == entry.length && block.record_count == entry.record_count &&
            block.first_record == entry.first_record && block.min_ts_recv == entry.min_ts_recv &&
            block.max_ts_recv == entry.max_ts_recv && block.flags == entry.flags);
  };
  return entries.size() <= derived.size() && std::equal(entries.begin(), entries.end(), derived.begin(), agree);
}

namespace {

/// What is said of a block that is damaged now fits between those around it.
bool damaged_fit(const std::vector<IndexEntry>& derived, const std::vector<IndexEntry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) {
    const IndexEntry& before = entries[i - 1];
    if (is_missing(before) || is_missing(entries[i])) continue;
    if (!is_missing(derived[i - 1]) && !is_missing(derived[i])) continue;
    const IndexEntry expected = continue_from(&before);
    if (entries[i].offset != expected.offset || entries[i].first_record != expected.first_record) return false;
  }
  return true;
}

}  // namespace

IndexState compare_index(const IndexFile& index, std::uint64_t segment_id, const std::vector<IndexEntry>& derived,
                         IndexEnd end) {
  const bool limited = end == IndexEnd::kLimited;
  if (!index.exists) return derived.empty() ? IndexState::kOk : IndexState::kMissing;
  if (derived.empty()) return limited || index.entries.empty() ? IndexState::kOk : IndexState::kWrong;
  if (!index.header_holds || index.segment_id != segment_id) return IndexState::kWrong;
  const bool complete = limited ? index.entries.size() >= derived.size()
                                : index.ends_with_entries && index.entries.size() == derived.size();
  if (!complete) return IndexState::kWrong;
  const std::vector<IndexEntry> entries(index.entries.begin(),
                                        index.entries.begin() + static_cast<std::ptrdiff_t>(derived.size()));
  return entries_agree(derived, entries) && damaged_fit(derived, entries) ? IndexState::kOk : IndexState::kWrong;
}

Result<void> write_index(Storage& storage, const std::string& segment_path, std::uint64_t segment_id,
                         const std::vector<IndexEntry>& entries) {
  const std::string path = index_path_of(segment_path);
  const std::string temporary = path + ".tmp";
  const auto fill = [&]() -> Result<void> {
    const StorageFile file(storage, create_anew(storage, temporary));
    if (file.get() < 0) return write_error("creating", temporary, -file.get());
    const IndexHeader header = make_index_header(segment_id);
    auto written = write_fully(storage, file.get(), temporary, &header, sizeof header, 0);
    if (!written) return written;
    written = write_fully(storage, file.get(), temporary, entries.data(), entries.size() * sizeof(IndexEntry),
                          sizeof header);
    if (!written) return written;
    auto synced = sync_file(storage, file.get(), temporary);
    if (!synced) return synced;
    const int renamed = storage.rename(temporary, path);
    if (renamed < 0) return system_error("TF_IO", "renaming to", path, -renamed);
    return {};
  };
  auto filled = fill();
  if (filled) return sync_directory_of(storage, path);
  (void)storage.remove(temporary);
  return filled;
}

Result<void> sync_index(Storage& storage, const std::string& segment_path) {
  const std::string path = index_path_of(segment_path);
  const StorageFile file(storage, storage.open(path));
  if (file.get() < 0) return system_error("TF_IO", "syncing", path, -file.get());
  return sync_file(storage, file.get(), path);
}

Result<void> rewrite_index_tail(Storage& storage, const std::string& segment_path,
                                const std::vector<IndexEntry>& entries, std::uint64_t from, std::uint64_t first) {
  TF_ASSERT(from <= entries.size());
  const std::string path = index_path_of(segment_path);
  const StorageFile file(storage, storage.open(path));
  if (file.get() < 0) return system_error("TF_IO", "opening", path, -file.get());
  const std::uint64_t offset = sizeof(IndexHeader) + (first + from) * sizeof(IndexEntry);
  const int cut = storage.truncate(file.get(), offset);
  if (cut < 0) return system_error("TF_IO", "cutting", path, -cut);
  auto written = write_fully(storage, file.get(), path, entries.data() + from,
                             (entries.size() - from) * sizeof(IndexEntry), offset);
  if (!written) return written;
  return sync_file(storage, file.get(), path);
}

}  // namespace tickforge
