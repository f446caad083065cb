// Whether what a record says of its own length is true. A CRC proves that a record is what its writer wrote, not that
// the writer was right: readers must not follow a count out of the record.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/record.h"

namespace tickforge {

/// 10^18 is the largest power of ten in 64 bits.
constexpr bool exponent_holds(std::int8_t exponent) { return exponent <= 0 && exponent >= -18; }

/// True if everything that the record counts (levels, strings, bytes) lies within its cells. `head.cells` cells must be
/// readable. Types that this version does not know hold.
inline bool contents_hold(const RecordHead& head) {
  const std::size_t bytes = head.cells * kCellBytes;
  const auto holds = [bytes](std::size_t end) { return end <= bytes; };
  const std::size_t extension = (head.flags & kFlagExtension) != 0 ? kCellBytes : 0;
  switch (static_cast<RecordType>(head.type)) {
    case RecordType::kSegment: {
      const auto& segment = reinterpret_cast<const Segment&>(head);
      return holds(sizeof segment + segment.journal_length + segment.writer_length);
    }
    case RecordType::kInstrument: {
      const auto& one = reinterpret_cast<const Instrument&>(head);
      return holds(sizeof one + one.venue_length + one.symbol_length + one.base_length + one.quote_length +
                   one.adapter_length);
    }
    case RecordType::kConnection: {
      const auto& one = reinterpret_cast<const Connection&>(head);
      return holds(sizeof one + one.venue_length + one.url_length + one.reason_length);
    }
    case RecordType::kTrade:
      if (head.cells > 2 &&
          reinterpret_cast<const IdText*>(reinterpret_cast<const std::uint8_t*>(&head) + 2 * kCellBytes)->length >
              sizeof(IdText::text)) {
        return false;
      }
      return holds(sizeof(Trade) + extension);
    case RecordType::kQuote:
      return holds(sizeof(Quote) + extension);
    case RecordType::kBook: {
      const auto& book = reinterpret_cast<const Book&>(head);
      return holds(sizeof book + extension + (std::size_t{book.bid_count} + book.ask_count) * sizeof(Level));
    }
    case RecordType::kText:
      return holds(sizeof(Text) + reinterpret_cast<const Text&>(head).length);
    default:
      return true;
  }
}

/// No segment defines so many instruments: readers may keep a table up to it.
inline constexpr std::uint32_t kInstrumentNumberMax = std::uint32_t{1} << 24;

/// The same, and a definition has a number and exponents that there can be: what a reader hands out.
inline bool record_holds(const RecordHead& head) {
  if (!contents_hold(head)) return false;
  if (head.type != static_cast<std::uint8_t>(RecordType::kInstrument)) return true;
  const auto& one = reinterpret_cast<const Instrument&>(head);
  if (head.instrument == 0 || head.instrument > kInstrumentNumberMax) return false;
  return exponent_holds(one.price_exponent) && exponent_holds(one.size_exponent);
}

}  // namespace tickforge
