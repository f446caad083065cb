#include "testing/journal_oracle.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "journal/block_walk.h"
#include "journal/segment_name.h"
#include "journal/segment_reader.h"
#include "journal/segment_scan.h"

namespace tickforge::testing {
namespace {

using Bytes = JournalOracle::Bytes;

constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kFrameNumberBits) - 1;

template <typename Record>
Record as(const Bytes& record) {
  Record copy;
  std::memcpy(&copy, record.data(), sizeof copy);
  return copy;
}

bool is(const RecordHead& head, RecordType type) { return head.type == static_cast<std::uint8_t>(type); }

/// As it was produced, but for what marks a copy.
bool is_copy_of(const Bytes& copy, const Bytes& original) {
  if (copy.size() != original.size()) return false;
  RecordHead head = as<RecordHead>(original);
  head.flags |= kFlagCopy;
  head.ts_recv = as<RecordHead>(copy).ts_recv;
  return std::memcmp(copy.data(), &head, sizeof head) == 0 &&
         std::equal(copy.begin() + sizeof head, copy.end(), original.begin() + sizeof head);
}

}  // namespace

/// The gap record of cause 11 that a part begins with: of the part before, records from its expected_id on do not count.
std::optional<Gap> restart_of(const std::string& path) {
  std::optional<Gap> found;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  (void)walk_blocks(fd.get(), path, {}, WalkDepth::kPayloads, [&](const WalkedBlock& block) {
    for_each_record(block.payload, block.header.payload_length, [&](const RecordHead& head) {
      if (found || !is(head, RecordType::kGap)) return;
      const auto& gap = reinterpret_cast<const Gap&>(head);
      if (gap.cause == static_cast<std::uint8_t>(GapCause::kWriteError)) found = gap;
    });
  });
  return found;
}

/// One pass over all segments, in order.
struct JournalOracle::Walk {
  JournalOracle& oracle;
  std::vector<bool> found;  // by number
  std::map<std::uint64_t, std::uint64_t> last_of{};  // number of a producer's last record
  std::uint64_t last = 0;   // number of the last produced record
  std::size_t restarts = 0;
  std::size_t left = 0;  // producers, by their gaps
  std::int64_t part_max = kNoneI64;  // ts_recv in this segment
  std::int64_t part_before_max = kNoneI64;
  std::int32_t last_day = 0;  // of its segment
  std::int32_t segment_day = 0;
  bool last_failed = false;  // a sync or the index of its segment
  bool segment_failed = false;
  bool part_before_failed = false;
  std::string segment_name{};
  std::size_t gaps = 0;  // since then
  bool unclean = false;  // one of them says so
  bool ordered = false;  // one of them says that the recorder had stopped in order
  bool damaged_ever = false;
  bool damaged = false;  // blocks are missing since then, and any gap with them: readers put one in their place
  bool is_synced = false;           // this segment: recovery has made durable what it holds
  std::set<std::uint32_t> defined{};  // in this segment
  std::vector<std::uint64_t> secured{};
  std::uint64_t in_segment = 0;  // records of its blocks up to this one
  std::uint64_t missing = 0;     // numbers in front of this block that no record has
  std::uint64_t marks = 0;
  std::optional<std::string> violation{};

  void fail(const std::string& what) {
    if (!violation) violation = segment_name + ": " + what;
  }

  void begin_segment(const SegmentName& name, bool synced, bool failed) {
    part_before_failed = std::exchange(segment_failed, failed);
    part_before_max = std::exchange(part_max, kNoneI64);
    segment_day = name.day;
    segment_name = name.file_name();
    is_synced = synced;
    defined.clear();
    in_segment = 0;
  }

  void see(std::int64_t ts_recv) { part_max = std::max(part_max, ts_recv); }

