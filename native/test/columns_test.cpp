#include "columns/column_builder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <limits>

#include "columns/nearest_double.h"
#include "testing/segment_builder.h"

namespace tickforge {
namespace {

using testing::Bytes;
using testing::make_record;
using testing::make_trade;

__extension__ using Int128 = __int128;

/// One payload with the records that were added.
struct Source {
  Bytes bytes;
  std::vector<PayloadRange> payloads;
  std::vector<std::int32_t> instruments = {-1, 0, 1};
  std::vector<std::uint8_t> price_shift = {0, 0, 3};
  std::vector<std::uint8_t> size_shift = {0, 0, 0};
  std::int64_t from = std::numeric_limits<std::int64_t>::min();
  std::int64_t to = std::numeric_limits<std::int64_t>::max();

  template <typename Record>
  Source& add(const Record& record) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&record);
    bytes.insert(bytes.end(), first, first + sizeof record);
    return *this;
  }
  ColumnSource view() {
    if (payloads.empty()) payloads = {{0, bytes.size(), 500}};
    return {bytes, payloads, from, to, instruments, price_shift, size_shift};
  }
};

class ColumnsTest : public ::testing::Test {
 protected:
  ColumnBuilder builder(ColumnTable table, std::size_t rows = 0) { return ColumnBuilder::create(table, rows).take(); }
  bool fill(ColumnBuilder& builder, Source& source, ColumnPosition& position) {
    auto result = builder.extract(source.view(), position);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result && result.value();
  }
  ColumnBuilder all(ColumnTable table, Source& source) {
    ColumnBuilder filled = builder(table);
    ColumnPosition position;
    EXPECT_TRUE(fill(filled, source, position));
    return filled;
  }
  static std::size_t column(const ColumnBuilder& builder, std::string_view name) {
    const auto infos = columns_of(builder.table());
    for (std::size_t i = 0; i < infos.size(); ++i) {
      if (infos[i].name == name) return i;
    }
    ADD_FAILURE() << "no column " << name;
    return 0;
  }
  template <typename T>
  static T value(const ColumnBuilder& builder, std::string_view name, std::size_t row) {
    T found;
    std::memcpy(&found, builder.arena() + builder.values_offset(column(builder, name)) + row * sizeof(T), sizeof found);
    return found;
  }
  static bool bit(const ColumnBuilder& builder, std::size_t offset, std::size_t row) {
    return (builder.arena()[offset + row / 8] >> (row % 8) & 1) != 0;
  }
  static bool valid(const ColumnBuilder& builder, std::string_view name, std::size_t row) {
    return bit(builder, builder.validity_offset(column(builder, name)), row);
  }
  static std::uint64_t nulls(const ColumnBuilder& builder, std::string_view name) {
    return builder.null_count(column(builder, name));
  }
};

