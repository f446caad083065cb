#include "journal/segment_reader.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/own_file.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/segment_name.h"

namespace tickforge {

Result<SegmentReader> SegmentReader::open(const std::string& path, std::uint64_t limit, IndexUse use) {
  UniqueFd fd = open_for_reading(path);
  if (!fd) return system_error(errno == ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, errno);
  SegmentReader reader(std::move(fd), path, limit);
  auto bytes = size_of_file(reader.fd_.get(), path);
  if (!bytes) return bytes.error();
  reader.file_bytes_ = bytes.value();
  bool touched = false;
  // Where a limit cuts is known from all the record numbers; such parts are few.
  if (use == IndexUse::kTouched && limit == kNoLimit) {
    auto tried = reader.touch_index();
    if (!tried) return tried.error();
    touched = tried.value();
  }
  if (!touched) {
    auto taken = reader.take_index();
    if (!taken) return taken.error();
  }
  auto informed = reader.read_info();
  if (!informed) return informed.error();
  return reader;
}

/// True when the ends of the index hold and its last block is the one that it names; then takes what stands behind.
Result<bool> SegmentReader::touch_index() {
  auto opened = TouchedIndex::open(path_);
  if (!opened) return opened.error();
  if (!opened.value()) return false;
  touched_ = std::move(opened.value());
  info_.segment_id = touched_->segment_id();
  const auto last = touched_->at(touched_->size() - 1);
  std::vector<std::uint8_t> block;
  auto state = read_block(fd_.get(), path_, info_.segment_id, *last, block);
  if (!state) return state.error();
  if (state.value() != BlockState::kWhole) {
    touched_.reset();
    return false;
  }
  last_ = *last;
  const WalkStart start{info_.segment_id, end_of(last_), touched_->size()};
  auto walked = walk_blocks(fd_.get(), path_, start, WalkDepth::kPayloads,
                            [this](const WalkedBlock& block) { append_entry_behind(last_, entries_, block); });
  if (!walked) return walked.error();
  if (!entries_.empty()) last_ = entries_.back();
  return true;
}

/// The index file as far as it holds, then what the blocks behind it say: a recorder writes entries after blocks.
Result<void> SegmentReader::take_index() {
  auto read = read_index(path_);
  if (!read) return read.error();
  IndexFile& index = read.value();
  index_state_ = index.exists ? IndexState::kOk : IndexState::kMissing;

  entries_ = std::move(index.entries);
  info_.segment_id = index.segment_id;
  const bool cut = cut_at_limit();
  const std::size_t held = entries_.size();
  auto trimmed = trim_tail();
  if (!trimmed) return trimmed.error();
  if (entries_.empty()) {
    if (index.exists && file_bytes_ > 0 && !cut) index_state_ = IndexState::kWrong;
    return derive_index();
  }
  const std::size_t kept = entries_.size();
  auto walked = walk_on();
  if (!walked) return walked;
  conclude();
  // What the index says behind a limit does not matter.
  const bool ended = cut || (limit_ != kNoLimit && missing_from() == kNoLimit) || index.ends_with_entries;
  if (kept < held || !ended) index_state_ = IndexState::kWrong;
  // A block that the index says is lost may be there all the same.
  if (std::any_of(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(kept), is_missing)) {
    return distrust_index();
  }
  return {};
}

/// Adds what stands behind the last entry, unless that is behind the limit.
Result<void> SegmentReader::walk_on() {
  const IndexEntry& last = entries_.back();
  if (last.first_record + last.record_count >= limit_) return {};
  const WalkStart start{info_.segment_id, end_of(last), entries_.size()};
  auto walked = walk_blocks(fd_.get(), path_, start, WalkDepth::kPayloads,
                            [this](const WalkedBlock& block) { append_entry(entries_, block); });
  if (!walked) return walked.error();
  cut_at_limit();
  return {};
}

Result<void> SegmentReader::derive_index() {
  derived_ = true;
  touched_.reset();
  entries_.clear();
  // The segment is that of its first whole block, so the headers alone will do only where block 0 is whole.
  auto first = is_whole_block(fd_.get(), path_, 0);
  if (!first) return first.error();
  auto walked = walk_blocks(fd_.get(), path_, {}, first.value() ? WalkDepth::kHeaders : WalkDepth::kPayloads,
                            [this](const WalkedBlock& block) { append_entry(entries_, block); });
  if (!walked) return walked.error();
  info_.segment_id = walked.value().segment_id.value_or(0);
  cut_at_limit();
  auto trimmed = trim_tail();
  if (!trimmed) return trimmed.error();
  const bool needless = index_state_ == IndexState::kMissing || limit_ != kNoLimit;
  if (entries_.empty() && needless) index_state_ = IndexState::kOk;
  conclude();
  return {};
}

/// Derives the index from the blocks and takes that one if they contradict what was there.
Result<void> SegmentReader::distrust_index() {
  const std::vector<IndexEntry> doubted = entries_;
  const std::uint64_t doubted_id = info_.segment_id;
  auto derived = derive_index();
  if (!derived) return derived;
  // Blocks that were appended since then are no contradiction; others behind those that were known are.
  const std::size_t count = doubted.size();
  const bool ends = entries_.size() <= count || (count > 0 && entries_[count].offset == end_of(doubted.back()));
  const bool agree = info_.segment_id == doubted_id && ends && entries_agree(entries_, doubted);
  if (agree && std::none_of(doubted.begin(), doubted.end(), is_missing)) {
    entries_ = doubted;
    conclude();
    return {};
  }
  if (!agree) index_state_ = IndexState::kWrong;
  generation_ += 1;
  return {};
}

/// Something does not fit: the next better source. Ends with the blocks themselves.
Result<void> SegmentReader::doubt() { return touched_ ? take_whole_index() : distrust_index(); }

Result<void> SegmentReader::take_whole_index() {
  if (!touched_) return {};
  const std::size_t count = block_count();
  touched_.reset();
  entries_.clear();
  generation_ += 1;
  auto taken = take_index();
  if (!taken) return taken;
  // What was appended since this segment was opened is for the next reader.
  if (!derived_ && entries_.size() > count) {
    entries_.resize(count);
    conclude();
  }
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

/// Takes off what stands behind the limit, and places of lost blocks in front of that: how many of them count is not
/// known, how many records are missing is. True when something was taken off.
bool SegmentReader::cut_at_limit() {
  if (limit_ == kNoLimit) return false;
  const auto behind = std::find_if(entries_.begin(), entries_.end(), [this](const IndexEntry& entry) {
    return !is_missing(entry) && entry.first_record >= limit_;
  });
  if (behind == entries_.end()) return false;
  entries_.erase(behind, entries_.end());
  while (!entries_.empty() && is_missing(entries_.back())) entries_.pop_back();
  return true;
}

void SegmentReader::conclude() {
  record_count_ = 0;
  for (const IndexEntry& entry : entries_) record_count_ += entry.record_count;
  if (!entries_.empty()) last_ = entries_.back();
}

std::uint64_t SegmentReader::missing_from() const {
  if (limit_ == kNoLimit) return kNoLimit;
  const std::uint64_t end = block_count() == 0 ? 0 : last_.first_record + last_.record_count;
  return end < limit_ ? end : kNoLimit;
}

const std::vector<IndexEntry>& SegmentReader::index() const {
  TF_ASSERT(!touched_);
  return entries_;
}

IndexState SegmentReader::index_state() const {
  TF_ASSERT(!touched_);
  return index_state_;
}

std::uint64_t SegmentReader::record_count() const {
  TF_ASSERT(!touched_);
  return record_count_;
}

Result<void> SegmentReader::read_info() {
  const std::size_t slash = path_.rfind('/');
  if (const auto name = parse_segment_name(std::string_view(path_).substr(slash + 1))) {
    info_.journal = name->journal;
    info_.day = name->day;
    info_.part = name->part;
  }
  std::vector<std::uint8_t> block;
  BlockState state = BlockState::kDamaged;
  while (block_count() > 0) {
    const auto first = peek(0);
    if (first) {
      auto read = read_block(fd_.get(), path_, info_.segment_id, *first, block);
      if (!read) return read.error();
      state = read.value();
    }
    // Without block 0 the segment's id is that of the first block that is whole, whatever the index says.
    if (state == BlockState::kWhole && first->record_count > 0) begins_ = first->min_ts_recv;
    if (state == BlockState::kWhole || derived_) break;
    auto doubted = doubt();
    if (!doubted) return doubted;
  }
  if (state != BlockState::kWhole || block.size() < sizeof(BlockHeader) + sizeof(Segment)) return {};
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

Result<std::int64_t> SegmentReader::min_ts_recv() {
  if (block_count() == 0) return kNoneI64;
  if (touched_) {
    const auto first = peek(0);
    if (first && last_.back_steps == 0) return first->min_ts_recv;
    auto taken = take_whole_index();
    if (!taken) return taken.error();
  }
  std::int64_t least = kNoneI64;
  for (const IndexEntry& entry : entries_) {
    if (is_missing(entry)) continue;
    least = least == kNoneI64 ? entry.min_ts_recv : std::min(least, entry.min_ts_recv);
  }
  return least;
}

/// Nothing when the index does not hold there.
std::optional<IndexEntry> SegmentReader::peek(std::size_t i) {
  if (!touched_) return entries_[i];
  return i < touched_->size() ? touched_->at(i) : std::optional(entries_[i - touched_->size()]);
}

Result<BlockWindow> SegmentReader::load(std::size_t first, std::size_t max_bytes) {
  while (true) {
    if (first >= block_count()) {
      return Error{"TF_CORRUPT", "block " + std::to_string(first) + " of '" + path_ + "' is not there", path_, 0};
    }
    if (auto entries = entries_around(first, max_bytes)) {
      auto window = map_blocks(std::move(*entries));
      if (!window) return window;
      if (!check_blocks(window.value()) || derived_) return window;
    }
    auto doubted = doubt();
    if (!doubted) return doubted.error();
  }
}

/// The entry before `first`, those of a window, and the one behind it; nothing when the index does not hold there.
std::optional<std::vector<IndexEntry>> SegmentReader::entries_around(std::size_t first, std::size_t max_bytes) {
  std::vector<IndexEntry> entries(1);
  const auto take = [&](std::size_t block) {
    const auto entry = peek(block);
    const bool follows = entry && (!touched_ || entries.size() == 1 || entry_holds(&entries.back(), *entry));
    if (follows) entries.push_back(*entry);
    return follows;
  };
  if (first > 0) {
    const auto before = peek(first - 1);
    if (!before) return std::nullopt;
    entries.front() = *before;
  }
  if (!take(first)) return std::nullopt;
  const std::uint64_t begin = entries.back().offset;
  std::size_t next = first + 1;
  while (next < block_count()) {
    if (!take(next)) return std::nullopt;
    next += 1;
    // The last one taken is the one behind.
    if (end_of(entries.back()) - begin > max_bytes) return entries;
  }
  entries.emplace_back();
  return entries;
}

Result<BlockWindow> SegmentReader::map_blocks(std::vector<IndexEntry> entries) const {
  BlockWindow window;
  window.count = entries.size() - 2;
  window.entries = std::move(entries);
  const std::uint64_t begin = window.entries[1].offset;
  const std::uint64_t end = std::max(end_of(window.entries[window.count]), begin);
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
  if (window.count == 1) {
    // Somebody looks one block up: these pages in one request, and not the megabytes around them that a fault reads.
    ::madvise(address, lead + window.length, MADV_RANDOM);
    ::posix_fadvise(fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(window.length), POSIX_FADV_WILLNEED);
  }
#ifdef MADV_POPULATE_READ
  // Maps all pages at once, for reading, so that copy-on-write stays undone. An I/O error is reported here instead of
  // raising SIGBUS below; kernels before 5.14 do not know it.
  if (::madvise(address, lead + window.length, MADV_POPULATE_READ) != 0 && errno == EFAULT) {
    return system_error("TF_IO", "reading", path_, EIO);
  }
#endif
  return window;
}

bool SegmentReader::check_blocks(BlockWindow& window) const {
  bool contradicted = false;
  const std::uint64_t begin = window.entries[1].offset;
  for (std::size_t i = 0; i < window.count; ++i) {
    const IndexEntry& entry = window.entries[i + 1];
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
              payload_holds(window.bytes + at + sizeof header, header.payload_length);
    }
    if (!whole) window.damaged.push_back(static_cast<std::uint32_t>(i));
  }
  return contradicted;
}

}  // namespace tickforge
