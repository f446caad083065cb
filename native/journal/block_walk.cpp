#include "journal/block_walk.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"
#include "format/record_check.h"

namespace tickforge {
namespace {

constexpr std::size_t kReadAhead = 2 * kBlockBytesMax;
constexpr std::size_t kHeaderCrcBytes = offsetof(BlockHeader, header_crc);

bool crc_holds(const BlockHeader& header) { return header.header_crc == crc32c(&header, kHeaderCrcBytes); }

/// Finds whole blocks in a file, one offset at a time.
class BlockFinder {
 public:
  BlockFinder(FileWindow& window, std::optional<std::uint64_t> segment_id) : window_(window), segment_id_(segment_id) {}

  /// Null when there is a whole block with a number in [lowest, highest] at `offset`, else what is wrong.
  const char* look(std::uint64_t offset, std::uint64_t lowest, std::uint64_t highest, WalkDepth depth) {
    const std::size_t ahead = depth == WalkDepth::kPayloads ? kReadAhead : sizeof(BlockHeader);
    const std::uint8_t* bytes = window_.at(offset, sizeof(BlockHeader), ahead);
    if (bytes == nullptr) return "the file ends";
    std::memcpy(&header_, bytes, sizeof header_);
    payload_ = nullptr;
    if (header_.magic != kBlockMagic) return "no block begins here";
    const bool ours = !segment_id_ || header_.segment_id == *segment_id_;
    if (ours && header_.version > kFormatVersion && crc_holds(header_)) newer_version_ = header_.version;
    if (!header_holds(header_)) return "the block header fails its CRC or makes no sense";
    if (!ours) return "a block of another segment";
    if (header_.block_number < lowest || header_.block_number > highest) return "the block number is not the next";
    if (depth == WalkDepth::kHeaders) {
      const bool inside = window_.file_bytes() - offset - sizeof(BlockHeader) >= header_.payload_length;
      return inside ? nullptr : "the file ends within the block";
    }
    bytes = window_.at(offset, sizeof(BlockHeader) + header_.payload_length, kReadAhead);
    if (bytes == nullptr) return "the file ends within the block";
    payload_ = bytes + sizeof(BlockHeader);
    if (crc32c(payload_, header_.payload_length) != header_.payload_crc) return "the payload fails its CRC";
    return nullptr;
  }

  const BlockHeader& header() const { return header_; }
  const std::uint8_t* payload() const { return payload_; }
  std::optional<std::uint64_t> segment_id() const { return segment_id_; }
  void accept() { segment_id_ = header_.segment_id; }
  /// Version of a sound header of this segment that is newer than ours.
  std::optional<std::uint16_t> newer_version() const { return newer_version_; }

 private:
  FileWindow& window_;
  std::optional<std::uint64_t> segment_id_;
  std::optional<std::uint16_t> newer_version_;
  BlockHeader header_{};
  const std::uint8_t* payload_ = nullptr;
};

Error newer_format(const std::string& path, std::uint16_t version) {
  return Error{"TF_NEWER_FORMAT",
               "'" + path + "' has blocks of format version " + std::to_string(version) +
                   ", this version reads up to " + std::to_string(kFormatVersion),
               path, 0};
}

/// A file without one whole block: ours, torn early; of a newer format; or something else altogether.
Result<void> judge_blockless(FileWindow& window, const std::string& path) {
  std::uint8_t bytes[6] = {};
  const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(sizeof bytes, window.file_bytes()));
  if (const std::uint8_t* begin = window.at(0, length, 0)) std::memcpy(bytes, begin, length);
  std::uint32_t magic;
  std::uint16_t version;
  std::memcpy(&magic, bytes, sizeof magic);
  std::memcpy(&version, bytes + sizeof magic, sizeof version);
  // Not written yet, or cut within the magic: a write that a crash interrupted leaves zeros or our own bytes.
  const bool torn = magic == 0 || (length < sizeof magic && std::memcmp(bytes, &kBlockMagic, length) == 0);
  if (magic != kBlockMagic && !torn) {
    return Error{"TF_FOREIGN_DIRECTORY", "'" + path + "' is not a tickforge segment", path, 0};
  }
  // Our magic with a newer version whose header we cannot check: better refused than cut off as torn.
  if (magic == kBlockMagic && version > kFormatVersion) return newer_format(path, version);
  return {};
}

/// Bytes from `begin` to the last one that is not zero.
std::uint64_t torn_bytes_after(FileWindow& window, std::uint64_t begin) {
  std::uint64_t end = begin;
  for (std::uint64_t at = begin; at < window.file_bytes();) {
    at = window.skip_hole(at);
    const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockAlign, window.file_bytes() - at));
    const std::uint8_t* bytes = length == 0 ? nullptr : window.at(at, length, kReadAhead);
    if (bytes == nullptr) break;
    for (std::size_t i = length; i > 0; --i) {
      if (bytes[i - 1] == 0) continue;
      end = at + i;
      break;
    }
    at += length;
  }
  return end - begin;
}

/// The next whole block at or after `offset` with a number of at least `lowest`. The file ends at the result: none.
std::uint64_t look_on(FileWindow& window, BlockFinder& finder, std::uint64_t offset, std::uint64_t lowest) {
  while (offset < window.file_bytes()) {
    const std::uint64_t data = window.skip_hole(offset);
    if (data > offset) {
      offset = data / kBlockAlign * kBlockAlign;
      if (data == window.file_bytes()) break;
    }
    if (finder.look(offset, lowest, lowest + kMissingBlocksMax, WalkDepth::kPayloads) == nullptr) return offset;
    if (window.error() || finder.newer_version()) break;
    offset += kBlockAlign;
  }
  return window.file_bytes();
}

}  // namespace

