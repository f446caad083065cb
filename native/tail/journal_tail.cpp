#include "tail/journal_tail.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/clock.h"
#include "format/record_check.h"
#include "journal/block_walk.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tickforge {
namespace {

constexpr std::int64_t kMs = 1'000'000;
/// A sleeping reader looks around this often by itself: at a recorder that was killed, at a new one, at stop().
constexpr std::int64_t kParkNs = 100 * kMs;
/// Without rings the control page says when there is more.
constexpr std::int64_t kPollNs = 2 * kMs;
constexpr std::int64_t kPollIdleNs = 50 * kMs;
/// Cells have left a ring and are about to be in the file.
constexpr std::int64_t kCatchUpNs = 200'000;
/// How often the cursor follows the log while the rings are looked at all the time.
constexpr std::int64_t kFollowNs = 2 * kMs;
constexpr std::int64_t kLookAtWriterNs = 200 * kMs;
constexpr std::int64_t kLookForWriterNs = 10 * kMs;
/// In a longer pause a position of 32 bits could come round.
constexpr std::int64_t kPauseNs = 1000 * kMs;
constexpr int kSpins = 256;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Cells of the whole records at the start of `cells` cells: one that the memory cuts off is left out, and everything
/// from one on that is none; `sound` is false then.
std::uint32_t whole_records(const std::uint8_t* records, std::uint32_t cells, bool& sound) {
  std::uint32_t at = 0;
  sound = true;
  while (at < cells) {
    const auto& head = *reinterpret_cast<const RecordHead*>(records + std::size_t{at} * kCellBytes);
    if (head.cells > cells - at) break;
    sound = head.cells != 0 && static_cast<RecordType>(head.type) > RecordType::kSegment && record_holds(head);
    if (!sound) break;
    at += head.cells;
  }
  return at;
}

}  // namespace

JournalTail::JournalTail(const TailOptions& options)
    : directory_(options.directory),
      journal_(options.journal),
      spin_(options.spin),
      cursor_(options.directory, options.journal),
      rings_(options.directory, options.journal),
      page_(options.directory, options.journal) {}

Result<std::unique_ptr<JournalTail>> JournalTail::open(const TailOptions& options) {
  auto tail = std::unique_ptr<JournalTail>(new JournalTail(options));
  auto started = tail->start(options);
  if (!started) return started.error();
  return tail;
}

Result<const TailBatch*> JournalTail::next(std::uint8_t* memory, std::size_t size, std::int64_t timeout_ns) {
  TF_ASSERT(size >= kBatchBytesMin);
  batch_.begin(memory, size);
  if (error_) return *std::exchange(error_, std::nullopt);
  const std::int64_t until = monotonic_ns() + timeout_ns;
  for (;;) {
    auto filled = fill();
    if (!filled) {
      if (batch_.empty()) return filled.error();
      // What was read before it counts.
      error_ = filled.error();
    }
    if (!batch_.empty() || stopped_.load(std::memory_order_relaxed) || monotonic_ns() >= until) return &batch_;
    wait(until);
  }
}

Result<void> JournalTail::fill() {
  if (in_force_given_ < in_force_.size()) {
    const std::size_t left = std::min(in_force_.size() - in_force_given_, batch_.room());
    bool sound;
    const std::size_t bytes = kCellBytes * whole_records(in_force_.data() + in_force_given_,
                                                         static_cast<std::uint32_t>(left / kCellBytes), sound);
    batch_.append(in_force_.data() + in_force_given_, bytes, TailSource::kInForce, 0);
    in_force_given_ += bytes;
    return {};
  }
  const std::int64_t now = monotonic_ns();
  if (joined_) {
    const bool paused = now - std::exchange(looked_at_rings_, now) > kPauseNs;
    for (LiveRing& live : rings_.rings()) live.from_file = live.from_file || paused;
    take_rings();
    if ((!batch_.empty() || (spin_ && !catching_up())) && now < follow_file_at_) return {};
  }
  follow_file_at_ = now + kFollowNs;
  look_after_writer(now);
  auto followed = follow_file();
  // It may have come to where the rings go on.
  if (followed && joined_ && batch_.empty()) take_rings();
  return followed;
}

