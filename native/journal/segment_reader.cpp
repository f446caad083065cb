#include "journal/segment_reader.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "format/record_check.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/segment_name.h"

namespace tickforge {
namespace {

/// A whole block can still be nonsense, by a defect of its writer. Whoever walks its records must come to its end.
bool records_hold(const std::uint8_t* payload, std::size_t length) {
  bool held = true;
  const bool walked = for_each_record(payload, length, [&held](const RecordHead& head) { held &= contents_hold(head); });
  return walked && held;
}

}  // namespace

Result<SegmentReader> SegmentReader::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error(errno == ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, errno);
  SegmentReader reader(std::move(fd), path);
  auto taken = reader.take_index();
  if (!taken) return taken.error();
  auto informed = reader.read_info();
  if (!informed) return informed.error();
  return reader;
}

/// The index file as far as it holds, then what the blocks behind it say: a recorder writes entries after blocks.
Result<void> SegmentReader::take_index() {
  auto read = read_index(path_);
  if (!read) return read.error();
  IndexFile& index = read.value();
  index_state_ = index.exists ? IndexState::kOk : IndexState::kMissing;

  entries_ = std::move(index.entries);
  info_.segment_id = index.segment_id;
  auto bytes = size_of_file(fd_.get(), path_);
  if (!bytes) return bytes.error();
  file_bytes_ = bytes.value();
  const std::size_t held = entries_.size();
  auto trimmed = trim_tail();
  if (!trimmed) return trimmed.error();
  if (entries_.empty()) {
    if (index.exists && file_bytes_ > 0) index_state_ = IndexState::kWrong;
    return derive_index();
  }
  const WalkStart start{info_.segment_id, end_of(entries_.back()), entries_.size()};
  const std::size_t kept = entries_.size();
  auto walked = walk_blocks(fd_.get(), path_, start, WalkDepth::kPayloads,
                            [this](const WalkedBlock& block) { append_entry(entries_, block); });
  if (!walked) return walked.error();
  if (kept < held || !index.ends_with_entries) index_state_ = IndexState::kWrong;
  // A block that the index says is lost may be there all the same.
  if (std::any_of(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(kept), is_missing)) {
    return distrust_index();
  }
  count_records();
  return {};
}

Result<void> SegmentReader::derive_index() {
  derived_ = true;
  entries_.clear();
  auto walked = walk_blocks(fd_.get(), path_, {}, WalkDepth::kHeaders,
                            [this](const WalkedBlock& block) { append_entry(entries_, block); });
  if (!walked) return walked.error();
  info_.segment_id = walked.value().segment_id.value_or(0);
  auto trimmed = trim_tail();
  if (!trimmed) return trimmed.error();
  if (entries_.empty() && index_state_ == IndexState::kMissing) index_state_ = IndexState::kOk;
  count_records();
  return {};
}

/// Derives the index from the blocks and takes that one if they contradict what was there.
Result<void> SegmentReader::distrust_index() {
  const std::vector<IndexEntry> doubted = entries_;
  auto derived = derive_index();
  if (!derived) return derived;
  if (entries_agree(entries_, doubted) && std::none_of(doubted.begin(), doubted.end(), is_missing)) {
    entries_ = doubted;
    count_records();
    return {};
  }
  if (!entries_agree(entries_, doubted)) index_state_ = IndexState::kWrong;
  generation_ += 1;
  return {};
}

/// The log ends with a whole block: entries whose blocks never got to the disk are no part of it.
Result<void> SegmentReader::trim_tail() {
  std::vector<std::uint8_t> block;
  while (!entries_.empty()) {
    auto state = read_block(fd_.get(), path_, info_.segment_id, entries_.back(), block);
    if (!state) return state.error();
    if (state.value() == BlockState::kWhole) break;
    entries_.pop_back();
  }
  return {};
}

void SegmentReader::count_records() {
  record_count_ = 0;
  for (const IndexEntry& entry : entries_) record_count_ += entry.record_count;
}

