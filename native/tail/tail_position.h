// Where a reader of a journal stands, so that it can stop and go on there later.
//
// The log gives every record of a segment a number. A live reader is ahead of the log: it has records that are in no
// block yet, or in blocks that it has not looked at. Those are counted for each producer, in cells: whoever goes on at
// the position skips as many of that producer's cells behind the record. Text: <segment file>:<record>, then
// +<producer>:<cells> for each producer that is ahead.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "journal/segment_name.h"

namespace tickforge {

/// A block names its producer in one byte.
inline constexpr std::size_t kProducerNumbers = 256;
using CellCounts = std::array<std::uint64_t, kProducerNumbers>;

struct TailPosition {
  /// Without a journal's name: before the first segment. Text: "start".
  SegmentName segment;
  /// Number of the record in the segment that comes next.
  std::uint64_t record = 0;
  CellCounts ahead{};
  /// Which recorder the cells ahead are of, while it has not written anything into an empty journal. Text: ~<number>.
  std::uint64_t of_life = 0;
};

std::string to_text(const TailPosition& position);
/// Nothing when it is no position; a segment without ".tfs" will do.
std::optional<TailPosition> parse_tail_position(std::string_view text);

}  // namespace tickforge
