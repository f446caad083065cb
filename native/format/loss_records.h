// Records that say what is missing. Whoever writes one, the writer, a server, a reader, makes it here.
#pragma once

#include <cstdint>

#include "format/record.h"

namespace tickforge {

/// Something is or may be missing between the two times, for all instruments: of the connection in `frame`, or, when that
/// is 0, of the whole journal.
inline Gap make_gap(GapCause cause, std::int64_t ts_last_good, std::int64_t ts_recv, std::uint64_t frame = 0) {
  Gap gap{};
  gap.head = make_head(RecordType::kGap, ts_recv, 1, frame);
  gap.expected_id = kNoneU64;
  gap.received_id = kNoneU64;
  gap.ts_last_good = ts_last_good;
  gap.cause = static_cast<std::uint8_t>(cause);
  return gap;
}

/// `records` were refused from `ts_first` to `ts_recv`, of all instruments, because there was no room.
inline Drop make_drop(std::uint64_t records, std::int64_t ts_first, std::int64_t ts_recv) {
  Drop drop{};
  drop.head = make_head(RecordType::kDrop, ts_recv);
  drop.count = records;
  drop.ts_first = ts_first;
  drop.cause = static_cast<std::uint8_t>(GapCause::kOverflow);
  return drop;
}

}  // namespace tickforge
