#include "lines/line_mapping.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tickforge {
namespace {

constexpr std::string_view kVenuePlace = "{venue}";
constexpr std::string_view kLevelPlace = "{n}";

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr Named<ColumnRole> kRoles[] = {
    {"ignore", ColumnRole::kIgnore},
    {"venue", ColumnRole::kVenue},
    {"symbol", ColumnRole::kSymbol},
    {"event_time", ColumnRole::kEventTime},
    {"sent_time", ColumnRole::kSentTime},
    {"sequence", ColumnRole::kSequence},
    {"price", ColumnRole::kPrice},
    {"size", ColumnRole::kSize},
    {"side", ColumnRole::kSide},
    {"buyer_is_maker", ColumnRole::kBuyerIsMaker},
    {"trade_id", ColumnRole::kTradeId},
    {"trade_kind", ColumnRole::kTradeKind},
    {"buyer_order_id", ColumnRole::kBuyerOrderId},
    {"seller_order_id", ColumnRole::kSellerOrderId},
    {"bid_price", ColumnRole::kBidPrice},
    {"bid_size", ColumnRole::kBidSize},
    {"ask_price", ColumnRole::kAskPrice},
    {"ask_size", ColumnRole::kAskSize},
    {"update_id", ColumnRole::kUpdateId},
    {"first_update_id", ColumnRole::kFirstUpdateId},
    {"previous_update_id", ColumnRole::kPreviousUpdateId},
    {"bids", ColumnRole::kBids},
    {"asks", ColumnRole::kAsks},
    {"snapshot", ColumnRole::kSnapshot},
};
static_assert(std::size(kRoles) == kColumnRoles);

constexpr Named<RowKind> kKinds[] = {
    {"trade", RowKind::kTrade},
    {"quote", RowKind::kQuote},
    {"book", RowKind::kBook},
};

constexpr Named<TimeUnit> kUnits[] = {
    {"n", TimeUnit::kNanoseconds},
    {"u", TimeUnit::kMicroseconds},
    {"ms", TimeUnit::kMilliseconds},
    {"s", TimeUnit::kSeconds},
};

template <typename Value, std::size_t kCount>
bool find_named(const Named<Value> (&table)[kCount], std::string_view name, Value& value) {
  for (const auto& one : table) {
    if (one.name != name) continue;
    value = one.value;
    return true;
  }
  return false;
}

template <typename Value, std::size_t kCount>
std::string_view name_of(const Named<Value> (&table)[kCount], Value value) {
  for (const auto& one : table) {
    if (one.value == value) return one.name;
  }
  return "?";
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// Which kinds of row a role means something in.
bool role_fits(ColumnRole role, RowKind kind) {
  switch (role) {
    case ColumnRole::kIgnore:
    case ColumnRole::kVenue:
    case ColumnRole::kSymbol:
    case ColumnRole::kEventTime:
    case ColumnRole::kSentTime:
    case ColumnRole::kSequence:
      return true;
    case ColumnRole::kPrice:
    case ColumnRole::kSize:
    case ColumnRole::kSide:
    case ColumnRole::kBuyerIsMaker:
    case ColumnRole::kTradeId:
    case ColumnRole::kTradeKind:
    case ColumnRole::kBuyerOrderId:
    case ColumnRole::kSellerOrderId:
      return kind == RowKind::kTrade;
    case ColumnRole::kBidPrice:
    case ColumnRole::kBidSize:
    case ColumnRole::kAskPrice:
    case ColumnRole::kAskSize:
    case ColumnRole::kUpdateId:
      return kind != RowKind::kTrade;
    case ColumnRole::kFirstUpdateId:
    case ColumnRole::kPreviousUpdateId:
    case ColumnRole::kBids:
    case ColumnRole::kAsks:
    case ColumnRole::kSnapshot:
      return kind == RowKind::kBook;
  }
  return false;
}

bool is_level(ColumnRole role) {
  return role == ColumnRole::kBidPrice || role == ColumnRole::kBidSize || role == ColumnRole::kAskPrice ||
         role == ColumnRole::kAskSize;
}

Error cannot(const RowRule& rule, const std::string& what) {
  return Error{"TF_LINE_MAPPING", "the rule for table '" + rule.table + "' " + what, "", 0};
}

Result<void> check_columns(const RowRule& rule) {
  std::array<bool, kColumnRoles> has{};
  std::vector<std::string_view> names;
  for (const ColumnRule& column : rule.columns) {
    const std::string role(name_of(kRoles, column.role));
    const std::size_t places = count_of(column.name, kLevelPlace);
    if (column.name.empty()) return cannot(rule, "has a column without a name, for " + role);
    if (std::find(names.begin(), names.end(), column.name) != names.end()) {
      return cannot(rule, "names the column '" + column.name + "' twice");
    }
    names.push_back(column.name);
    if (!role_fits(column.role, rule.kind)) {
      return cannot(rule, "gives the column '" + column.name + "' the role " + role + ", which a " +
                              std::string(name_of(kKinds, rule.kind)) + " does not have");
    }
    if (places != (rule.kind == RowKind::kBook && is_level(column.role) ? 1u : 0u)) {
      return cannot(rule, places == 0 ? "must name the levels of a book with {n}: '" + column.name + "'"
                                      : "can use {n} only once, and only for prices and sizes of a book: '" +
                                            column.name + "'");
    }
    has[static_cast<std::size_t>(column.role)] = true;
  }
  const auto missing = [&](ColumnRole role) { return !has[static_cast<std::size_t>(role)]; };
  if (missing(ColumnRole::kSymbol)) return cannot(rule, "has no column for the symbol");
  if (rule.kind == RowKind::kTrade && (missing(ColumnRole::kPrice) || missing(ColumnRole::kSize))) {
    return cannot(rule, "needs a column for the price and one for the size");
  }
  if (rule.kind == RowKind::kQuote && missing(ColumnRole::kBidPrice) && missing(ColumnRole::kAskPrice)) {
    return cannot(rule, "needs a column for bid_price or ask_price");
  }
  const bool bids = !missing(ColumnRole::kBids) || (!missing(ColumnRole::kBidPrice) && !missing(ColumnRole::kBidSize));
  const bool asks = !missing(ColumnRole::kAsks) || (!missing(ColumnRole::kAskPrice) && !missing(ColumnRole::kAskSize));
  if (rule.kind == RowKind::kBook && !bids && !asks) {
    return cannot(rule, "needs columns for bids or asks: an array, or prices and sizes with {n}");
  }
  return {};
}

bool venue_holds(std::string_view venue) {
  return venue.size() <= 255 && venue.find(':') == std::string_view::npos;
}

void add(std::vector<ColumnRule>& columns, ColumnRole role, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) columns.push_back({std::string(name), role, std::nullopt});
}

std::vector<ColumnRule> common_columns() {
  std::vector<ColumnRule> columns;
  add(columns, ColumnRole::kSymbol, {"symbol", "ticker", "instrument", "pair"});
  add(columns, ColumnRole::kVenue, {"exchange", "venue"});
  add(columns, ColumnRole::kEventTime, {"timestamp", "ts_event"});
  add(columns, ColumnRole::kSentTime, {"receipt_timestamp", "ts_sent"});
  add(columns, ColumnRole::kSequence, {"sequence", "seq"});
  return columns;
}

std::vector<ColumnRule> trade_columns() {
  auto columns = common_columns();
  add(columns, ColumnRole::kPrice, {"price", "px"});
  add(columns, ColumnRole::kSize, {"amount", "size", "quantity", "qty", "volume"});
  add(columns, ColumnRole::kSide, {"side", "taker_side", "aggressor"});
  add(columns, ColumnRole::kBuyerIsMaker, {"buyer_is_maker", "is_buyer_maker"});
  add(columns, ColumnRole::kTradeId, {"id", "trade_id", "tid"});
  add(columns, ColumnRole::kTradeKind, {"type"});
  add(columns, ColumnRole::kBuyerOrderId, {"buyer_order_id"});
  add(columns, ColumnRole::kSellerOrderId, {"seller_order_id"});
  return columns;
}

std::vector<ColumnRule> quote_columns() {
  auto columns = common_columns();
  add(columns, ColumnRole::kBidPrice, {"bid", "bid_price", "best_bid"});
  add(columns, ColumnRole::kBidSize, {"bid_size", "bid_amount", "bid_qty", "bid_volume", "best_bid_size"});
  add(columns, ColumnRole::kAskPrice, {"ask", "ask_price", "best_ask"});
  add(columns, ColumnRole::kAskSize, {"ask_size", "ask_amount", "ask_qty", "ask_volume", "best_ask_size"});
  add(columns, ColumnRole::kUpdateId, {"update_id"});
  return columns;
}

std::vector<ColumnRule> book_columns() {
  auto columns = common_columns();
  add(columns, ColumnRole::kBidPrice, {"bid_{n}_price", "bid_price_{n}", "bids_{n}_price"});
  add(columns, ColumnRole::kBidSize, {"bid_{n}_size", "bid_size_{n}", "bids_{n}_size", "bid_{n}_amount"});
  add(columns, ColumnRole::kAskPrice, {"ask_{n}_price", "ask_price_{n}", "asks_{n}_price"});
  add(columns, ColumnRole::kAskSize, {"ask_{n}_size", "ask_size_{n}", "asks_{n}_size", "ask_{n}_amount"});
  add(columns, ColumnRole::kBids, {"bids"});
  add(columns, ColumnRole::kAsks, {"asks"});
  add(columns, ColumnRole::kUpdateId, {"update_id", "last_update_id"});
  add(columns, ColumnRole::kFirstUpdateId, {"first_update_id"});
  add(columns, ColumnRole::kPreviousUpdateId, {"previous_update_id"});
  add(columns, ColumnRole::kSnapshot, {"snapshot", "is_snapshot"});
  return columns;
}

}  // namespace

