// When written records become durable, and how far they have come.
//
// The contract: a record counts as durable when an fdatasync that began after its write had ended has succeeded. Nothing
// else makes it so. A sync that failed is never repeated (the kernel may have dropped the pages and would report success):
// what it was to cover is written again from the rings, into another file.
#pragma once

#include <cstdint>

#include "format/record.h"

namespace tickforge {

/// When the writer syncs by itself. Whatever it is, a producer's wish (SpscRing::ask_durable), a flush and the end of a
/// segment are served at once.
struct Durability {
  enum class Kind {
    kBatch,     // whenever something is written and no sync is under way
    kInterval,  // at most every interval_ns; earlier when a ring runs short of room
    kOs,        // never: the operating system decides
  };
  Kind kind = Kind::kBatch;
  std::int64_t interval_ns = 0;

  static constexpr Durability batch() { return {Kind::kBatch, 0}; }
  static constexpr Durability interval(std::int64_t ns) { return {Kind::kInterval, ns}; }
  static constexpr Durability os() { return {Kind::kOs, 0}; }

  /// Cells stay in their ring until they are durable, so that they can be written again; with kOs only until they are
  /// written.
  constexpr bool keeps_until_durable() const { return kind != Kind::kOs; }
};

/// Counts of records taken from the rings. They never go back.
struct Watermarks {
  std::uint64_t appended = 0;  // taken over
  std::uint64_t written = 0;   // handed to the kernel
  std::uint64_t durable = 0;   // on the disk
};

/// How far the blocks of a segment have come: written, or durable.
struct Reached {
  std::uint64_t blocks = 0;            // of the segment, from its block 0 on
  std::uint64_t next_record = 0;       // number of the record behind them in the segment
  std::uint64_t ring_records = 0;      // taken from the rings since the start, over all segments
  std::int64_t max_ts_recv = kNoneI64;          // the largest so far, over all segments
  std::int64_t segment_max_ts_recv = kNoneI64;  // of the segment
};

}  // namespace tickforge
