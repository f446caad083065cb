// The columns of each kind of table that records are exported to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tickforge {

enum class ColumnTable : std::uint8_t { kTrade, kQuote, kBook };

enum class ColumnKind : std::uint8_t {
  kTimestamp,   // i64 ns
  kDictionary,  // i32 index of the instrument
  kSide,        // i8 index: 0 = buy or bid, 1 = sell or ask
  kPrice,       // i128 at the common scale of prices
  kSize,        // i128 at the common scale of sizes
  kUint64,
  kUint16,
  kBool,  // one bit
};

struct ColumnInfo {
  std::string_view name;
  ColumnKind kind;
  bool nullable;
};

/// Columns of a table in their order. Trades can have a further one, texts(), which is kept apart as it is rare.
std::span<const ColumnInfo> columns_of(ColumnTable table);

/// Bytes a row; 0 for kBool, whose rows are bits.
std::size_t bytes_of(ColumnKind kind);

}  // namespace tickforge
