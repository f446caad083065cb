#include "lines/row_mapping.h"

#include <gtest/gtest.h>

#include <string>

#include "testing/line_run.h"
#include "testing/line_samples.h"

namespace tickforge {
namespace {

using namespace testing;
using namespace std::string_literals;

constexpr std::uint64_t frame_of(std::uint64_t row) { return std::uint64_t{7} << kFrameNumberBits | row; }

/// 'venue:symbol' of a definition.
std::string key_of(const RecordHead* head) {
  const auto& one = as<Instrument>(head);
  return std::string(text_behind(head, 0, one.venue_length)) + ":" +
         std::string(text_behind(head, one.venue_length, one.symbol_length));
}

std::string text_of(const RecordHead* head) { return std::string(text_behind(head, 0, as<Text>(head).length)); }

const TradeExtension& extension_of(const RecordHead* trade) {
  return *reinterpret_cast<const TradeExtension*>(reinterpret_cast<const std::uint8_t*>(trade) + kCellBytes);
}

const Level& level_of(const RecordHead* book, std::size_t i) {
  const std::size_t before = (book->flags & kFlagExtension) != 0 ? 2 : 1;
  return reinterpret_cast<const Level*>(reinterpret_cast<const std::uint8_t*>(book) + before * kCellBytes)[i];
}

/// One row that must become one record of a type, behind its definition.
const RecordHead* only(const LineRun& run, RecordType type) {
  const auto records = run.records();
  EXPECT_EQ(records.size(), 2u);
  if (records.size() != 2) return nullptr;
  EXPECT_EQ(records[0]->type, static_cast<std::uint8_t>(RecordType::kInstrument));
  EXPECT_EQ(records[1]->type, static_cast<std::uint8_t>(type));
  EXPECT_EQ(records[1]->instrument, records[0]->instrument);
  return records[1];
}

TEST(RowMappingTest, MakesATradeOfAnExampleOfQuestdbsDocumentation) {
  LineRun run;
  run.feed("trades,symbol=ETH-USD,side=sell price=2615.54,amount=0.00044 1646762637609765000\n");
  const RecordHead* head = only(run, RecordType::kTrade);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(key_of(run.records()[0]), "line:ETH-USD");
  EXPECT_EQ(head->cells, 1);
  EXPECT_EQ(head->flags, kFlagLast | kFlagSell);
  EXPECT_EQ(head->ts_recv, kRunTime);
  EXPECT_EQ(head->ts_event, 1646762637609765000);
  EXPECT_EQ(head->frame, frame_of(1));
  const auto& trade = as<Trade>(head);
  EXPECT_EQ(trade.price, 261554);
  EXPECT_EQ(trade.size, 44);
  EXPECT_EQ(trade.trade_id, kNoneU64);
  EXPECT_EQ(trade.sequence, kNoneU64);
}

TEST(RowMappingTest, MakesTradesOfCryptofeedsBackend) {
  LineRun run;
  run.feed(kCryptofeedTrades);
  const auto definitions = run.records(RecordType::kInstrument);
  const auto trades = run.records(RecordType::kTrade);
  ASSERT_EQ(trades.size(), 3u);
  ASSERT_EQ(run.records().size(), definitions.size() + trades.size());
  EXPECT_EQ(key_of(definitions[0]), "coinbase:BTC-USD");
  EXPECT_EQ(key_of(definitions[1]), "bybit:BTC-USDT-PERP");
  EXPECT_EQ(key_of(definitions[2]), "kraken:BTC-USD");

  EXPECT_EQ(trades[0]->flags, kFlagLast | kFlagBuy | kFlagExtension);
  EXPECT_EQ(as<Trade>(trades[0]).trade_id, 123456u);
  EXPECT_EQ(trades[0]->cells, 2);
  EXPECT_EQ(extension_of(trades[0]).ts_sent, 1723075200250000000);
  EXPECT_EQ(extension_of(trades[0]).kind, 0) << "cryptofeed says None";
  EXPECT_EQ(extension_of(trades[0]).buyer_order_id, kNoneU64);

  EXPECT_EQ(trades[1]->cells, 3);
  EXPECT_EQ(as<Trade>(trades[1]).trade_id, kNoneU64);
  EXPECT_EQ(text_behind(trades[1], kCellBytes + 1, 36), "5c9e0a7b-2f0d-5b1e-9c1b-000000000001");
  EXPECT_EQ(extension_of(trades[1]).kind, static_cast<std::uint8_t>(TradeKind::kMarket));

  EXPECT_EQ(as<Trade>(trades[2]).size, 1);
  EXPECT_EQ(as<Instrument>(definitions[2]).size_exponent, -8);
  EXPECT_EQ(extension_of(trades[2]).kind, static_cast<std::uint8_t>(TradeKind::kLimit));
  EXPECT_EQ(run.counts().left_over, 0u);
}

TEST(RowMappingTest, MakesQuotesOfCryptofeedsTickerWithoutSizes) {
  LineRun run;
  run.feed(kCryptofeedTicker);
  const RecordHead* head = only(run, RecordType::kQuote);
  ASSERT_NE(head, nullptr);
  const auto& quote = as<Quote>(head);
  EXPECT_EQ(quote.bid_price, 260130);
  EXPECT_EQ(quote.ask_price, 260145);
  EXPECT_EQ(quote.bid_size, kNoneI64);
  EXPECT_EQ(quote.ask_size, kNoneI64);
  EXPECT_EQ(head->flags, kFlagLast | kFlagExtension);
}

TEST(RowMappingTest, MakesASnapshotOfCryptofeedsBook) {
  LineRun run;
  run.feed(kCryptofeedBook);
  const RecordHead* head = only(run, RecordType::kBook);
  ASSERT_NE(head, nullptr);
  const auto& book = as<Book>(head);
  EXPECT_EQ(head->flags, kFlagLast | kFlagSnapshot | kFlagExtension);
  EXPECT_EQ(book.bid_count, 2);
  EXPECT_EQ(book.ask_count, 2);
  EXPECT_EQ(book.last_update_id, kNoneU64);
  EXPECT_EQ(as<Instrument>(run.records()[0]).price_print, 0) << "26000.00 comes back only from the fixed rule";
  EXPECT_EQ(level_of(head, 0).price, 2600010);
  EXPECT_EQ(level_of(head, 0).size, 150000);
  EXPECT_EQ(level_of(head, 1).price, 2600000);
  EXPECT_EQ(level_of(head, 2).price, 2600020);
  EXPECT_EQ(level_of(head, 3).size, 1);
}

TEST(RowMappingTest, KeepsCryptofeedsOtherChannelsAsText) {
  LineRun run;
  run.feed(kCryptofeedOthers);
  const auto texts = run.records(RecordType::kText);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(text_of(texts[0]) + "\n" + text_of(texts[1]) + "\n", kCryptofeedOthers);
  for (const RecordHead* text : texts) {
    EXPECT_EQ(as<Text>(text).reason, static_cast<std::uint8_t>(TextReason::kUnmapped));
    EXPECT_EQ(text->flags, kFlagLast);
  }
  EXPECT_EQ(texts[1]->frame, frame_of(2));
  EXPECT_EQ(run.counts().unmapped, 2u);
}

TEST(RowMappingTest, GivesTheSameTradeForAllVersionsOfTheProtocol) {
  const auto first_trade = [](std::string_view bytes) {
    LineMapping mapping = default_line_mapping();
    mapping.keep_left_over = false;
    LineRun run(mapping);
    run.feed(bytes.substr(0, bytes.find("\nt") + 1));
    const RecordHead* head = only(run, RecordType::kTrade);
    EXPECT_EQ(run.counts().left_over, 1u) << "m, note, tt and tn";
    return head == nullptr ? Trade{} : as<Trade>(head);
  };
  for (const std::string_view bytes : {std::string_view(kNodeVersion1), std::string_view(kNodeVersion2),
                                       std::string_view(kPythonVersion1), std::string_view(kPythonVersion2)}) {
    const Trade trade = first_trade(bytes);
    EXPECT_EQ(trade.price, 261554);
    EXPECT_EQ(trade.size, 44);
    EXPECT_EQ(trade.trade_id, 123u);
    EXPECT_EQ(trade.head.ts_event, 1646762637609765000);
    EXPECT_EQ(trade.head.flags, kFlagLast | kFlagSell);
  }
}

TEST(RowMappingTest, TakesDecimalsOfVersion3WithTheirScale) {
  LineRun run;
  run.feed("trades,symbol=X price==\x17\x06\x03\x12\xD6\x44,amount=1.50d 1n\n"s);
  const RecordHead* head = only(run, RecordType::kTrade);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(as<Trade>(head).price, 1234500);
  EXPECT_EQ(as<Trade>(head).size, 150);
  const auto& definition = as<Instrument>(run.records()[0]);
  EXPECT_EQ(definition.price_exponent, -6);
  EXPECT_EQ(definition.price_print, 0);
}

TEST(RowMappingTest, TakesArraysAsSidesOfABook) {
  LineRun run;
  const std::string array = kNodeArrays.substr(kNodeArrays.find("=="), 2 + 3 + 8 + 4 * 8);
  run.feed("market_data,symbol=X bids" + array + ",asks==\x0E\x21 1n\n");
  const RecordHead* head = only(run, RecordType::kBook);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(as<Book>(head).bid_count, 2);
  EXPECT_EQ(as<Book>(head).ask_count, 0);
  EXPECT_EQ(level_of(head, 0).price, 15);
  EXPECT_EQ(level_of(head, 0).size, 10);
  EXPECT_EQ(level_of(head, 1).price, 25);
  EXPECT_EQ(level_of(head, 1).size, 20);
}

TEST(RowMappingTest, SplitsABookThatIsLargerThanARecord) {
  LineRun run;
  std::string line = "book,symbol=X update_id=9i,";
  const auto add = [&line](const std::string& level, int price, int size) {
    line += level + "_price=" + std::to_string(price) + "," + level + "_size=" + std::to_string(size) + ",";
  };
  for (int i = 0; i < 600; ++i) add("bid_" + std::to_string(i), 1000 - i, 1);
  for (int i = 0; i < 600; ++i) add("ask_" + std::to_string(i), 2000 + i, 2);
  line.back() = '\n';
  run.feed(line);
  const auto books = run.records(RecordType::kBook);
  ASSERT_EQ(books.size(), 2u);
  EXPECT_EQ(books[0]->flags, kFlagSnapshot);
  EXPECT_EQ(books[1]->flags, kFlagSnapshot | kFlagLast);
  EXPECT_EQ(as<Book>(books[0]).bid_count, 600);
  EXPECT_EQ(as<Book>(books[0]).ask_count, 416);
  EXPECT_EQ(as<Book>(books[1]).bid_count, 0);
  EXPECT_EQ(as<Book>(books[1]).ask_count, 184);
  EXPECT_EQ(as<Book>(books[1]).last_update_id, 9u);
  EXPECT_EQ(level_of(books[1], 183).price, 2599);
  EXPECT_EQ(run.counts().books, 1u);
}

TEST(RowMappingTest, KeepsALevelThatLacksItsSizeAsText) {
  for (const char* fields : {"bid_0_price=1", "bid_0_size=1", "bid_0_price=1,bid_0_size=NaN", "bids=5"}) {
    LineRun run;
    run.feed("book,symbol=X "s + fields + "\n");
    EXPECT_EQ(run.counts().unmapped, 1u) << fields;
    EXPECT_EQ(run.records().size(), 1u) << fields;
  }
}

TEST(RowMappingTest, MakesAnUpdateOfABookThatSaysItIsNoSnapshot) {
  LineRun run;
  run.feed("book,symbol=X bid_0_price=1,bid_0_size=0,snapshot=f,first_update_id=3i,update_id=4i\n");
  const RecordHead* head = only(run, RecordType::kBook);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->flags, kFlagLast);
  EXPECT_EQ(as<Book>(head).first_update_id, 3u);
  EXPECT_EQ(as<Book>(head).last_update_id, 4u);
  EXPECT_EQ(level_of(head, 0).size, 0);
}

TEST(RowMappingTest, TakesTheVenueFromATagThenTheTableThenTheRuleThenTheMapping) {
  LineMapping mapping = default_line_mapping();
  mapping.rules.insert(mapping.rules.begin(), mapping.rules.front());
  mapping.rules.front().table = "mine";
  mapping.rules.front().venue = "House";
  LineRun run(mapping);
  run.feed(
      "trades-COINBASE,symbol=A,exchange=Kraken price=1,amount=1\n"
      "trades-COINBASE,symbol=A price=1,amount=1\n"
      "mine,symbol=A price=1,amount=1\n"
      "trades,symbol=A price=1,amount=1\n");
  std::vector<std::string> keys;
  for (const RecordHead* head : run.records(RecordType::kInstrument)) keys.push_back(key_of(head));
  EXPECT_EQ(keys, (std::vector<std::string>{"kraken:A", "coinbase:A", "house:A", "line:A"}));
}

TEST(RowMappingTest, LeavesTheVenueAsItIsWhenAskedTo) {
  LineMapping mapping = default_line_mapping();
  mapping.lower_case_venue = false;
  LineRun run(mapping);
  run.feed("trades-COINBASE,symbol=a price=1,amount=1\n");
  EXPECT_EQ(key_of(run.records()[0]), "COINBASE:a");
}

TEST(RowMappingTest, ReadsSidesInTheirCommonForms) {
  const auto flags = [](const std::string& columns) -> std::uint16_t {
    LineRun run;
    run.feed("trades,symbol=A" + columns + "\n");
    const RecordHead* head = only(run, RecordType::kTrade);
    return head == nullptr ? 0 : head->flags & (kFlagBuy | kFlagSell);
  };
  EXPECT_EQ(flags(",side=BUY price=1,amount=1"), kFlagBuy);
  EXPECT_EQ(flags(",side=S price=1,amount=1"), kFlagSell);
  EXPECT_EQ(flags(" price=1,amount=1,side=\"Sell\""), kFlagSell);
  EXPECT_EQ(flags(" price=1,amount=1,side=buy"), kFlagBuy);
  EXPECT_EQ(flags(" price=1,amount=1,is_buyer_maker=t"), kFlagSell);
  EXPECT_EQ(flags(" price=1,amount=1,is_buyer_maker=f"), kFlagBuy);
  EXPECT_EQ(flags(",side=None price=1,amount=1"), 0);
  EXPECT_EQ(flags(",side= price=1,amount=1"), 0);
}

TEST(RowMappingTest, KeepsARowsTextBesideItsRecordWhenAColumnHasNoPlaceInIt) {
  for (const char* columns :
       {",side=up price=1,amount=1", " price=1,amount=1,fee=0.1", ",type=iceberg price=1,amount=1",
        " price=1,amount=1,timestamp=5i", " price=1,amount=1,price=2", " price=1,amount=1,px=2",
        " price=1,amount=1,side=1.5", " price=1,amount=1,side=t", ",side=buy price=1,amount=1,is_buyer_maker=t",
        " price=1,amount=1,timestamp=5n 6", " price=1,amount=1,sequence=-1i", " price=1,amount=1,is_buyer_maker=1i"}) {
    const std::string line = "trades,symbol=A"s + columns;
    LineRun run;
    run.feed(line + "\n");
    EXPECT_EQ(run.counts().trades, 1u) << line;
    const auto texts = run.records(RecordType::kText);
    ASSERT_EQ(texts.size(), 1u) << line;
    EXPECT_EQ(text_of(texts[0]), line);
    EXPECT_EQ(texts[0]->frame, frame_of(1));
    EXPECT_EQ(run.counts().left_over, 1u);
    EXPECT_EQ(run.counts().unmapped, 0u);
  }
}

TEST(RowMappingTest, LeavesOutColumnsThatSayThatThereIsNothing) {
  LineRun run;
  run.feed("trades,symbol=A price=1,amount=1,fee=None,x=NaN\n");
  EXPECT_NE(only(run, RecordType::kTrade), nullptr);
  EXPECT_EQ(run.counts().left_over, 0u);
}

TEST(RowMappingTest, CountsWhatIsLeftOverWhenItIsNotKept) {
  LineMapping mapping = default_line_mapping();
  mapping.keep_left_over = false;
  LineRun run(mapping);
  run.feed("trades,symbol=A price=1,amount=1,fee=0.1\n");
  EXPECT_NE(only(run, RecordType::kTrade), nullptr);
  EXPECT_EQ(run.counts().left_over, 1u);
}

TEST(RowMappingTest, TakesTradeIdsAsNumbersOnlyIfTheTextComesBack) {
  const auto id = [](const std::string& value) {
    LineRun run;
    run.feed("trades,symbol=A price=1,amount=1,id=" + value + "\n");
    const RecordHead* head = only(run, RecordType::kTrade);
    if (head == nullptr) return "?"s;
    if (head->cells < 3) return std::to_string(as<Trade>(head).trade_id);
    EXPECT_EQ(as<Trade>(head).trade_id, kNoneU64);
    return "text " + std::string(text_behind(head, kCellBytes + 1, text_behind(head, kCellBytes, 1)[0]));
  };
  EXPECT_EQ(id("123i"), "123");
  EXPECT_EQ(id("0i"), "0");
  EXPECT_EQ(id("\"123\""), "123");
  EXPECT_EQ(id("123"), "123");
  EXPECT_EQ(id("\"0123\""), "text 0123");
  EXPECT_EQ(id("-5i"), "text -5");
  EXPECT_EQ(id("18446744073709551614i"), "18446744073709551614");
  EXPECT_EQ(id("18446744073709551615i"), "text 18446744073709551615");
  EXPECT_EQ(id("99999999999999999999999i"), "text 99999999999999999999999");
  EXPECT_EQ(id("\"a b\""), "text a b");
  EXPECT_EQ(id("\"" + std::string(63, 'x') + "\""), "text " + std::string(63, 'x'));
}

TEST(RowMappingTest, KeepsAnIdThatIsTooLongWithTheRow) {
  LineRun run;
  run.feed("trades,symbol=A price=1,amount=1,id=\"" + std::string(64, 'x') + "\"\n");
  EXPECT_EQ(run.counts().trades, 1u);
  EXPECT_EQ(run.records(RecordType::kText).size(), 1u);
}

TEST(RowMappingTest, TakesNumbersInAnyFormThatSaysThem) {
  for (const char* value : {"12.5", "\"12.5\"", "12.5d", "1.25e1", "125e-1"}) {
    LineRun run;
    run.feed("trades,symbol=A price="s + value + ",amount=3i\n");
    const RecordHead* head = only(run, RecordType::kTrade);
    ASSERT_NE(head, nullptr) << value;
    EXPECT_EQ(as<Trade>(head).price, 125) << value;
  }
}

TEST(RowMappingTest, KeepsRowsThatLackWhatTheirRecordNeedsAsText) {
  for (const char* line :
       {"trades,symbol=A price=1", "trades,symbol=A amount=1", "trades price=1,amount=1",
        "trades,symbol= price=1,amount=1", "trades,symbol=A price=None,amount=1", "trades,symbol=A price=t,amount=1",
        "trades,symbol=A price=\"x\",amount=1", "trades-a:b,symbol=A price=1,amount=1", "quotes,symbol=A bid_size=1",
        "book,symbol=A update_id=1i", "trades- a=1", "other,symbol=A price=1,amount=1",
        "trades,symbol=A price=1,amount=1t"}) {
    LineRun run;
    run.feed(line + "\n"s);
    const auto records = run.records();
    ASSERT_EQ(records.size(), 1u) << line;
    EXPECT_EQ(text_of(records[0]), line);
    EXPECT_EQ(as<Text>(records[0]).reason, static_cast<std::uint8_t>(TextReason::kUnmapped)) << line;
    EXPECT_EQ(run.counts().unmapped, 1u) << line;
  }
}

TEST(RowMappingTest, KeepsRowsWithNumbersThatFitNoMantissaAsText) {
  for (const char* line :
       {"trades,symbol=A price=10000000000000000000,amount=1", "trades,symbol=A price=1,amount=Infinity",
        "trades,symbol=A price=1e-19,amount=1", "quotes,symbol=A bid=123456789012345678901234567890",
        "book,symbol=A bid_0_price=1e30,bid_0_size=1"}) {
    LineRun run;
    run.feed(line + "\n"s);
    const auto records = run.records();
    ASSERT_EQ(records.size(), 1u) << line;
    EXPECT_EQ(text_of(records[0]), line);
    EXPECT_EQ(as<Text>(records[0]).reason, static_cast<std::uint8_t>(TextReason::kUnrepresentable)) << line;
    EXPECT_EQ(run.counts().unrepresentable, 1u) << line;
  }
}

TEST(RowMappingTest, TakesTimesWithoutAUnitOnlyWhereTheRuleNamesIt) {
  LineMapping mapping = default_line_mapping();
  for (ColumnRule& column : mapping.rules.front().columns) {
    if (column.name == "timestamp") column.unit = TimeUnit::kSeconds;
  }
  LineRun run(mapping);
  run.feed("trades,symbol=A price=1,amount=1,timestamp=1723075200.123456789\n");
  const RecordHead* head = only(run, RecordType::kTrade);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->ts_event, 1723075200123456789);
}

TEST(RowMappingTest, FollowsColumnsThatChangeTheirPlaceFromRowToRow) {
  LineRun run;
  run.feed(
      "trades,symbol=A price=1,amount=2\n"
      "trades,symbol=A amount=2,price=1\n"
      "trades,side=buy,symbol=A amount=2,id=5i,price=1\n"
      "trades,symbol=A price=1,amount=2\n");
  for (const RecordHead* head : run.records(RecordType::kTrade)) {
    EXPECT_EQ(as<Trade>(head).price, 1);
    EXPECT_EQ(as<Trade>(head).size, 2);
  }
  EXPECT_EQ(run.counts().trades, 4u);
}

TEST(RowMappingTest, DatesANewDefinitionBeforeTheRowThatNeedsIt) {
  LineRun run;
  run.feed("trades,symbol=A price=1.5,amount=1\ntrades,symbol=A price=1.25,amount=1\n");
  const auto records = run.records();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[2]->type, static_cast<std::uint8_t>(RecordType::kInstrument));
  EXPECT_EQ(records[2]->frame, frame_of(2));
  EXPECT_EQ(records[3]->instrument, 2u);
  EXPECT_EQ(as<Trade>(records[3]).price, 125);
}

}  // namespace
}  // namespace tickforge
