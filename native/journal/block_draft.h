// A block that is being filled: which records it takes, and what its header will say about them. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/segment.h"

namespace tickforge {

/// Cells that fit a block with its header.
inline constexpr std::uint32_t kBlockCellsMax = static_cast<std::uint32_t>(kBlockBytesTarget / kCellBytes) - 1;

/// Where a record ends is known when its head has come from the producer's core. To wait for one line of memory after the
/// other is the largest cost of the writer's thread; so those that follow are called for ahead. Not those that are not
/// published: the producer is writing them, and would have to take them back.
inline constexpr std::uint32_t kPrefetchCells = 16;

enum class TakeEnd {
  kAllTaken,  // nothing is left
  kFull,      // the next record needs another block
  kNextDay,   // the next record belongs to a later day
  kInvalid,   // the next record is none
};

/// A record that a producer may publish: whole, with a type, and neither a segment record nor a mark, which are ours to
/// write.
inline bool is_record(const RecordHead& head, std::uint32_t available) {
  constexpr auto kFirst = static_cast<std::uint8_t>(RecordType::kInstrument);
  constexpr auto kEnd = static_cast<std::uint8_t>(RecordType::kMark);
  // One comparison: a smaller type becomes a large number.
  const bool published = static_cast<std::uint8_t>(head.type - kFirst) < kEnd - kFirst;
  return head.cells != 0 && head.cells <= available && published;
}

/// First the records that the writer adds by itself (`own`, copied), then those of the ring, which stay where they are.
class BlockDraft {
 public:
  struct Taken {
    std::uint32_t cells = 0;
    std::uint32_t records = 0;
    TakeEnd end = TakeEnd::kAllTaken;
  };

  bool empty() const { return records_ == 0; }
  const std::vector<std::uint8_t>& own() const { return own_; }
  std::uint32_t ring_position() const { return ring_position_; }
  std::uint32_t ring_cells() const { return ring_cells_; }
  std::uint32_t ring_records() const { return ring_records_; }
  std::uint32_t records() const { return records_; }
  std::uint16_t flags() const { return flags_; }
  std::int64_t min_ts_recv() const { return min_ts_recv_; }
  std::int64_t max_ts_recv() const { return max_ts_recv_; }
  /// Largest number of an instrument that it defines; 0 when there is none.
  std::uint32_t last_instrument() const { return last_instrument_; }

  /// Takes whole records of `cells` (`available` of them, at ring position `position`) while they fit and are before
  /// `day_end`. Calls `definition(const std::uint8_t*)` for instrument and connection records.
  template <typename Definition>
  Taken take_from_ring(const std::uint8_t* cells, std::uint32_t available, std::uint32_t position, std::int64_t day_end,
                       Definition definition);

  /// Takes whole records of `records` from byte `at` on while they fit; returns the byte behind the last one.
  std::size_t take_own(const std::vector<std::uint8_t>& records, std::size_t at);

  /// An empty draft again; its memory stays.
  void clear();

 private:
  std::uint32_t room() const {
    return kBlockCellsMax - ring_cells_ - static_cast<std::uint32_t>(own_.size() / kCellBytes);
  }
  void count(const RecordHead& head);

  std::vector<std::uint8_t> own_;
  std::uint32_t ring_position_ = 0;
  std::uint32_t ring_cells_ = 0;
  std::uint32_t ring_records_ = 0;
  std::uint32_t records_ = 0;
  std::uint16_t flags_ = 0;
  std::int64_t min_ts_recv_ = 0;
  std::int64_t max_ts_recv_ = 0;
  std::uint32_t last_instrument_ = 0;
};

inline void BlockDraft::count(const RecordHead& head) {
  if (records_ == 0 || head.ts_recv < min_ts_recv_) min_ts_recv_ = head.ts_recv;
  if (records_ == 0 || head.ts_recv > max_ts_recv_) max_ts_recv_ = head.ts_recv;
  records_ += 1;
  const auto type = static_cast<RecordType>(head.type);
  flags_ |= content_flags(type);
  if (type == RecordType::kInstrument && head.instrument > last_instrument_) last_instrument_ = head.instrument;
}

template <typename Definition>
BlockDraft::Taken BlockDraft::take_from_ring(const std::uint8_t* cells, std::uint32_t available, std::uint32_t position,
                                             std::int64_t day_end, Definition definition) {
  if (ring_cells_ == 0) ring_position_ = position;
  Taken taken;
  std::uint32_t left = room();
  while (taken.cells < available) {
    const std::uint8_t* record = cells + std::size_t{taken.cells} * kCellBytes;
    if (available - taken.cells > kPrefetchCells) __builtin_prefetch(record + kPrefetchCells * kCellBytes);
    const auto& head = *reinterpret_cast<const RecordHead*>(record);
    const bool valid = is_record(head, available - taken.cells);
    if (!valid || head.ts_recv >= day_end || head.cells > left) {
      taken.end = !valid ? TakeEnd::kInvalid : head.ts_recv >= day_end ? TakeEnd::kNextDay : TakeEnd::kFull;
      break;
    }
    if (static_cast<RecordType>(head.type) <= RecordType::kConnection) definition(record);
    count(head);
    taken.records += 1;
    taken.cells += head.cells;
    left -= head.cells;
  }
  ring_cells_ += taken.cells;
  ring_records_ += taken.records;
  return taken;
}

}  // namespace tickforge
