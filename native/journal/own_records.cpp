#include "journal/own_records.h"

namespace tickforge {

Gap make_gap(GapCause cause, std::int64_t ts_last_good, std::int64_t ts_recv, std::uint64_t frame) {
  Gap gap{};
  gap.head.cells = 1;
  gap.head.type = static_cast<std::uint8_t>(RecordType::kGap);
  gap.head.flags = kFlagLast;
  gap.head.ts_recv = ts_recv;
  gap.head.ts_event = kNoneI64;
  gap.head.frame = frame;
  gap.expected_id = kNoneU64;
  gap.received_id = kNoneU64;
  gap.ts_last_good = ts_last_good;
  gap.cause = static_cast<std::uint8_t>(cause);
  return gap;
}

}  // namespace tickforge
