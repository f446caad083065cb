// Records that the writer makes by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "format/record.h"

namespace tickforge {

/// Something is or may be missing between the two times, for all instruments: of the connection in `frame`, or of the
/// whole journal.
Gap make_gap(GapCause cause, std::int64_t ts_last_good, std::int64_t ts_recv, std::uint64_t frame = 0);

template <typename Record>
void append_record(std::vector<std::uint8_t>& records, const Record& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
  records.insert(records.end(), bytes, bytes + sizeof record);
}

}  // namespace tickforge
