#include "journal/segment_parts.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <tuple>

#include "base/crc32c.h"
#include "base/own_file.h"
#include "base/unique_fd.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"
#include "journal/pending_segments.h"

namespace tickforge {
namespace {

bool opens(const RecordHead& head) {
  return head.type == static_cast<std::uint8_t>(RecordType::kSegment) || (head.flags & kFlagCopy) != 0;
}

/// Of the first record behind the segment record and the copies.
std::uint64_t limit_in(const RecordHead& head) {
  if (head.type != static_cast<std::uint8_t>(RecordType::kGap) || head.instrument != 0 || head.frame != 0) {
    return kNoLimit;
  }
  const auto& gap = reinterpret_cast<const Gap&>(head);
  return gap.cause == static_cast<std::uint8_t>(GapCause::kWriteError) ? gap.expected_id : kNoLimit;
}
static_assert(kNoneU64 == kNoLimit, "a gap record that names no record limits nothing");

/// Payload of the whole block `number` at `offset`; empty when there is none. Gives or checks the segment's id.
std::vector<std::uint8_t> read_opening(int fd, const std::string& path, std::uint64_t offset, std::uint64_t number,
                                       std::optional<std::uint64_t>& segment_id) {
  BlockHeader header;
  auto read = read_fully(fd, path, &header, sizeof header, offset);
  if (!read || read.value() != sizeof header || !header_holds(header)) return {};
  if (header.block_number != number || (segment_id && header.segment_id != *segment_id)) return {};
  segment_id = header.segment_id;
  std::vector<std::uint8_t> payload(header.payload_length);
  read = read_fully(fd, path, payload.data(), payload.size(), offset + sizeof header);
  const bool whole =
      read && read.value() == payload.size() && crc32c(payload.data(), payload.size()) == header.payload_crc;
  if (!whole || !payload_holds(payload.data(), payload.size())) return {};
  return payload;
}

}  // namespace

std::uint64_t limit_of_part_before(const std::string& path) {
  const UniqueFd fd = open_for_reading(path);
  if (!fd) return kNoLimit;
  std::optional<std::uint64_t> segment_id;
  std::uint64_t offset = 0;
  for (std::uint64_t number = 0;; ++number) {
    const auto payload = read_opening(fd.get(), path, offset, number, segment_id);
    if (payload.empty()) return kNoLimit;
    for (std::size_t at = 0; at < payload.size();) {
      const auto& head = *reinterpret_cast<const RecordHead*>(payload.data() + at);
      if (!opens(head)) return limit_in(head);
      at += head.cells * kCellBytes;
    }
    // More copies than one block holds.
    offset = align_up(offset + sizeof(BlockHeader) + payload.size(), kBlockAlign);
  }
}

Result<std::vector<SegmentPart>> list_parts(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (auto entry = std::filesystem::directory_iterator(directory, failed);
       !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (failed) {
    const bool missing = failed.value() == ENOENT || failed.value() == ENOTDIR;
    return system_error(missing ? "TF_NO_DIRECTORY" : "TF_IO", "listing", directory, failed.value());
  }
  remove_pending(directory, names);
  std::vector<SegmentPart> parts;
  for (const std::string& file : names) {
    auto name = parse_segment_name(file);
    if (name) parts.push_back({(std::filesystem::path(directory) / file).string(), std::move(*name), kNoLimit});
  }
  const auto key = [](const SegmentPart& part) { return std::tie(part.name.day, part.name.journal, part.name.part); };
  std::sort(parts.begin(), parts.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const SegmentName& before = parts[i - 1].name;
    const SegmentName& name = parts[i].name;
    if (before.day == name.day && before.journal == name.journal) {
      parts[i - 1].limit = limit_of_part_before(parts[i].path);
    }
  }
  return parts;
}

}  // namespace tickforge