Result<void> SegmentReader::read_info() {
  const std::size_t slash = path_.rfind('/');
  if (const auto name = parse_segment_name(std::string_view(path_).substr(slash + 1))) {
    info_.journal = name->journal;
    info_.day = name->day;
    info_.part = name->part;
  }
  if (entries_.empty()) return {};
  std::vector<std::uint8_t> block;
  auto state = read_block(fd_.get(), path_, info_.segment_id, entries_.front(), block);
  if (!state) return state.error();
  if (state.value() == BlockState::kDiffers) {
    auto derived = distrust_index();
    if (!derived) return derived.error();
    if (entries_.empty()) return {};
    state = read_block(fd_.get(), path_, info_.segment_id, entries_.front(), block);
    if (!state) return state.error();
  }
  if (state.value() != BlockState::kWhole || block.size() < sizeof(BlockHeader) + sizeof(Segment)) return {};
  Segment segment;
  std::memcpy(&segment, block.data() + sizeof(BlockHeader), sizeof segment);
  const std::size_t text = sizeof(BlockHeader) + sizeof(Segment);
  const bool sound = segment.head.type == static_cast<std::uint8_t>(RecordType::kSegment) &&
                     segment.head.cells * kCellBytes >= sizeof(Segment) + segment.journal_length &&
                     block.size() >= text + segment.journal_length;
  if (!sound) return {};
  info_.version = segment.version;
  info_.day = segment.day;
  info_.part = segment.part;
  info_.journal.assign(reinterpret_cast<const char*>(block.data() + text), segment.journal_length);
  return {};
}

Result<BlockWindow> SegmentReader::load(std::size_t first, std::size_t max_bytes) {
  while (true) {
    if (first >= entries_.size()) {
      return Error{"TF_CORRUPT", "block " + std::to_string(first) + " of '" + path_ + "' is not there", path_, 0};
    }
    const std::uint64_t begin = entries_[first].offset;
    std::size_t count = 1;
    while (first + count < entries_.size() && end_of(entries_[first + count]) - begin <= max_bytes) count += 1;
    auto window = map_blocks(first, count);
    if (!window) return window;
    if (!check_blocks(window.value(), first) || derived_) return window;
    auto derived = distrust_index();
    if (!derived) return derived.error();
  }
}

Result<BlockWindow> SegmentReader::map_blocks(std::size_t first, std::size_t count) const {
  BlockWindow window;
  window.count = count;
  const std::uint64_t begin = entries_[first].offset;
  const std::uint64_t end = std::max(end_of(entries_[first + count - 1]), begin);
  // The file can be shorter than the index says; nothing beyond its last page may be touched.
  auto bytes = size_of_file(fd_.get(), path_);
  if (!bytes) return bytes.error();
  const std::uint64_t last = std::min<std::uint64_t>(end, align_up(bytes.value(), kBlockAlign));
  if (last <= begin) return window;
  window.length = static_cast<std::size_t>(last - begin);

  static const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t lead = begin % page;
  void* address = ::mmap(nullptr, lead + window.length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd_.get(),
                         static_cast<off_t>(begin - lead));
  if (address == MAP_FAILED) return system_error("TF_IO", "mapping", path_, errno);
  window.mapping = MappedRegion(address, lead + window.length);
  window.bytes = window.mapping.data() + lead;
#ifdef MADV_POPULATE_READ
  // Maps all pages at once, for reading, so that copy-on-write stays undone. An I/O error is reported here instead of
  // raising SIGBUS below; kernels before 5.14 do not know it.
  if (::madvise(address, lead + window.length, MADV_POPULATE_READ) != 0 && errno == EFAULT) {
    return system_error("TF_IO", "reading", path_, EIO);
  }
#endif
  return window;
}

bool SegmentReader::check_blocks(BlockWindow& window, std::size_t first) const {
  bool contradicted = false;
  const std::uint64_t begin = entries_[first].offset;
  for (std::size_t i = 0; i < window.count; ++i) {
    const IndexEntry& entry = entries_[first + i];
    const std::uint64_t at = entry.offset - begin;
    bool whole = !is_missing(entry) && entry.length <= window.length && at <= window.length - entry.length;
    if (whole) {
      BlockHeader header;
      std::memcpy(&header, window.bytes + at, sizeof header);
      const BlockState state = check_against_entry(header, info_.segment_id, entry);
      // A header that fails its own CRC can be damage or an offset that lies: only the blocks themselves can tell.
      contradicted |= state != BlockState::kWhole;
      whole = state == BlockState::kWhole &&
              crc32c(window.bytes + at + sizeof header, header.payload_length) == header.payload_crc &&
              records_hold(window.bytes + at + sizeof header, header.payload_length);
    }
    if (!whole) window.damaged.push_back(static_cast<std::uint32_t>(i));
  }
  return contradicted;
}

std::size_t SegmentReader::find(std::int64_t ts) const {
  const auto at = std::partition_point(entries_.begin(), entries_.end(),
                                       [ts](const IndexEntry& entry) { return entry.running_max_ts_recv < ts; });
  return static_cast<std::size_t>(at - entries_.begin());
}

}  // namespace tickforge
