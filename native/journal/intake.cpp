#include "journal/intake.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/clock.h"
#include "journal/own_records.h"

namespace tickforge {
namespace {

/// First ts_recv of the next day. The last day that an i64 reaches never ends.
std::int64_t end_of_day(std::int32_t day) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  return day >= day_of(kLast) ? kLast : (std::int64_t{day} + 1) * kNsPerDay;
}

Error no_records(const Lane& lane) {
  return Error{"TF_INTERNAL", "the ring of producer " + std::to_string(lane.producer()) + " holds cells that are no record",
               "", 0};
}

}  // namespace

Intake::Intake(RingSet& rings, const MarkLimits& marks) : rings_(rings), marks_(marks) {
  for (const Inlet& inlet : rings_.inlets()) lanes_.push_back(std::make_unique<Lane>(inlet));
}

void Intake::refresh() {
  if (!rings_.refresh()) return;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const Inlet& inlet : rings_.inlets()) {
    const auto known = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& lane) {
      return lane != nullptr && lane->producer() == inlet.producer && lane->generation() == inlet.generation;
    });
    lanes.push_back(known == lanes_.end() ? std::make_unique<Lane>(inlet) : std::move(*known));
    lanes.back()->ended = inlet.ended || lanes.back()->is_cut_off();
  }
  lanes_ = std::move(lanes);
  next_ = 0;
}

void Intake::retire(std::uint32_t producer) {
  rings_.retire(producer);
  std::erase_if(lanes_, [producer](const auto& lane) { return lane->producer() == producer; });
  next_ = 0;
}

void Intake::add_mark() {
  // The block that the first producer has open is sealed before it; those of others come behind it.
  std::vector<std::uint8_t> record;
  append_record(record, marks_.make(lanes_.front()->draft));
  add_own(record);
}

Result<const RecordHead*> Intake::peek() {
  const RecordHead* latest = nullptr;
  for (const auto& lane : lanes_) {
    const std::uint32_t available = lane->available();
    if (available == 0) continue;
    const auto* head = reinterpret_cast<const RecordHead*>(lane->ring().at(lane->taken()));
    if (available <= lane->ring().capacity() && is_record(*head, available)) {
      if (latest == nullptr || head->ts_recv > latest->ts_recv) latest = head;
    } else if (lane->producer() == 0) {
      return no_records(*lane);
    } else {
      lane->cut_off();
    }
  }
  return latest;
}

Intake::Filled Intake::fill_from_own(std::int64_t now, SegmentFile& segment, BlockBatch& batch) {
  Filled filled;
  Lane& lane = *lanes_.front();
  TF_ASSERT(lane.producer() == 0);
  while (own_taken_ < own_.size() && !batch.full()) {
    filled.moved = true;
    if (lane.draft.ring_cells() == 0) {
      if (lane.draft.empty()) lane.draft_began = now;
      own_taken_ = lane.draft.take_own(own_, own_taken_);
      if (own_taken_ == own_.size()) break;
    }
    seal(lane, segment, batch, 0);
  }
  if (own_taken_ == own_.size()) {
    own_.clear();
    own_taken_ = 0;
  }
  return filled;
}

Intake::Filled Intake::fill_from_rings(std::int64_t now, SegmentFile& segment, BlockBatch& batch) {
  Filled filled;
  const std::int64_t day_end = end_of_day(segment.day());
  std::size_t idle = 0;  // rings in a row that have nothing more for this segment
  bool next_day = false;
  while (idle < lanes_.size()) {
    const bool own_is_open = !lanes_.front()->draft.own().empty();
    if (batch.room() < (own_is_open ? 2 : 1)) {
      filled.end = End::kBatchFull;
      return filled;
    }
    Lane& lane = *lanes_[next_];
    const std::uint32_t available = lane.available();
    BlockDraft::Taken taken;
    if (available > lane.ring().capacity()) {
      taken.end = TakeEnd::kInvalid;
    } else if (available > 0) {
      taken = lane.take(available, now, day_end);
    }
    filled.records += taken.records;
    filled.moved = filled.moved || taken.cells > 0 || taken.end == TakeEnd::kFull;
    // One look at each: a producer that keeps publishing must not keep what it has published from being written.
    idle = taken.end == TakeEnd::kFull ? 0 : idle + 1;
    next_day = next_day || taken.end == TakeEnd::kNextDay;
    if (taken.end == TakeEnd::kInvalid) {
      // Of the others each answers for itself.
      if (lane.producer() == 0) {
        filled.end = End::kInvalid;
        return filled;
      }
      lane.cut_off();
      filled.moved = true;
    }
    if (taken.end == TakeEnd::kFull) seal(lane, segment, batch, 0);
    next_ = next_ + 1 == lanes_.size() ? 0 : next_ + 1;
  }
  if (next_day) filled.end = End::kNextDay;
  return filled;
}

bool Intake::has_open() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return !lane->draft.empty(); });
}

std::optional<std::int64_t> Intake::open_since() const {
  std::optional<std::int64_t> since;
  for (const auto& lane : lanes_) {
    if (!lane->draft.empty() && (!since || lane->draft_began < *since)) since = lane->draft_began;
  }
  return since;
}

bool Intake::seal_open(SegmentFile& segment, BlockBatch& batch, std::uint16_t last_flags) {
  std::size_t open = static_cast<std::size_t>(
      std::count_if(lanes_.begin(), lanes_.end(), [](const auto& lane) { return !lane->draft.empty(); }));
  for (const auto& lane : lanes_) {
    if (lane->draft.empty()) continue;
    if (batch.full()) return false;
    open -= 1;
    seal(*lane, segment, batch, open == 0 ? last_flags : 0);
  }
  return true;
}

void Intake::go_back() {
  own_.clear();
  own_taken_ = 0;
  for (const auto& lane : lanes_) lane->go_back();
}

void Intake::seal(Lane& lane, SegmentFile& segment, BlockBatch& batch, std::uint16_t flags) {
  // Own records come first: those that a segment begins with, and what is said of producers that are gone.
  Lane& first = *lanes_.front();
  if (&lane != &first && !first.draft.own().empty()) seal(first, segment, batch, 0);
  marks_.on_sealed(lane.draft);
  batch.add(lane, segment.next_place(lane.draft.records()), flags);
}

}  // namespace tickforge
