// Where a tail begins, and the definitions that are in force there.
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/clock.h"
#include "base/own_file.h"
#include "journal/block_walk.h"
#include "journal/pending_segments.h"
#include "journal/posix_storage.h"
#include "journal/segment_reader.h"
#include "tail/journal_tail.h"

namespace tickforge {
namespace {

/// How long the start of a tail may take to get to what is published at that moment.
constexpr std::int64_t kSkimNs = 2'000'000'000;

void append_definition(std::vector<std::uint8_t>& definitions, const RecordHead& head) {
  if (!is_definition(head)) return;
  const auto* first = reinterpret_cast<const std::uint8_t*>(&head);
  definitions.insert(definitions.end(), first, first + head.cells * kCellBytes);
}

std::uint64_t end_of_records(const std::vector<IndexEntry>& entries) {
  return entries.empty() ? 0 : entries.back().first_record + entries.back().record_count;
}

Result<std::vector<SegmentName>> list_segments(const std::string& directory, const std::string& journal) {
  std::vector<std::string> names;
  const int listed = PosixStorage().list(directory, names);
  if (listed < 0) {
    const char* code = listed == -ENOENT || listed == -ENOTDIR ? "TF_NO_DIRECTORY" : "TF_IO";
    return system_error(code, "listing", directory, -listed);
  }
  remove_pending(directory, names);
  return segments_of(names, journal);
}

}  // namespace

bool parse_tail_start(std::string_view text, TailOptions& options) {
  if (text == "now" || text == "start") {
    options.start = text == "now" ? TailStart::kNow : TailStart::kBegin;
    return true;
  }
  if (auto position = parse_tail_position(text)) {
    options.start = TailStart::kPosition;
    options.position = std::move(*position);
    return true;
  }
  options.start = TailStart::kTime;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, options.time);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

Result<void> JournalTail::start(const TailOptions& options) {
  auto segments = list_segments(directory_, journal_);
  if (!segments) return segments.error();
  (void)rings_.attach();
  switch (options.start) {
    case TailStart::kBegin:
      return {};
    case TailStart::kTime:
      return start_at_time(options.time);
    case TailStart::kPosition:
      return start_at_position(options.position);
    case TailStart::kNow:
      return start_now();
  }
  return {};
}

Result<void> JournalTail::place(const SegmentName& segment, std::uint64_t record) {
  const std::string path = directory_ + "/" + segment.file_name();
  auto opened = SegmentReader::open(path);
  if (!opened) {
    Error error = opened.error();
    if (error.code == "TF_NO_DIRECTORY") error.code = "TF_NO_FILE";
    return error;
  }
  const std::vector<IndexEntry>& entries = opened.value().index();
  const std::uint64_t end = end_of_records(entries);
  if (record > end) {
    return Error{"TF_EMPTY_RANGE",
                 "'" + path + "' ends before record " + std::to_string(record) + ": it has " + std::to_string(end), path, 0};
  }
  // The last block that begins at or before the record.
  const auto behind = std::partition_point(entries.begin(), entries.end(),
                                           [record](const IndexEntry& entry) { return entry.first_record <= record; });
  std::size_t block = static_cast<std::size_t>(behind - entries.begin());
  const bool at_end = record == end;
  if (at_end) block = entries.size();
  while (!at_end && block > 0 && (--block, entries[block].record_count == 0) && block > 0) {
  }

  CursorPlace place;
  if (!entries.empty()) place.segment_id = opened.value().info().segment_id;
  place.block_number = block;
  if (block > 0) {
    const IndexEntry& before = entries[block - 1];
    place.offset = end_of(before);
    place.record = before.first_record + before.record_count;
    place.running_max = before.running_max_ts_recv;
    place.closed = (before.flags & kBlockLast) != 0;
  }
  if (block < entries.size() && !is_missing(entries[block])) {
    place.offset = entries[block].offset;
    place.record = entries[block].first_record;
  }

  const UniqueFd fd = open_for_reading(path);
  if (!fd) return system_error("TF_IO", "opening", path, errno);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < entries.size() && entries[i].first_record < record; ++i) {
    if ((entries[i].flags & kBlockHasDefinitions) == 0) continue;
    auto state = read_block(fd.get(), path, *place.segment_id, entries[i], bytes);
    if (!state) return state.error();
    if (state.value() != BlockState::kWhole) continue;
    std::uint64_t number = entries[i].first_record;
    for_each_record(bytes.data() + sizeof(BlockHeader), bytes.size() - sizeof(BlockHeader), [&](const RecordHead& head) {
      if (number++ < record) append_definition(in_force_, head);
    });
  }
  return cursor_.place(segment, place, record);
}