// The rings.

void JournalTail::take_rings() {
  std::vector<LiveRing>& rings = rings_.rings();
  const std::size_t count = rings.size();
  // Each producer comes first in turn: a busy one must not leave the others without room.
  for (std::size_t i = 0; i < count; ++i) {
    LiveRing& live = rings[(first_ring_ + i) % count];
    if (live.is_read()) take_ring(live);
  }
  first_ring_ += 1;
}

void JournalTail::take_ring(LiveRing& live) {
  const SpscRing& ring = *live.ring;
  const std::uint32_t published = ring.published() - live.position;
  if (published == 0) return;
  if (published > ring.capacity()) {
    live.from_file = true;
    return;
  }
  const auto room = static_cast<std::uint32_t>(std::min<std::size_t>(batch_.room() / kCellBytes, ring.capacity()));
  const std::uint32_t copied = std::min(published, room);
  std::memcpy(batch_.end(), ring.at(live.position), std::size_t{copied} * kCellBytes);
  // Cells before the tail may have been overwritten while they were copied.
  if (is_before(live.position, ring.intact_from())) {
    live.from_file = true;
    return;
  }
  bool sound;
  const std::uint32_t cells = whole_records(batch_.end(), copied, sound);
  if (!sound) {
    // The writer refuses such a ring; what it took before that is in the file.
    live.broken = true;
    live.from_file = true;
  }
  batch_.take(std::size_t{cells} * kCellBytes, TailSource::kRing, live.producer, std::exchange(new_segment_, false));
  cursor_.deliver(live.producer, cells);
  live.position += cells;
}

LiveRing* JournalTail::ring_of(std::uint32_t producer) {
  for (LiveRing& live : rings_.rings()) {
    if (live.producer == producer) return &live;
  }
  return nullptr;
}

bool JournalTail::has_news() {
  for (const LiveRing& live : rings_.rings()) {
    if (!live.is_read()) continue;
    live.ring->expect(live.position);
    if (live.ring->published() != live.position) return true;
  }
  return false;
}

bool JournalTail::catching_up() {
  const auto& rings = rings_.rings();
  return std::any_of(rings.begin(), rings.end(), [](const LiveRing& live) { return !live.is_read() && !live.broken; });
}

// The file.

WrittenExtent JournalTail::extent() {
  if (target_) return {true, target_->day, target_->part, target_->file_offset};
  const auto page = page_.read_live();
  // The log must not be read into the life of the next recorder as if it were that of the one whose rings we read.
  if (joined_ && (!page || page->process_id != rings_.writer_process())) leave_rings();
  if (!page || page->segment_id == 0) return {};
  return {true, page->day, page->part, page->file_offset};
}

Result<void> JournalTail::follow_file() {
  WrittenExtent written = extent();
  while (batch_.has_room()) {
    auto found = cursor_.peek(written);
    if (!found) return found.error();
    if (cursor_.take_entered() && !joined_) new_segment_ = true;
    if (const auto gap = cursor_.take_gap()) {
      pass_damage(*gap);
      continue;
    }
    if (!found.value()) {
      auto more = at_end();
      if (!more) return more.error();
      if (!more.value()) return {};
      written = extent();
      continue;
    }
    const bool flagged = (cursor_.header().flags & kOwnFlags) != 0;
    // Without a recorder that vouches for it, a block may have been torn when that was killed, and not stay.
    if ((flagged || !written.known) && cursor_.payload() == nullptr) {
      auto loaded = cursor_.load();
      if (!loaded) return loaded.error();
      if (!loaded.value()) continue;
    }
    if (!deliver_own()) return {};
    const LiveRing* live = ring_of(cursor_.producer());
    const bool from_file = live == nullptr || !live->is_read();
    // The ring brings the rest.
    if (cursor_.delivered() < cursor_.cells() && !from_file) return {};
    auto delivered = deliver_block(from_file);
    if (!delivered) return delivered.error();
    if (!delivered.value()) return {};
  }
  return {};
}