  void record(const Bytes& bytes, bool opens) {
    const auto head = as<RecordHead>(bytes);
    const std::uint64_t number = head.frame & kNumberMask;
    if (opens != is(head, RecordType::kSegment)) return fail("a segment record is not where it has to be");
    if (opens) return see(head.ts_recv);
    if (is(head, RecordType::kGap) && number == 0) return gap(as<Gap>(bytes));
    see(head.ts_recv);
    if (is(head, RecordType::kMark)) return mark(as<Mark>(bytes));
    if (number == 0 || number > oracle.records_.size()) return fail("a record that nobody produced");
    const Bytes& original = oracle.records_[number - 1];
    if ((head.flags & kFlagCopy) != 0) {
      if (!is_copy_of(bytes, original)) return fail("a copy that differs from record " + std::to_string(number));
      if (is(head, RecordType::kInstrument)) defined.insert(head.instrument);
      return;
    }
    if (bytes != original) return fail("record " + std::to_string(number) + " is not what was produced");
    std::uint64_t& before = last_of[head.frame >> kFrameNumberBits];
    if (number <= before) return fail("record " + std::to_string(number) + " behind record " + std::to_string(before));
    follow(number);
    before = number;
    if (is(head, RecordType::kInstrument)) {
      if (!defined.insert(head.instrument).second) fail("instrument " + std::to_string(head.instrument) + " twice");
    } else if (head.instrument != 0 && !defined.contains(head.instrument) && oracle.is_acknowledged(number)) {
      fail("record " + std::to_string(number) + " names an instrument that its segment does not define");
    }
    found[number] = true;
    if (is_synced) secured.push_back(number);
  }

  void mark(const Mark& mark) {
    marks += 1;
    if ((mark.head.flags & kFlagCopy) == 0) fail("a mark that is not marked as the writer's own");
    if (!defined.empty() && *defined.rbegin() > mark.last_instrument) fail("a mark names a smaller instrument than there is");
    // Of what was damaged since, the mark knows nothing.
    if (mark.missing_records > missing) fail("a mark counts more missing records than there are");
  }

  void begin_block(const BlockHeader& header) {
    missing = header.first_record - in_segment;
    in_segment += header.record_count;
  }

  void gap(const Gap& gap) {
    const auto cause = static_cast<GapCause>(gap.cause);
    see(gap.head.ts_recv);
    if (gap.head.instrument != 0) fail("a gap of ours of one instrument");
    if (gap.head.frame != 0) {
      left += 1;
      if (cause != GapCause::kUncleanStop) fail("a gap of ours of one connection, and not for its producer's end");
      return;
    }
    if (cause == GapCause::kWriteError) {
      restarts += 1;
      if (restarts > oracle.io_failures_) fail("a part was begun anew and no write or sync had failed");
      // The end of a part whose sync failed, at a start too, may have been in memory only, and be gone.
      const bool right = part_before_failed ? gap.ts_last_good >= part_before_max : gap.ts_last_good == part_before_max;
      if (!damaged_ever && !right) fail("the gap of a part begun anew has a wrong ts_last_good");
      return;
    }
    gaps += 1;
    unclean |= cause == GapCause::kUncleanStop;
    ordered |= cause == GapCause::kStop;
    if (cause != GapCause::kUncleanStop && cause != GapCause::kStop) fail("a gap of a cause that did not occur");
  }

  /// Nothing is missing at the end of a life, or it had begun a later day than that of the segment with its last record:
  /// what a producer has missing at its end begins there.
  bool ended_with_a_day(std::size_t life) const {
    std::map<std::uint64_t, std::uint64_t> missing;  // first one behind what was found, by producer
    const std::uint64_t end = oracle.lives_[life].before + oracle.records_of(life);
    for (std::uint64_t number = end; number > oracle.lives_[life].before; --number) {
      const std::uint64_t producer = as<RecordHead>(oracle.records_[number - 1]).frame >> kFrameNumberBits;
      const auto last_found = last_of.find(producer);
      if (last_found == last_of.end() || number > last_found->second) missing[producer] = number;
    }
    return missing.empty() || std::any_of(missing.begin(), missing.end(), [this](const auto& first) {
             return day_of(as<RecordHead>(oracle.records_[first.second - 1]).ts_recv) > last_day;
           });
  }