bool header_holds(const BlockHeader& header) {
  return header.magic == kBlockMagic && header.version != 0 && header.version <= kFormatVersion &&
         header.payload_length % kCellBytes == 0 && header.payload_length <= kBlockBytesMax - sizeof(BlockHeader) &&
         header.first_record <= kRecordNumberMax &&
         crc_holds(header);
}

Result<WalkEnd> walk_blocks(ReadableFile file, const std::string& path, const WalkStart& start, WalkDepth depth,
                            const BlockVisitor& visit) {
  TF_ASSERT(start.offset % kBlockAlign == 0);
  auto file_bytes = size_of_file(file, path);
  if (!file_bytes) return file_bytes.error();
  FileWindow window(file, path, file_bytes.value());
  BlockFinder finder(window, start.segment_id);
  WalkEnd end;
  std::uint64_t offset = start.offset;
  std::uint64_t number = start.block_number;
  while (true) {
    const char* fault = finder.look(offset, number, number, depth);
    std::uint64_t missing = 0;
    if (fault != nullptr && !finder.newer_version() && !window.error()) {
      const std::uint64_t next = look_on(window, finder, offset, number);
      if (next < window.file_bytes()) {
        missing = finder.header().block_number - number;
        end.damage.push_back({offset, next - offset, number, missing, fault});
        end.missing_blocks += missing;
        offset = next;
        fault = nullptr;
      }
    }
    if (window.error()) return *window.error();
    if (finder.newer_version()) return newer_format(path, *finder.newer_version());
    if (fault != nullptr) break;
    finder.accept();
    const BlockHeader header = finder.header();
    visit({offset, header, finder.payload(), missing});
    offset = align_up(offset + sizeof header + header.payload_length, kBlockAlign);
    number = header.block_number + 1;
  }
  end.segment_id = finder.segment_id();
  end.end_offset = offset;
  end.next_block = number;
  if (!end.segment_id && file_bytes.value() > 0) {
    auto judged = judge_blockless(window, path);
    if (!judged) return judged.error();
  }
  end.torn_tail_bytes = torn_bytes_after(window, offset);
  if (window.error()) return *window.error();
  end.bytes_read = window.bytes_read();
  return end;
}

BlockState check_against_entry(const BlockHeader& header, std::uint64_t segment_id, const IndexEntry& entry) {
  if (is_missing(entry) || !header_holds(header) || header.segment_id != segment_id) return BlockState::kDamaged;
  const bool same = static_cast<std::uint32_t>(header.block_number) == entry.block_number &&
                    sizeof(BlockHeader) + header.payload_length == entry.length &&
                    header.record_count == entry.record_count && header.first_record == entry.first_record &&
                    header.min_ts_recv == entry.min_ts_recv && header.max_ts_recv == entry.max_ts_recv &&
                    header.flags == entry.flags;
  return same ? BlockState::kWhole : BlockState::kDiffers;
}

Result<BlockState> read_block(ReadableFile file, const std::string& path, std::uint64_t segment_id, const IndexEntry& entry,
                              std::vector<std::uint8_t>& block) {
  if (is_missing(entry)) return BlockState::kDamaged;
  block.resize(entry.length);
  auto read = read_fully(file, path, block.data(), block.size(), entry.offset);
  if (!read) return read.error();
  if (read.value() < sizeof(BlockHeader)) return BlockState::kDamaged;
  BlockHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  const BlockState state = check_against_entry(header, segment_id, entry);
  if (state != BlockState::kWhole) return state;
  const bool whole =
      read.value() == block.size() && crc32c(block.data() + sizeof header, header.payload_length) == header.payload_crc;
  return whole ? BlockState::kWhole : BlockState::kDamaged;
}

bool payload_holds(const std::uint8_t* payload, std::size_t length) {
  bool held = true;
  const bool walked =
      for_each_record(payload, length, [&held](const RecordHead& head) { held &= record_holds(head); });
  return walked && held;
}

Result<bool> is_whole_block(ReadableFile file, const std::string& path, std::uint64_t offset) {
  BlockHeader header;
  auto read = read_fully(file, path, &header, sizeof header, offset);
  if (!read) return read.error();
  if (read.value() != sizeof header || !header_holds(header)) return false;
  std::vector<std::uint8_t> payload(header.payload_length);
  read = read_fully(file, path, payload.data(), payload.size(), offset + sizeof header);
  if (!read) return read.error();
  return read.value() == payload.size() && crc32c(payload.data(), payload.size()) == header.payload_crc;
}

namespace {

void append(const IndexEntry* before, std::vector<IndexEntry>& entries, const WalkedBlock& block) {
  const auto last = [&] { return entries.empty() ? before : &entries.back(); };
  for (std::uint64_t i = 0; i < block.missing; ++i) {
    const IndexEntry entry = make_missing_entry(last());
    entries.push_back(entry);
  }
  const IndexEntry entry = make_entry(last(), block.header, block.offset);
  entries.push_back(entry);
}

}  // namespace

void append_entry(std::vector<IndexEntry>& entries, const WalkedBlock& block) { append(nullptr, entries, block); }

void append_entry_behind(const IndexEntry& before, std::vector<IndexEntry>& entries, const WalkedBlock& block) {
  append(&before, entries, block);
}

}  // namespace tickforge
