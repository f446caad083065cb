#include "journal/segment_scan.h"


#include <algorithm>
#include <limits>

#include "base/own_file.h"
#include "base/unique_fd.h"
#include "format/record_check.h"
#include "journal/block_walk.h"
#include "journal/file_window.h"

namespace tickforge {
namespace {

/// Holds what the records of a block say against what its header says.
class ScanCollector {
 public:
  ScanCollector(SegmentScan& scan, std::uint64_t limit) : scan_(scan), limit_(limit) {}

  void block(const WalkedBlock& block) {
    const BlockHeader& header = block.header;
    if (cut_ || header.first_record >= limit_) return behind_limit(header);
    if (block.missing == 0 && header.first_record != next_record_) fail(block, "its first record is not the next one");
    if (block.missing > 0 && header.first_record < next_record_) fail(block, "its first record was there before");
    records(block);
    scan_.version = std::max(scan_.version, header.version);
    scan_.blocks += 1;
    scan_.records += header.record_count;
    scan_.closed = (header.flags & kBlockLast) != 0;
    if (header.record_count > 0) {
      const bool first = scan_.min_ts_recv == kNoneI64;
      scan_.min_ts_recv = first ? header.min_ts_recv : std::min(scan_.min_ts_recv, header.min_ts_recv);
      scan_.max_ts_recv = std::max(scan_.max_ts_recv, header.max_ts_recv);
    }
    next_record_ = header.first_record + header.record_count;
    scan_.corrupt_blocks += block.missing;
    append_entry(scan_.entries, block);
  }

  /// Counts what is missing in front of the limit.
  void end() {
    if (limit_ == kNoLimit || next_record_ >= limit_) return;
    scan_.corrupt_blocks += 1;
    problem("records " + std::to_string(next_record_) + " to " + std::to_string(limit_ - 1) +
            " are missing, which were there when the next part was begun");
  }
  /// Between the last block that counts and those behind the limit; end() knows what is missing there.
  bool is_at_limit(const Damage& damage) const {
    const std::uint64_t last = scan_.entries.empty() ? 0 : end_of(scan_.entries.back());
    return limit_ != kNoLimit && damage.offset >= last;
  }

  void problem(std::string words) {
    if (scan_.problems.size() < kProblemsMax) scan_.problems.push_back(std::move(words));
  }

 private:
  void behind_limit(const BlockHeader& header) {
    if (!cut_) scan_.rewritten_first = header.block_number;
    cut_ = true;
    scan_.rewritten_blocks = header.block_number + 1 - scan_.rewritten_first;
  }

  void records(const WalkedBlock& block) {
    const BlockHeader& header = block.header;
    std::uint32_t count = 0;
    std::uint16_t flags = 0;
    std::int64_t min = std::numeric_limits<std::int64_t>::max();
    std::int64_t max = std::numeric_limits<std::int64_t>::min();
    bool typed = true;
    bool held = true;
    const bool walked = for_each_record(block.payload, header.payload_length, [&](const RecordHead& head) {
      count += 1;
      flags |= content_flags(static_cast<RecordType>(head.type));
      min = std::min(min, head.ts_recv);
      max = std::max(max, head.ts_recv);
      typed &= head.type != static_cast<std::uint8_t>(RecordType::kInvalid);
      held &= record_holds(head);
    });
    if (!walked) fail(block, "a record does not end within it");
    if (!held) fail(block, "a record counts more than it holds");
    if (!typed) fail(block, "a record has no type");
    if (count != header.record_count) {
      fail(block,
           "it has " + std::to_string(count) + " records and its header says " + std::to_string(header.record_count));
    }
    if (count > 0 && (min != header.min_ts_recv || max != header.max_ts_recv)) {
      fail(block, "its header does not say the least and the largest ts_recv of its records");
    }
    if ((header.flags & kBlockContentFlags) != flags) fail(block, "its flags do not say which records it has");
    if (header.block_number == 0) opening(block);
  }

  /// Block 0 opens with the record that says whose segment this is.
  void opening(const WalkedBlock& block) {
    if (block.header.payload_length < sizeof(Segment)) return fail(block, "it does not open with a segment record");
    const auto& segment = *reinterpret_cast<const Segment*>(block.payload);
    if (segment.head.type != static_cast<std::uint8_t>(RecordType::kSegment)) {
      return fail(block, "it does not open with a segment record");
    }
    if (segment.segment_id != block.header.segment_id) fail(block, "its segment record names another segment");
  }

  void fail(const WalkedBlock& block, const std::string& what) {
    scan_.order_errors += 1;
    problem("block " + std::to_string(block.header.block_number) + " at offset " + std::to_string(block.offset) + ": " +
            what);
  }

  SegmentScan& scan_;
  std::uint64_t limit_;
  std::uint64_t next_record_ = 0;
  bool cut_ = false;
};

}  // namespace

Result<SegmentScan> scan_segment(const std::string& path, std::uint64_t limit) {
  const UniqueFd fd = open_for_reading(path);
  if (!fd) return system_error(errno == ENOENT ? "TF_NO_DIRECTORY" : "TF_IO", "opening", path, errno);
  SegmentScan scan;
  scan.path = path;
  ScanCollector collector(scan, limit);
  auto walked = walk_blocks(fd.get(), path, {}, WalkDepth::kPayloads,
                            [&collector](const WalkedBlock& block) { collector.block(block); });
  if (!walked) return walked.error();
  const WalkEnd& end = walked.value();
  scan.segment_id = end.segment_id.value_or(0);
  // Behind a limit nothing is torn; in front of it, what is missing at the end is damage of its own.
  if (limit == kNoLimit) scan.torn_tail_bytes = end.torn_tail_bytes;
  if (limit != kNoLimit) scan.closed = false;
  for (const Damage& damage : end.damage) {
    if (collector.is_at_limit(damage)) continue;
    if (damage.blocks == 0) scan.order_errors += 1;
    collector.problem(std::to_string(damage.blocks) + " blocks from " + std::to_string(damage.first_block) +
                      " on are damaged (" + std::to_string(damage.length) + " bytes at offset " +
                      std::to_string(damage.offset) + "): " + std::string(damage.reason));
  }
  collector.end();
  if (scan.torn_tail_bytes > 0) {
    collector.problem(std::to_string(scan.torn_tail_bytes) + " bytes at offset " + std::to_string(end.end_offset) +
                      " belong to no whole block");
  }
  auto bytes = size_of_file(fd.get(), path);
  if (!bytes) return bytes.error();
  scan.file_bytes = bytes.value();
  auto index = read_index(path);
  if (!index) return index.error();
  scan.index_state = compare_index(index.value(), scan.segment_id, scan.entries,
                                   limit == kNoLimit ? IndexEnd::kExact : IndexEnd::kLimited);
  if (scan.index_state == IndexState::kWrong) collector.problem("the index does not say what the blocks say");
  return scan;
}

}  // namespace tickforge