TEST_F(ColumnsTest, TakesEveryFieldOfATrade) {
  Trade trade = make_trade(1000, 12'345);
  trade.head.flags = kFlagSell | kFlagLast;
  trade.head.frame = 0x0001'0000'0000'0007;
  trade.trade_id = std::numeric_limits<std::uint64_t>::max() - 1;
  trade.sequence = 0;
  Source source;
  const ColumnBuilder rows = all(ColumnTable::kTrade, source.add(trade));
  ASSERT_EQ(rows.rows(), 1u);
  EXPECT_EQ(value<std::int64_t>(rows, "ts_recv", 0), 1000);
  EXPECT_EQ(value<std::int64_t>(rows, "ts_event", 0), 0);
  EXPECT_TRUE(valid(rows, "ts_event", 0));
  EXPECT_EQ(value<std::int32_t>(rows, "instrument", 0), 0);
  EXPECT_TRUE((value<Int128>(rows, "price", 0) == 12'345));
  EXPECT_TRUE((value<Int128>(rows, "size", 0) == 5));
  EXPECT_EQ(value<std::int8_t>(rows, "side", 0), 1);
  EXPECT_EQ(value<std::uint64_t>(rows, "trade_id", 0), trade.trade_id);
  EXPECT_EQ(value<std::uint64_t>(rows, "sequence", 0), 0u);
  EXPECT_TRUE(valid(rows, "sequence", 0));
  EXPECT_EQ(value<std::uint16_t>(rows, "flags", 0), kFlagSell | kFlagLast);
  EXPECT_EQ(value<std::uint64_t>(rows, "frame", 0), trade.head.frame);
  EXPECT_EQ(nulls(rows, "ts_sent"), 1u);
}

TEST_F(ColumnsTest, NoneIsNullAndTheExtremesAreNot) {
  Source source;
  for (const std::int64_t mantissa :
       {kNoneI64, kNoneI64 + 1, std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
    Trade trade = make_trade(1000, mantissa, 2);
    trade.head.ts_event = mantissa;
    trade.size = mantissa;
    trade.trade_id = kNoneU64;
    source.add(trade);
  }
  const ColumnBuilder rows = all(ColumnTable::kTrade, source);
  EXPECT_EQ(nulls(rows, "price"), 1u);
  EXPECT_EQ(nulls(rows, "size"), 1u);
  EXPECT_EQ(nulls(rows, "ts_event"), 1u);
  EXPECT_EQ(nulls(rows, "trade_id"), 4u);
  EXPECT_EQ(nulls(rows, "side"), 4u);
  EXPECT_FALSE(valid(rows, "price", 0));
  EXPECT_TRUE(valid(rows, "price", 1));
  EXPECT_TRUE((value<Int128>(rows, "price", 1) == static_cast<Int128>(kNoneI64 + 1) * 1000));
  EXPECT_TRUE(
      (value<Int128>(rows, "price", 2) == static_cast<Int128>(std::numeric_limits<std::int64_t>::max()) * 1000));
}

TEST_F(ColumnsTest, FiltersByTimeInstrumentAndType) {
  Source source;
  for (std::int64_t ts = 0; ts < 10; ++ts) source.add(make_trade(ts, ts, 1 + static_cast<std::uint32_t>(ts % 2)));
  source.add(make_trade(5, 55, 3)).add(make_trade(5, 56, 0)).add(make_record<Quote>(RecordType::kQuote, 5, 1));
  source.from = 3;
  source.to = 8;
  source.instruments = {-1, 0, -1};
  const ColumnBuilder rows = all(ColumnTable::kTrade, source);
  ASSERT_EQ(rows.rows(), 2u);
  EXPECT_EQ(value<std::int64_t>(rows, "ts_recv", 0), 4);
  EXPECT_EQ(value<std::int64_t>(rows, "ts_recv", 1), 6);
}

TEST_F(ColumnsTest, ReadsExtensionsAndIdsThatAreText) {
  struct {
    Trade trade;
    TradeExtension extension;
    IdText id;
  } record{};
  record.trade = make_trade(1000, 1);
  record.trade.head.cells = 3;
  record.trade.head.flags = kFlagExtension | kFlagBuy;
  record.trade.trade_id = kNoneU64;
  record.extension.ts_sent = 999;
  record.id.length = 5;
  std::memcpy(record.id.text, "a-b-c", 5);
  Source source;
  source.add(make_trade(1000, 0)).add(record).add(make_trade(1000, 2));
  const ColumnBuilder rows = all(ColumnTable::kTrade, source);
  ASSERT_EQ(rows.rows(), 3u);
  EXPECT_EQ(nulls(rows, "ts_sent"), 2u);
  EXPECT_TRUE(valid(rows, "ts_sent", 1));
  EXPECT_EQ(value<std::int64_t>(rows, "ts_sent", 1), 999);
  ASSERT_EQ(rows.texts().size(), 1u);
  EXPECT_EQ(rows.texts()[0].row, 1u);
  EXPECT_EQ(rows.texts()[0].text, "a-b-c");
}

// Groups of 64 rows, bitmap words and full builders meet at different places for every size of input.
TEST_F(ColumnsTest, GoesOnWhereAFullBuilderStopped) {
  for (const std::size_t count :
       {std::size_t{1}, std::size_t{63}, std::size_t{65}, std::size_t{1024}, std::size_t{4001}}) {
    Source source;
    for (std::size_t i = 0; i < count; ++i) {
      Trade trade = make_trade(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i));
      if (i % 3 == 0) trade.sequence = i;
      source.add(trade);
      source.payloads.push_back({i * kCellBytes, kCellBytes, i});
    }
    ColumnBuilder rows = builder(ColumnTable::kTrade);
    ColumnPosition position;
    std::size_t seen = 0;
    for (bool done = false; !done;) {
      done = fill(rows, source, position);
      std::uint64_t expected_nulls = 0;
      for (std::size_t row = 0; row < rows.rows(); ++row, ++seen) {
        ASSERT_EQ(value<std::int64_t>(rows, "ts_recv", row), static_cast<std::int64_t>(seen));
        ASSERT_EQ(valid(rows, "sequence", row), seen % 3 == 0) << seen;
        expected_nulls += seen % 3 == 0 ? 0 : 1;
      }
      ASSERT_EQ(nulls(rows, "sequence"), expected_nulls);
      rows.reset();
    }
    EXPECT_EQ(seen, count);
  }
}

TEST_F(ColumnsTest, SmallInputsFillOneBuilderWithoutASeam) {
  ColumnBuilder rows = builder(ColumnTable::kTrade);
  std::size_t total = 0;
  for (const std::size_t count : {std::size_t{1}, std::size_t{62}, std::size_t{3}, std::size_t{70}, std::size_t{64}}) {
    Source source;
    for (std::size_t i = 0; i < count; ++i) {
      Trade trade = make_trade(0, static_cast<std::int64_t>(total + i));
      trade.head.ts_event = (total + i) % 2 == 0 ? kNoneI64 : 7;
      source.add(trade);
    }
    ColumnPosition position;
    ASSERT_TRUE(fill(rows, source, position));
    total += count;
  }
  ASSERT_EQ(rows.rows(), total);
  for (std::size_t row = 0; row < total; ++row) {
    ASSERT_TRUE((value<Int128>(rows, "price", row) == static_cast<Int128>(row)));
    ASSERT_EQ(valid(rows, "ts_event", row), row % 2 == 1) << row;
  }
}

TEST_F(ColumnsTest, QuotesHaveEmptySidesAndOptionalExtensions) {
  struct {
    Quote quote;
    QuoteExtension extension;
  } record{};
  record.quote = make_record<Quote>(RecordType::kQuote, 1000, 2);
  record.quote.head.cells = 2;
  record.quote.head.flags = kFlagExtension;
  record.quote.bid_price = kNoneI64;
  record.quote.bid_size = kNoneI64;
  record.quote.ask_price = 7;
  record.extension = {kNoneI64, 17, kNoneU64, {}};
  Source source;
  source.add(record).add(make_record<Quote>(RecordType::kQuote, 1001, 1));
  const ColumnBuilder rows = all(ColumnTable::kQuote, source);
  ASSERT_EQ(rows.rows(), 2u);
  EXPECT_FALSE(valid(rows, "bid_price", 0));
  EXPECT_TRUE((value<Int128>(rows, "ask_price", 0) == 7000));
  EXPECT_EQ(value<std::uint64_t>(rows, "update_id", 0), 17u);
  EXPECT_FALSE(valid(rows, "update_id", 1));
  EXPECT_EQ(nulls(rows, "sequence"), 2u);
  EXPECT_EQ(nulls(rows, "ts_sent"), 2u);
}

Bytes book_record(std::uint16_t bids, std::uint16_t asks, bool extended, std::uint16_t flags) {
  Book book = make_record<Book>(RecordType::kBook, 1000, 1);
  book.first_update_id = 10;
  book.last_update_id = 12;
  book.previous_update_id = kNoneU64;
  book.bid_count = bids;
  book.ask_count = asks;
  const std::size_t levels = static_cast<std::size_t>(bids) + asks;
  const std::size_t cells = 1 + (extended ? 1 : 0) + (levels + kLevelsPerCell - 1) / kLevelsPerCell;
  book.head.cells = static_cast<std::uint8_t>(cells);
  book.head.flags = static_cast<std::uint16_t>(flags | (extended ? kFlagExtension : 0));
  Bytes bytes(cells * kCellBytes);
  std::memcpy(bytes.data(), &book, sizeof book);
  if (extended) {
    BookExtension extension{};
    extension.ts_sent = 998;
    std::memcpy(bytes.data() + kCellBytes, &extension, sizeof extension);
  }
  for (std::size_t i = 0; i < levels; ++i) {
    const Level level{static_cast<std::int64_t>(100 + i), static_cast<std::int64_t>(i)};
    std::memcpy(bytes.data() + (extended ? 2 : 1) * kCellBytes + i * sizeof level, &level, sizeof level);
  }
  return bytes;
}

TEST_F(ColumnsTest, ABookHasOneRowALevel) {
  Source source;
  source.add(make_trade(999, 1));
  for (const Bytes& record : {book_record(2, 3, false, kFlagSnapshot), book_record(0, 1, true, kFlagLast),
                              book_record(0, 0, false, kFlagLast)}) {
    source.bytes.insert(source.bytes.end(), record.begin(), record.end());
  }
  const ColumnBuilder rows = all(ColumnTable::kBook, source);
  ASSERT_EQ(rows.rows(), 6u);
  const std::size_t snapshot = rows.values_offset(column(rows, "snapshot"));
  const std::size_t last = rows.values_offset(column(rows, "last"));
  for (std::size_t row = 0; row < 6; ++row) {
    EXPECT_EQ(value<std::int8_t>(rows, "side", row), row < 2 ? 0 : 1);
    EXPECT_TRUE((value<Int128>(rows, "price", row) == (row < 5 ? static_cast<Int128>(100 + row) : 100)));
    EXPECT_EQ(bit(rows, snapshot, row), row < 5);
    EXPECT_EQ(bit(rows, last, row), row == 5);
    EXPECT_EQ(value<std::uint64_t>(rows, "record", row), row < 5 ? 501u : 502u);
    EXPECT_EQ(valid(rows, "ts_sent", row), row == 5);
  }
  EXPECT_EQ(nulls(rows, "previous_update_id"), 6u);
  EXPECT_EQ(nulls(rows, "first_update_id"), 0u);
}

TEST_F(ColumnsTest, ABuilderOfBooksIsFilledToItsLastRow) {
  Source source;
  for (int i = 0; i < 5; ++i) {
    const Bytes record = book_record(200, 300, false, kFlagLast);
    source.bytes.insert(source.bytes.end(), record.begin(), record.end());
  }
  ColumnBuilder rows = builder(ColumnTable::kBook);
  ColumnPosition position;
  std::vector<std::size_t> sizes;
  std::size_t seen = 0;
  for (bool done = false; !done; rows.reset()) {
    done = fill(rows, source, position);
    sizes.push_back(rows.rows());
    for (std::size_t row = 0; row < rows.rows(); ++row, ++seen) {
      const std::size_t level = seen % 500;
      ASSERT_TRUE((value<Int128>(rows, "price", row) == static_cast<Int128>(100 + level)));
      ASSERT_EQ(value<std::int8_t>(rows, "side", row), level < 200 ? 0 : 1);
      ASSERT_EQ(value<std::uint16_t>(rows, "level", row), level < 200 ? level : level - 200);
      ASSERT_EQ(value<std::uint64_t>(rows, "record", row), 500 + seen / 500);
      ASSERT_EQ(bit(rows, rows.values_offset(column(rows, "last")), row), level == 499);
    }
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1024, 1024, 452}));
}

TEST_F(ColumnsTest, SortingByInstrumentMovesWholeRows) {
  Source source;
  source.instruments = {-1, 1, 0};
  for (std::int64_t i = 0; i < 200; ++i) {
    Trade trade = make_trade(i, i, i % 3 == 0 ? 2 : 1);
    trade.sequence = i % 5 == 0 ? kNoneU64 : static_cast<std::uint64_t>(i);
    trade.head.flags = i % 2 == 0 ? kFlagBuy : 0;
    source.add(trade);
  }
  ColumnBuilder rows = all(ColumnTable::kTrade, source);
  rows.sort_by_instrument();
  std::int64_t before = -1;
  for (std::size_t row = 0; row < 200; ++row) {
    const auto i = value<std::int64_t>(rows, "ts_recv", row);
    ASSERT_EQ(value<std::int32_t>(rows, "instrument", row), row < 67 ? 0 : 1);
    ASSERT_EQ(i % 3 == 0, row < 67);
    if (row != 67) {
      ASSERT_GT(i, before);
    }
    before = i;
    ASSERT_EQ(value<std::uint64_t>(rows, "record", row), 500u + static_cast<std::uint64_t>(i));
    ASSERT_EQ(valid(rows, "sequence", row), i % 5 != 0);
    ASSERT_EQ(valid(rows, "side", row), i % 2 == 0);
    ASSERT_TRUE((value<Int128>(rows, "price", row) == static_cast<Int128>(i) * (i % 3 == 0 ? 1000 : 1)));
  }
  EXPECT_EQ(nulls(rows, "sequence"), 40u);
}

TEST_F(ColumnsTest, SaysWhichInstrumentNeedsMoreThanEighteenDigits) {
  Source source;
  source.add(make_trade(1, 999'999'999'999'999'999, 1)).add(make_trade(2, 1'000'000'000'000'000, 2));
  ColumnBuilder rows = all(ColumnTable::kTrade, source);
  EXPECT_EQ(rows.wide_price(), 1);
  EXPECT_EQ(rows.wide_size(), -1);
  rows.reset();
  EXPECT_EQ(rows.wide_price(), 1) << "it stays known";
}

TEST_F(ColumnsTest, IntegersAreMantissasAtTheCommonScale) {
  Source source;
  source.add(make_trade(1, 12, 2)).add(make_trade(2, kNoneI64, 2)).add(make_trade(3, kNoneI64 + 1, 1));
  ColumnBuilder rows = ColumnBuilder::create(ColumnTable::kTrade, 0, NumberForm::kInt64).take();
  ColumnPosition position;
  ASSERT_TRUE(fill(rows, source, position));
  EXPECT_EQ(value<std::int64_t>(rows, "price", 0), 12'000);
  EXPECT_FALSE(valid(rows, "price", 1));
  EXPECT_EQ(value<std::int64_t>(rows, "price", 2), kNoneI64 + 1);
  EXPECT_EQ(rows.wide_price(), -1);
  Source wide;
  wide.add(make_trade(1, std::numeric_limits<std::int64_t>::max() / 999, 2));
  position = {};
  ASSERT_TRUE(fill(rows, wide, position));
  EXPECT_EQ(rows.wide_price(), 1);
}

TEST(NearestDouble, IsTheOneThatTheDecimalTextReads) {
  for (const std::int64_t mantissa :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-3}, std::int64_t{9007199254740993},
        std::numeric_limits<std::int64_t>::max(), kNoneI64 + 1, std::int64_t{123456789012345678}}) {
    for (int decimals = -30; decimals <= 40; ++decimals) {
      const std::string text = std::to_string(mantissa) + "e" + std::to_string(-decimals);
      EXPECT_EQ(nearest_double(mantissa, decimals), std::strtod(text.c_str(), nullptr)) << text;
    }
  }
}

