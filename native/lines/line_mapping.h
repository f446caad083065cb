// What the rows of a table mean: which record they become and which column is what. docs/INGEST.md, section "Lines".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lines/line_parser.h"

namespace tickforge {

enum class RowKind : std::uint8_t { kTrade, kQuote, kBook };

enum class ColumnRole : std::uint8_t {
  kIgnore,  // known, and left out on purpose
  kVenue,
  kSymbol,
  kEventTime,  // in place of the row's own timestamp
  kSentTime,
  kSequence,
  kPrice,  // of a trade, from here
  kSize,
  kSide,           // buy or sell: the aggressor's
  kBuyerIsMaker,   // a boolean: true = the aggressor sold
  kTradeId,
  kTradeKind,      // market or limit
  kBuyerOrderId,
  kSellerOrderId,
  kBidPrice,  // of a quote; of a book where the column's name has a {n}
  kBidSize,
  kAskPrice,
  kAskSize,
  kUpdateId,  // of a quote; of a book its last one
  kFirstUpdateId,
  kPreviousUpdateId,
  kBids,      // an array: prices, then sizes
  kAsks,
  kSnapshot,  // a boolean, in place of RowRule::snapshot
};

inline constexpr std::size_t kColumnRoles = static_cast<std::size_t>(ColumnRole::kSnapshot) + 1;

struct ColumnRule {
  std::string name;  // `{n}` in it stands for the number of a book's level
  ColumnRole role = ColumnRole::kIgnore;
  std::optional<TimeUnit> unit;  // of a time without t or n; none = only times with t or n are taken
};

struct RowRule {
  std::string table;  // `{venue}` in it stands for the venue's name: "trades-{venue}"
  RowKind kind = RowKind::kTrade;
  std::vector<ColumnRule> columns;
  std::string venue;     // of rows that name none; empty = LineMapping::venue
  bool snapshot = true;  // a book row is a whole book, not a change
};

struct LineMapping {
  std::vector<RowRule> rules;  // the first one whose table fits counts
  std::string venue = "line";  // of rows that name none
  bool lower_case_venue = true;
  bool keep_left_over = true;  // a row with columns that its record has no place for is kept as text as well
};

/// Rules for cryptofeed's QuestDB backend, the examples of QuestDB's documentation, and common names.
LineMapping default_line_mapping();

/// TF_LINE_MAPPING with the rule and the column that cannot be.
Result<void> check_line_mapping(const LineMapping& mapping);

/// Names as a mapping file writes them ("price", "bid_price"); false when there is no such thing.
bool column_role_of(std::string_view name, ColumnRole& role);
bool row_kind_of(std::string_view name, RowKind& kind);
bool time_unit_of(std::string_view name, TimeUnit& unit);

}  // namespace tickforge