/// False when there was no room for all of them.
bool JournalTail::deliver_own() {
  const OwnRecords own = cursor_.own();
  const std::uint8_t* records = cursor_.payload();
  for (std::uint32_t i = 0; i < own.records; ++i) {
    const auto& head = *reinterpret_cast<const RecordHead*>(records);
    const std::size_t bytes = head.cells * kCellBytes;
    if (i >= cursor_.own_delivered()) {
      if (batch_.room() < bytes) return false;
      batch_.append(records, bytes, TailSource::kFile, 0, std::exchange(new_segment_, false));
      cursor_.pass_own(head);
    }
    records += bytes;
  }
  return true;
}

Result<bool> JournalTail::deliver_block(bool from_file) {
  const std::uint32_t producer = cursor_.producer();
  const auto cells = static_cast<std::uint32_t>(cursor_.cells());
  const auto delivered = static_cast<std::uint32_t>(cursor_.delivered());
  const bool defines = (cursor_.header().flags & kBlockHasDefinitions) != 0;
  if (delivered < cells || (defines && resumed_)) {
    auto loaded = cursor_.load();
    if (!loaded) return loaded.error();
    // Damaged: what stands in its place comes next.
    if (!loaded.value()) return true;
    const std::uint8_t* records = cursor_.payload() + cursor_.own().cells * kCellBytes;
    if (resumed_ && defines && from_file && delivered > 0) {
      if (batch_.room() < delivered * kCellBytes) return false;
      deliver_in_force(records, delivered * kCellBytes);
    }
    const auto room = static_cast<std::uint32_t>(batch_.room() / kCellBytes);
    bool sound;
    const std::uint8_t* next = records + delivered * kCellBytes;
    const std::uint32_t taken = whole_records(next, std::min(cells - delivered, room), sound);
    batch_.append(next, taken * kCellBytes, TailSource::kFile, producer, std::exchange(new_segment_, false));
    cursor_.deliver(producer, taken);
    if (LiveRing* live = ring_of(producer)) live->position += taken;
    if (delivered + taken < cells) return false;
  }
  cursor_.advance();
  return true;
}

void JournalTail::deliver_in_force(const std::uint8_t* records, std::size_t bytes) {
  for_each_record(records, bytes, [this](const RecordHead& head) {
    if (is_definition(head)) batch_.append(&head, head.cells * kCellBytes, TailSource::kInForce, 0);
  });
}

void JournalTail::pass_damage(const Gap& gap) {
  batch_.append(&gap, sizeof gap, TailSource::kFile, 0, std::exchange(new_segment_, false));
  // Whose cells are lost is not known, so nothing can be compared with a ring before the next tail point. What came from
  // rings and lies behind the damage comes again: better twice than not at all.
  cursor_.forget_ahead();
  joined_ = false;
  cursor_.set_joined(false);
  for (LiveRing& live : rings_.rings()) live.counted = false;
}

// Where both meet.

