// What a segment says before its first record of a producer.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "base/error.h"
#include "tail/segment_cursor.h"

namespace tickforge {

struct PartOpening {
  bool has_blocks = false;
  /// All of it is there. A segment can be seen while its copies of definitions are being written.
  bool complete = false;
  /// Records of the part before from this one on are written again here, and do not count there.
  std::uint64_t limit = kUnlimited;
  /// A recorder that was started anew began it.
  bool new_life = false;
};

/// Errors: as SegmentCursor::peek().
Result<PartOpening> read_part_opening(const std::string& path);

}  // namespace tickforge
