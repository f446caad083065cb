#include "lines/line_mapping.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace tickforge {
namespace {

RowRule rule(RowKind kind, std::vector<ColumnRule> columns) { return {"t", kind, std::move(columns), "", true}; }

const ColumnRule kSymbol{"symbol", ColumnRole::kSymbol, std::nullopt};
const ColumnRule kPrice{"price", ColumnRole::kPrice, std::nullopt};
const ColumnRule kSize{"size", ColumnRole::kSize, std::nullopt};

/// What is wrong with a mapping of one rule, '' when nothing is.
std::string problem(RowRule one) {
  LineMapping mapping;
  mapping.rules.push_back(std::move(one));
  const auto checked = check_line_mapping(mapping);
  if (checked) return "";
  EXPECT_EQ(checked.error().code, "TF_LINE_MAPPING");
  return checked.error().message;
}

TEST(LineMappingTest, AcceptsItsOwnDefaults) {
  const auto checked = check_line_mapping(default_line_mapping());
  EXPECT_TRUE(checked) << (checked ? "" : checked.error().message);
}

TEST(LineMappingTest, AcceptsTheLeastARecordNeeds) {
  EXPECT_EQ(problem(rule(RowKind::kTrade, {kSymbol, kPrice, kSize})), "");
  EXPECT_EQ(problem(rule(RowKind::kQuote, {kSymbol, {"ask", ColumnRole::kAskPrice, {}}})), "");
  EXPECT_EQ(problem(rule(RowKind::kBook, {kSymbol, {"asks", ColumnRole::kAsks, {}}})), "");
}

TEST(LineMappingTest, NamesTheRuleAndTheColumnThatCannotBe) {
  EXPECT_EQ(problem(rule(RowKind::kTrade, {kPrice, kSize})), "the rule for table 't' has no column for the symbol");
  EXPECT_EQ(problem(rule(RowKind::kTrade, {kSymbol, kPrice})),
            "the rule for table 't' needs a column for the price and one for the size");
  EXPECT_EQ(problem(rule(RowKind::kTrade, {kSymbol, kPrice, kSize, kSize})),
            "the rule for table 't' names the column 'size' twice");
  EXPECT_EQ(problem(rule(RowKind::kTrade, {kSymbol, kPrice, kSize, {"", ColumnRole::kSide, {}}})),
            "the rule for table 't' has a column without a name, for side");
  EXPECT_EQ(problem(rule(RowKind::kQuote, {kSymbol, kPrice})),
            "the rule for table 't' gives the column 'price' the role price, which a quote does not have");
  EXPECT_EQ(problem(rule(RowKind::kQuote, {kSymbol})),
            "the rule for table 't' needs a column for bid_price or ask_price");
  EXPECT_EQ(problem(rule(RowKind::kBook, {kSymbol, {"bid", ColumnRole::kBidPrice, {}}})),
            "the rule for table 't' must name the levels of a book with {n}: 'bid'");
  EXPECT_EQ(problem(rule(RowKind::kBook, {kSymbol, {"bid_{n}", ColumnRole::kBidPrice, {}}})),
            "the rule for table 't' needs columns for bids or asks: an array, or prices and sizes with {n}");
  EXPECT_EQ(problem(rule(RowKind::kQuote, {kSymbol, {"bid_{n}", ColumnRole::kBidPrice, {}}})),
            "the rule for table 't' can use {n} only once, and only for prices and sizes of a book: 'bid_{n}'");
}

TEST(LineMappingTest, RefusesTablesAndVenuesThatCannotBe) {
  RowRule one = rule(RowKind::kTrade, {kSymbol, kPrice, kSize});
  one.table = "";
  EXPECT_NE(problem(one), "");
  one.table = "{venue}-{venue}";
  EXPECT_NE(problem(one), "");
  one.table = "t";
  one.venue = "a:b";
  EXPECT_NE(problem(one), "");
  LineMapping mapping;
  mapping.venue = std::string(256, 'x');
  EXPECT_FALSE(check_line_mapping(mapping));
}

TEST(LineMappingTest, KnowsTheNamesThatAMappingFileUses) {
  ColumnRole role = ColumnRole::kIgnore;
  EXPECT_TRUE(column_role_of("ask_price", role));
  EXPECT_EQ(role, ColumnRole::kAskPrice);
  EXPECT_FALSE(column_role_of("Price", role));
  RowKind kind = RowKind::kTrade;
  EXPECT_TRUE(row_kind_of("book", kind));
  EXPECT_EQ(kind, RowKind::kBook);
  EXPECT_FALSE(row_kind_of("candle", kind));
  TimeUnit unit = TimeUnit::kNanoseconds;
  EXPECT_TRUE(time_unit_of("ms", unit));
  EXPECT_EQ(unit, TimeUnit::kMilliseconds);
  EXPECT_FALSE(time_unit_of("us", unit));
}

}  // namespace
}  // namespace tickforge
