// Which records are the writer's own: they begin a block of producer 0 and are in no ring.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/segment.h"

namespace tickforge {

inline bool is_definition(const RecordHead& head) {
  return head.type == static_cast<std::uint8_t>(RecordType::kInstrument) ||
         head.type == static_cast<std::uint8_t>(RecordType::kConnection);
}

/// The gap record with which a recorder says that it was started anew.
inline bool begins_life(const RecordHead& head) {
  if (head.type != static_cast<std::uint8_t>(RecordType::kGap) || head.instrument != 0 || head.frame != 0) return false;
  const auto cause = static_cast<GapCause>(reinterpret_cast<const Gap&>(head).cause);
  return cause == GapCause::kUncleanStop || cause == GapCause::kStop;
}

/// The gap record with which a part says that it repeats the end of the one before.
inline bool repeats_part_before(const RecordHead& head) {
  return head.type == static_cast<std::uint8_t>(RecordType::kGap) && head.instrument == 0 && head.frame == 0 &&
         reinterpret_cast<const Gap&>(head).cause == static_cast<std::uint8_t>(GapCause::kWriteError);
}

/// What a recorder says of a producer that has ended: the connections that ended with it, and what it could no longer say
/// that it had dropped. No producer writes gaps of this cause, nor drops that belong to no frame.
inline bool sees_producer_off(const RecordHead& head) {
  if (head.instrument != 0) return false;
  if (head.type == static_cast<std::uint8_t>(RecordType::kDrop)) return head.frame == 0;
  return head.type == static_cast<std::uint8_t>(RecordType::kGap) &&
         reinterpret_cast<const Gap&>(head).cause == static_cast<std::uint8_t>(GapCause::kUncleanStop);
}

inline bool is_own(const RecordHead& head) {
  return head.type == static_cast<std::uint8_t>(RecordType::kSegment) || (head.flags & kFlagCopy) != 0 ||
         begins_life(head) || repeats_part_before(head) || sees_producer_off(head);
}

/// A block without any of these flags holds none.
inline constexpr std::uint16_t kOwnFlags = kBlockContentFlags;

/// How many of a block's records are the writer's own, and their cells. `payload` holds whole records.
struct OwnRecords {
  std::uint32_t records = 0;
  std::uint32_t cells = 0;
};

inline OwnRecords own_records(const std::uint8_t* payload, std::size_t length, std::uint32_t producer) {
  OwnRecords own;
  while (producer == 0 && own.cells * kCellBytes < length) {
    const auto& head = *reinterpret_cast<const RecordHead*>(payload + own.cells * kCellBytes);
    if (!is_own(head)) break;
    own.records += 1;
    own.cells += head.cells;
  }
  return own;
}

}  // namespace tickforge