Result<void> JournalTail::start_at_time(std::int64_t time) {
  auto segments = list_segments(directory_, journal_);
  if (!segments) return segments.error();
  for (const SegmentName& segment : segments.value()) {
    auto opened = SegmentReader::open(directory_ + "/" + segment.file_name());
    if (!opened) return opened.error();
    const std::vector<IndexEntry>& entries = opened.value().index();
    const auto block = std::partition_point(entries.begin(), entries.end(), [time](const IndexEntry& entry) {
      return entry.running_max_ts_recv < time;
    });
    if (block != entries.end()) return place(segment, block->first_record);
  }
  return start_at_end();
}

/// Behind the last block of the journal.
Result<void> JournalTail::start_at_end() {
  auto segments = list_segments(directory_, journal_);
  if (!segments) return segments.error();
  for (std::size_t i = segments.value().size(); i > 0; --i) {
    const SegmentName& segment = segments.value()[i - 1];
    auto opened = SegmentReader::open(directory_ + "/" + segment.file_name());
    if (!opened) return opened.error();
    // A segment without a block is no place: a recorder that starts takes it away.
    if (opened.value().index().empty()) continue;
    return place(segment, end_of_records(opened.value().index()));
  }
  return {};
}

Result<void> JournalTail::start_at_position(const TailPosition& position) {
  cursor_.resume_ahead(position);
  resumed_ = std::any_of(position.ahead.begin(), position.ahead.end(), [](std::uint64_t cells) { return cells > 0; });
  if (position.segment.journal.empty()) return {};
  if (position.segment.journal != journal_) {
    return Error{"TF_USAGE", "the position is of journal '" + position.segment.journal + "', not of '" + journal_ + "'", "",
                 0};
  }
  return place(position.segment, position.record);
}

Result<void> JournalTail::start_now() {
  const auto point = rings_.attached() ? rings_.tail() : std::nullopt;
  if (point && point->segment_id != 0) {
    auto placed = place({point->day, journal_, point->part}, point->record_count);
    if (!placed) return placed;
    return skim();
  }
  auto placed = start_at_end();
  if (!placed) return placed;
  return skim();
}

/// Passes over what is published already, but for the definitions in it.
Result<void> JournalTail::skim() {
  std::vector<std::uint8_t> memory(kBatchBytesMin);
  const std::int64_t until = monotonic_ns() + kSkimNs;
  std::vector<std::uint8_t> definitions;
  // They are given later.
  in_force_given_ = in_force_.size();
  std::optional<std::vector<std::uint32_t>> published;
  for (;;) {
    batch_.begin(memory.data(), memory.size());
    auto filled = fill();
    if (!filled) return filled;
    for_each_record(memory.data(), batch_.bytes(),
                    [&](const RecordHead& head) { append_definition(definitions, head); });
    if (!joined_ && batch_.empty()) break;
    auto& rings = rings_.rings();
    if (!published && joined_) {
      published.emplace();
      for (const LiveRing& live : rings) published->push_back(live.ring->published());
    }
    bool reached = published.has_value() && published->size() <= rings.size();
    for (std::size_t i = 0; reached && i < published->size(); ++i) {
      reached = !is_before(rings[i].position, (*published)[i]);
    }
    if (reached || monotonic_ns() >= until) break;
  }
  in_force_.insert(in_force_.end(), definitions.begin(), definitions.end());
  in_force_given_ = 0;
  batch_.begin(memory.data(), memory.size());
  return {};
}

}  // namespace tickforge
