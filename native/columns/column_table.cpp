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
    {"kind", ColumnKind::kTradeKind, true},
    {"first_trade_id", ColumnKind::kUint64, true},
    {"last_trade_id", ColumnKind::kUint64, true},
    {"buyer_order_id", ColumnKind::kUint64, true},
    {"seller_order_id", ColumnKind::kUint64, true},
    {"segment", ColumnKind::kSegment, false},
    {"record", ColumnKind::kUint64, false},
    {"quality", ColumnKind::kQuality, false},
};

constexpr ColumnInfo kQuoteColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false},     {"ts_event", ColumnKind::kTimestamp, true},
    {"instrument", ColumnKind::kDictionary, false}, {"bid_price", ColumnKind::kPrice, true},
    {"bid_size", ColumnKind::kSize, true},          {"ask_price", ColumnKind::kPrice, true},
    {"ask_size", ColumnKind::kSize, true},          {"update_id", ColumnKind::kUint64, true},
    {"sequence", ColumnKind::kUint64, true},        {"flags", ColumnKind::kUint16, false},
    {"frame", ColumnKind::kUint64, false},          {"ts_sent", ColumnKind::kTimestamp, true},
    {"segment", ColumnKind::kSegment, false},       {"record", ColumnKind::kUint64, false},
    {"quality", ColumnKind::kQuality, false},
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
    {"sequence", ColumnKind::kUint64, true},
    {"checksum", ColumnKind::kUint32, true},
    {"level", ColumnKind::kUint16, false},
    {"segment", ColumnKind::kSegment, false},
    {"quality", ColumnKind::kQuality, false},
};

constexpr ColumnInfo kGapColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false},     {"instrument", ColumnKind::kDictionary, true},
    {"cause", ColumnKind::kCause, false},           {"record_type", ColumnKind::kRecordType, true},
    {"expected_id", ColumnKind::kUint64, true},     {"received_id", ColumnKind::kUint64, true},
    {"ts_last_good", ColumnKind::kTimestamp, true}, {"flags", ColumnKind::kUint16, false},
    {"frame", ColumnKind::kUint64, false},          {"segment", ColumnKind::kSegment, false},
    {"record", ColumnKind::kUint64, false},
};

constexpr ColumnInfo kDropColumns[] = {
    {"ts_recv", ColumnKind::kTimestamp, false}, {"instrument", ColumnKind::kDictionary, true},
    {"cause", ColumnKind::kCause, false},       {"count", ColumnKind::kUint64, false},
    {"ts_first", ColumnKind::kTimestamp, true}, {"producer", ColumnKind::kUint16, false},
    {"flags", ColumnKind::kUint16, false},      {"frame", ColumnKind::kUint64, false},
    {"segment", ColumnKind::kSegment, false},   {"record", ColumnKind::kUint64, false},
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
    case ColumnTable::kGap:
      return kGapColumns;
    case ColumnTable::kDrop:
      return kDropColumns;
  }
  return {};
}

std::size_t bytes_of(ColumnKind kind, NumberForm form) {
  switch (kind) {
    case ColumnKind::kTimestamp:
    case ColumnKind::kUint64:
      return 8;
    case ColumnKind::kDictionary:
    case ColumnKind::kSegment:
    case ColumnKind::kUint32:
      return 4;
    case ColumnKind::kSide:
    case ColumnKind::kTradeKind:
    case ColumnKind::kCause:
    case ColumnKind::kRecordType:
    case ColumnKind::kQuality:
      return 1;
    case ColumnKind::kPrice:
    case ColumnKind::kSize:
      return form == NumberForm::kDecimal ? 16 : 8;
    case ColumnKind::kUint16:
      return 2;
    case ColumnKind::kBool:
      return 0;
  }
  return 0;
}

}  // namespace tickforge
