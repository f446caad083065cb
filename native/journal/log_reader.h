// All segments of a directory, for lookups across them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/segment_reader.h"

namespace tickforge {

/// A record and the segment that holds it.
struct FoundRecord {
  std::string path;
  PlacedRecord place;

  const RecordHead& head() const { return *reinterpret_cast<const RecordHead*>(place.window.bytes + place.offset); }
};

class LogReader {
 public:
  /// Opens every segment, each with its limit; of an index only its ends are read. Errors: as SegmentReader::open.
  static Result<LogReader> open(const std::string& directory);

  /// By day, journal and part.
  std::vector<SegmentReader>& segments() { return segments_; }

  /// The record with ts_recv >= `ts` that a replay from `ts` on begins with; nothing when there is none. Errors: TF_IO.
  Result<std::optional<FoundRecord>> first_at(std::int64_t ts);

 private:
  std::vector<SegmentReader> segments_;
};

/// Opens a directory and looks one record up.
Result<std::optional<FoundRecord>> first_record_at(const std::string& directory, std::int64_t ts);

}  // namespace tickforge
