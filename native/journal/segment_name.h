// Names of segment files: <YYYY-MM-DD>.<journal>.<part>.tfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tickforge {

inline constexpr std::uint32_t kPartMax = 999;

struct SegmentName {
  std::int32_t day = 0;  // days since 1970-01-01
  std::string journal;
  std::uint32_t part = 0;

  /// Name of the segment file, without a directory.
  std::string file_name() const;
};

/// [a-z0-9_-]{1,32}
bool is_journal_name(std::string_view name);

/// Nothing for any other file.
std::optional<SegmentName> parse_segment_name(std::string_view file_name);

/// The segments of one journal among the names of a directory, oldest first.
std::vector<SegmentName> segments_of(const std::vector<std::string>& names, std::string_view journal);

}  // namespace tickforge