LineMapping default_line_mapping() {
  LineMapping mapping;
  const auto rules = [&](RowKind kind, const std::vector<ColumnRule>& columns,
                         std::initializer_list<std::string_view> tables) {
    for (const std::string_view table : tables) mapping.rules.push_back({std::string(table), kind, columns, "", true});
  };
  rules(RowKind::kTrade, trade_columns(), {"trades", "trade", "trades-{venue}"});
  rules(RowKind::kQuote, quote_columns(), {"quotes", "quote", "ticker", "bbo", "quotes-{venue}", "ticker-{venue}"});
  rules(RowKind::kBook, book_columns(), {"book", "order_book", "orderbook", "market_data", "book-{venue}"});
  return mapping;
}

Result<void> check_line_mapping(const LineMapping& mapping) {
  if (!venue_holds(mapping.venue)) {
    return Error{"TF_LINE_MAPPING", "the venue '" + mapping.venue + "' is longer than 255 bytes or holds ':'", "", 0};
  }
  for (const RowRule& rule : mapping.rules) {
    if (rule.table.empty()) return cannot(rule, "has an empty name");
    if (count_of(rule.table, kVenuePlace) > 1) return cannot(rule, "has {venue} twice in its name");
    if (!venue_holds(rule.venue)) return cannot(rule, "has a venue that is longer than 255 bytes or holds ':'");
    if (auto checked = check_columns(rule); !checked) return checked;
  }
  return {};
}

bool column_role_of(std::string_view name, ColumnRole& role) { return find_named(kRoles, name, role); }
bool row_kind_of(std::string_view name, RowKind& kind) { return find_named(kKinds, name, kind); }
bool time_unit_of(std::string_view name, TimeUnit& unit) { return find_named(kUnits, name, unit); }

}  // namespace tickforge