  /// The gaps between the last record and this one say what happened between their lives.
  void follow(std::uint64_t number) {
    const std::size_t now = oracle.life_of(number);
    const std::size_t then = last == 0 ? 0 : oracle.life_of(last);
    const std::string between = "between records " + std::to_string(last) + " and " + std::to_string(number) + ": ";
    if (gaps > now - then) fail(between + "more gaps than starts");
    if (last != 0 && now != then) {
      const bool in_order = oracle.lives_[then].in_order;
      // A recorder that dies with its closing block written, at its end or at that of a day, leaves a segment that ended
      // in order: then the gap is there and takes the end for a stop. Only of the next day can records be missing.
      // Where a sync failed, a restart may have found blocks in memory only that a power cut took later.
      const bool excused = ordered && (ended_with_a_day(then) || last_failed);
      if (!in_order && !unclean && !damaged && !excused) fail(between + "no gap for the unclean stop");
      if (in_order && now == then + 1 && unclean) fail(between + "a gap for an unclean stop that was none");
      if (in_order && now == then + 1 && !ordered && !damaged) fail(between + "no gap for the stop");
    }
    last = number;
    last_day = segment_day;
    last_failed = segment_failed;
    gaps = 0;
    unclean = ordered = damaged = false;
  }
};

void JournalOracle::begin_life() {
  lives_.push_back({records_.size(), false});
  must_stay_.resize(records_.size() + 1);
}

void JournalOracle::acknowledge(std::uint64_t number) {
  must_stay_.resize(records_.size() + 1);
  must_stay_[number] = true;
  durable_.insert(number);
}

std::size_t JournalOracle::life_of(std::uint64_t number) const {
  const auto later = std::upper_bound(lives_.begin(), lives_.end(), number - 1,
                                      [](std::uint64_t value, const Life& life) { return value < life.before; });
  return static_cast<std::size_t>(later - lives_.begin()) - 1;
}

std::optional<std::string> JournalOracle::check(const std::string& directory, const std::string& journal,
                                                const Allowances& allowances) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  const std::vector<SegmentName> segments = segments_of(names, journal);
  must_stay_.resize(records_.size() + 1);
  Walk walk{*this, std::vector<bool>(records_.size() + 1)};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string name = segments[i].file_name();
    const std::string path = directory + "/" + name;
    auto scanned = scan_segment(path);
    if (!scanned) return name + ": " + scanned.error().message;
    const SegmentScan& scan = scanned.value();
    if (scan.order_errors > 0) return name + ": " + scan.problems.front();
    const bool newest = i + 1 == segments.size();
    if (newest && scan.torn_tail_bytes > 0) return name + ": recovery left a torn tail";
    const bool index_holds = scan.index_state == IndexState::kOk;
    if (!index_holds && (newest || !allowances.index_may_differ(name))) {
      return name + ": the index is " + std::string(to_string(scan.index_state));
    }
    auto reader = SegmentReader::open(path);
    if (!reader) return name + ": " + reader.error().message;
    // An index may still describe blocks that were damaged later.
    const std::uint64_t counted = reader.value().record_count();
    const bool agrees = scan.corrupt_blocks == 0 ? counted == scan.records : counted >= scan.records;
    if (!agrees) return name + ": the reader counts other records than the scan";

    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    if (!newest && segments[i + 1].day == segments[i].day) {
      if (const auto restart = restart_of(directory + "/" + segments[i + 1].file_name())) limit = restart->expected_id;
    }
    walk.begin_segment(segments[i], !allowances.may_lose(name), allowances.index_may_differ(name));
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    auto walked = walk_blocks(fd.get(), path, {}, WalkDepth::kPayloads, [&](const WalkedBlock& block) {
      if (block.header.first_record >= limit) return;
      if (block.header.first_record + block.header.record_count > limit) walk.fail("the limit of a part divides a block");
      bool opens = block.header.block_number == 0;
      walk.damaged |= block.missing > 0;
      walk.damaged_ever |= block.missing > 0;
      walk.begin_block(block.header);
      for_each_record(block.payload, block.header.payload_length, [&](const RecordHead& head) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
        walk.record(Bytes(bytes, bytes + head.cells * kCellBytes), opens);
        opens = false;
      });
    });
    if (!walked) return name + ": " + walked.error().message;
  }
  for (std::size_t n = 1; n < must_stay_.size(); ++n) {
    if (must_stay_[n] && !walk.found[n]) return "record " + std::to_string(n) + " was durable and is missing";
  }
  if (walk.violation) return walk.violation;
  if (walk.left > producers_left_) return "more gaps of producers than producers that are gone";
  for (const std::uint64_t number : walk.secured) must_stay_[number] = true;
  marks_ = walk.marks;
  return std::nullopt;
}

}  // namespace tickforge::testing