Result<bool> JournalTail::at_end() {
  if (life_ended_) {
    life_ended_ = false;
    cursor_.forget_ahead();
  }
  if (!rings_.attached()) return false;
  const bool met = target_ && cursor_.has_segment() && cursor_.segment().day == target_->day &&
                   cursor_.segment().part == target_->part && cursor_.offset() == target_->file_offset;
  if (met) meet_tail_point();
  // All that was written is delivered: what is missing is in the rings.
  for (LiveRing& live : rings_.rings()) {
    if (live.counted && live.from_file) join(live, cursor_.passed(live.producer));
  }
  // First the slots, then the tail point: it then knows whatever was in the log when a producer got its number.
  if (rings_.changed()) rings_.refresh();
  auto point = rings_.tail();
  if (!point) return false;
  if (point->segment_id != 0) {
    const bool moved = !target_ || target_->segment_id != point->segment_id || target_->file_offset != point->file_offset;
    const bool uncounted = std::any_of(rings_.rings().begin(), rings_.rings().end(),
                                       [](const LiveRing& live) { return !live.counted; });
    target_ = *point;
    if (!moved && met && uncounted) meet_tail_point();
    return moved;
  }
  // Where a journal begins there is nothing to wait for. A later recorder first says in the log that it was started, and a
  // position must not reach over that.
  if (joined_ || cursor_.has_segment()) return false;
  const auto page = page_.read_live();
  // The log was read before this was looked up: whatever is in it now lies behind the cursor.
  if (!page || page->process_id != rings_.writer_process() || page->written > 0) return false;
  meet_tail_point();
  cursor_.set_ahead_of_life(rings_.life());
  // Its producers define what they use.
  new_segment_ = true;
  return false;
}

void JournalTail::meet_tail_point() {
  const std::uint64_t life = cursor_.ahead_of_life();
  if (life != 0 && life != rings_.life()) cursor_.forget_ahead();
  for (LiveRing& live : rings_.rings()) {
    const bool of_this_one = target_ && target_->generations[live.producer] == live.generation;
    const std::uint64_t passed = of_this_one ? target_->cells[live.producer] : 0;
    join(live, passed);
  }
  if (!joined_) looked_at_rings_ = monotonic_ns();
  joined_ = true;
  cursor_.set_joined(true);
}

void JournalTail::join(LiveRing& live, std::uint64_t passed) {
  const std::uint32_t producer = live.producer;
  if (!live.counted) {
    live.counted = true;
    // A number that was another producer's: all of that one is before the cursor.
    if (joined_) cursor_.set_ahead(producer, 0);
    if (resumed_ && !joined_) live.file_until = passed + cursor_.ahead(producer);
    live.from_file = true;
  } else if (cursor_.passed(producer) != passed) {
    const std::uint64_t delivered = cursor_.passed(producer) + cursor_.ahead(producer);
    cursor_.set_ahead(producer, delivered - std::min(delivered, passed));
  }
  cursor_.set_passed(producer, passed);
  const std::uint64_t next = passed + cursor_.ahead(producer);
  live.position = static_cast<std::uint32_t>(next);
  const bool intact = !is_before(live.position, live.ring->intact_from());
  if (intact && !live.broken && passed >= live.file_until) live.from_file = false;
}

void JournalTail::leave_rings() {
  rings_.detach();
  target_.reset();
  life_ended_ = true;
  joined_ = false;
  cursor_.set_joined(false);
}

void JournalTail::look_after_writer(std::int64_t now) {
  if (rings_.attached() && rings_.writer_has_stopped()) leave_rings();
  if (now < look_at_writer_at_) return;
  if (rings_.attached()) {
    if (rings_.writer_is_gone()) leave_rings();
  } else {
    (void)rings_.attach();
  }
  look_at_writer_at_ = now + (rings_.attached() ? kLookAtWriterNs : kLookForWriterNs);
}

void JournalTail::wait(std::int64_t until) {
  const std::int64_t now = monotonic_ns();
  const std::int64_t left = until - now;
  if (!joined_) {
    const bool soon = rings_.attached() && target_;
    const bool alive = soon || extent().known;
    sleep_ns(std::clamp<std::int64_t>(left, 0, soon ? kCatchUpNs : alive ? kPollNs : kPollIdleNs));
    return;
  }
  if (catching_up()) {
    sleep_ns(std::clamp<std::int64_t>(left, 0, kCatchUpNs));
  } else if (spin_) {
    for (int i = 0; i < kSpins && !has_news(); ++i) relax();
  } else {
    rings_.wait(std::clamp<std::int64_t>(left, 0, kParkNs), [this] { return !has_news(); });
  }
}

}  // namespace tickforge