Gap gap_record(std::int64_t ts, std::uint32_t instrument, std::uint64_t frame, GapCause cause, std::uint8_t type) {
  Gap gap = make_record<Gap>(RecordType::kGap, ts, instrument);
  gap.head.frame = frame;
  gap.cause = static_cast<std::uint8_t>(cause);
  gap.record_type = type;
  return gap;
}

TEST_F(ColumnsTest, TheFirstRowBehindAGapSaysSo) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << kFrameNumberBits;
  const auto trade = [](std::int64_t ts, std::uint32_t instrument, std::uint64_t connection) {
    Trade made = make_trade(ts, 1, instrument);
    made.head.frame = connection * kOne;
    return made;
  };
  Source source;
  source.add(trade(1, 1, 1)).add(trade(2, 2, 2));
  source.add(gap_record(3, 0, kOne, GapCause::kDisconnect, 0));  // of connection 1
  source.add(trade(4, 2, 2)).add(trade(5, 1, 1)).add(trade(6, 1, 1));
  source.add(gap_record(7, 2, 2 * kOne, GapCause::kSequence, static_cast<std::uint8_t>(RecordType::kBook)));
  source.add(gap_record(7, 0, 0, GapCause::kWriteError, 0));
  source.add(trade(8, 2, 2)).add(trade(9, 1, 1));
  source.add(gap_record(10, 2, 2 * kOne, GapCause::kSequence, 0));
  source.add(trade(11, 1, 1)).add(trade(12, 2, 2));
  source.add(gap_record(13, 0, 0, GapCause::kStop, 0));
  source.add(trade(14, 1, 1)).add(trade(15, 2, 2)).add(trade(16, 2, 2));
  const ColumnBuilder rows = all(ColumnTable::kTrade, source);
  std::vector<std::int64_t> behind;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (value<std::int8_t>(rows, "quality", row) == kQualityAfterGap)
      behind.push_back(value<std::int64_t>(rows, "ts_recv", row));
  }
  EXPECT_EQ(behind, (std::vector<std::int64_t>{5, 12, 14, 15}));
}

