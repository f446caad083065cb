// Parts of a day, and what a later one takes over from the one before (docs/FORMAT.md, section "Parts").
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/segment_name.h"

namespace tickforge {

/// All records of a part count.
inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct SegmentPart {
  std::string path;
  SegmentName name;
  /// Only blocks that begin before this record count; the rest is written again in the next part.
  std::uint64_t limit = kNoLimit;
};

/// The record of the part before from which on the segment at `path` writes it again; kNoLimit when it does not, and
/// when its beginning cannot be read: then both are read. Errors: none, whoever reads the segment meets them.
std::uint64_t limit_of_part_before(const std::string& path);

/// The segments of a directory by day, journal and part, each with its limit. Errors: TF_NO_DIRECTORY, TF_IO.
Result<std::vector<SegmentPart>> list_parts(const std::string& directory);

}  // namespace tickforge
