// The columns of each kind of table that records are exported to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tickforge {

enum class ColumnTable : std::uint8_t { kTrade, kQuote, kBook, kGap, kDrop };

enum class ColumnKind : std::uint8_t {
  kTimestamp,   // i64 ns
  kDictionary,  // i32 index of the instrument
  kSegment,     // i32 index of the segment
  kSide,        // i8 index: 0 = buy or bid, 1 = sell or ask
  kTradeKind,   // i8: TradeKind, or the first number that the reader has no name for; kOther is the one after
  kCause,       // i8: GapCause
  kRecordType,  // i8: RecordType
  kQuality,     // i8: bits of Quality
  kPrice,       // at the common scale of prices, in the builder's form
  kSize,        // at the common scale of sizes, in the builder's form
  kUint64,
  kUint32,
  kUint16,
  kBool,  // one bit
};

/// How prices and sizes are stored.
enum class NumberForm : std::uint8_t {
  kDecimal,  // i128: mantissa at the common scale
  kInt64,    // i64: mantissa at the common scale
  kFloat64,  // the nearest double
};

/// What a `quality` column says of a row; 0 = nothing is known against it.
enum Quality : std::uint8_t {
  kQualityMaybeBadBook = 1,  // flag maybe_bad_book
  kQualityBadTsRecv = 2,     // flag bad_ts_recv
  kQualityAfterGap = 4,      // the first row of its instrument behind a gap or a drop that concerns it
};

struct ColumnInfo {
  std::string_view name;
  ColumnKind kind;
  bool nullable;
};

/// Columns of a table in their order. Trades can have a further one, texts(), which is kept apart as it is rare.
std::span<const ColumnInfo> columns_of(ColumnTable table);

/// Bytes a row; 0 for kBool, whose rows are bits.
std::size_t bytes_of(ColumnKind kind, NumberForm form);

}  // namespace tickforge