TEST_F(ColumnsTest, GapsOfAllInstrumentsAreThoseOfTheWantedOnesToo) {
  Source source;
  source.instruments = {-1, 0, -1};
  source.add(gap_record(1, 0, 7, GapCause::kDisconnect, 0)).add(gap_record(2, 1, 7, GapCause::kSequence, 6));
  source.add(gap_record(3, 2, 7, GapCause::kSequence, 6));
  const ColumnBuilder rows = all(ColumnTable::kGap, source);
  ASSERT_EQ(rows.rows(), 2u);
  EXPECT_FALSE(valid(rows, "instrument", 0));
  EXPECT_FALSE(valid(rows, "record_type", 0));
  EXPECT_EQ(value<std::int32_t>(rows, "instrument", 1), 0);
  EXPECT_EQ(value<std::int8_t>(rows, "record_type", 1), 6);
  EXPECT_EQ(value<std::int8_t>(rows, "cause", 1), static_cast<std::int8_t>(GapCause::kSequence));
}

TEST_F(ColumnsTest, RecordsThatLeaveTheirPayloadAreRefused) {
  Trade trade = make_trade(1, 1);
  trade.head.cells = 2;
  Source longer;
  longer.add(trade);
  trade.head.cells = 0;
  Source zero;
  zero.add(trade);
  Source levels;
  levels.bytes = book_record(4, 0, false, 0);
  levels.bytes[offsetof(Book, bid_count)] = 5;
  for (auto [source, table] : {std::pair(&longer, ColumnTable::kTrade), std::pair(&zero, ColumnTable::kTrade),
                               std::pair(&levels, ColumnTable::kBook)}) {
    ColumnBuilder rows = builder(table);
    ColumnPosition position;
    auto result = rows.extract(source->view(), position);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "TF_CORRUPT");
  }
}

}  // namespace
}  // namespace tickforge
