#include "journal/log_reader.h"

#include <utility>

#include "journal/segment_parts.h"

namespace tickforge {

Result<LogReader> LogReader::open(const std::string& directory) {
  auto parts = list_parts(directory);
  if (!parts) return parts.error();
  LogReader log;
  for (const SegmentPart& part : parts.value()) {
    auto segment = SegmentReader::open(part.path, part.limit, IndexUse::kTouched);
    if (!segment) return segment.error();
    log.segments_.push_back(segment.take());
  }
  return log;
}

Result<std::optional<FoundRecord>> LogReader::first_at(std::int64_t ts) {
  std::optional<FoundRecord> first;
  for (SegmentReader& segment : segments_) {
    if (segment.max_ts_recv() < ts) continue;
    // A later day needs no look into its file.
    if (first && segment.begins_behind(first->head().ts_recv)) continue;
    auto found = segment.first_at(ts);
    if (!found) return found.error();
    if (!found.value()) continue;
    FoundRecord record{segment.path(), std::move(*found.value())};
    if (!first || record.head().ts_recv < first->head().ts_recv) first = std::move(record);
  }
  return first;
}

Result<std::optional<FoundRecord>> first_record_at(const std::string& directory, std::int64_t ts) {
  auto log = LogReader::open(directory);
  if (!log) return log.error();
  return log.value().first_at(ts);
}

}  // namespace tickforge
