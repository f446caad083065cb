#include "columns/column_table.h"

namespace tickforge {
namespace {

constexpr ColumnInfo kTradeColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false},
    {"ts_event", ColumnKind::kTimestamp, true},
    {"instrument", ColumnKind::kDictionary, false},
    {"price", ColumnKind::kPrice, true},
    {"size", ColumnKind::kSize, true},
    {"side", ColumnKind::kSide, true},
    {"trade_id", ColumnKind::kUint64, true},
    {"sequence", ColumnKind::kUint64, true},
    {"flags", ColumnKind::kUint16, false},
    {"frame", ColumnKind::kUint64, false},
    {"ts_sent", ColumnKind::kTimestamp, true},
};

constexpr ColumnInfo kQuoteColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false},     {"ts_event", ColumnKind::kTimestamp, true},
    {"instrument", ColumnKind::kDictionary, false}, {"bid_price", ColumnKind::kPrice, true},
    {"bid_size", ColumnKind::kSize, true},          {"ask_price", ColumnKind::kPrice, true},
    {"ask_size", ColumnKind::kSize, true},          {"update_id", ColumnKind::kUint64, true},
    {"sequence", ColumnKind::kUint64, true},        {"flags", ColumnKind::kUint16, false},
    {"frame", ColumnKind::kUint64, false},          {"ts_sent", ColumnKind::kTimestamp, true},
};

constexpr ColumnInfo kBookColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false},
    {"ts_event", ColumnKind::kTimestamp, true},
    {"instrument", ColumnKind::kDictionary, false},
    {"side", ColumnKind::kSide, false},
    {"price", ColumnKind::kPrice, true},
    {"size", ColumnKind::kSize, true},
    {"snapshot", ColumnKind::kBool, false},
    {"first_update_id", ColumnKind::kUint64, true},
    {"last_update_id", ColumnKind::kUint64, true},
    {"previous_update_id", ColumnKind::kUint64, true},
    {"last", ColumnKind::kBool, false},
    {"record", ColumnKind::kUint64, false},
    {"flags", ColumnKind::kUint16, false},
    {"frame", ColumnKind::kUint64, false},
    {"ts_sent", ColumnKind::kTimestamp, true},
};

}  // namespace

std::span<const ColumnInfo> columns_of(ColumnTable table) {
  switch (table) {
    case ColumnTable::kTrade:
      return kTradeColumns;
    case ColumnTable::kQuote:
      return kQuoteColumns;
    case ColumnTable::kBook:
      return kBookColumns;
  }
  return {};
}

std::size_t bytes_of(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kTimestamp:
    case ColumnKind::kUint64:
      return 8;
    case ColumnKind::kDictionary:
      return 4;
    case ColumnKind::kSide:
      return 1;
    case ColumnKind::kPrice:
    case ColumnKind::kSize:
      return 16;
    case ColumnKind::kUint16:
      return 2;
    case ColumnKind::kBool:
      return 0;
  }
  return 0;
}

}  // namespace tickforge
