#include "lines/line_ingest.h"

#include <gtest/gtest.h>

#include <string>

#include "testing/line_run.h"
#include "testing/line_samples.h"

namespace tickforge {
namespace {

using namespace testing;
using namespace std::string_literals;

/// Rows of every kind and version, good ones and bad ones.
std::string all_samples() {
  std::string bytes = "\r\n";
  bytes += kNodeVersion1;
  bytes += kNodeVersion2 + kNodeArrays + kNodeDecimals;
  bytes += "broken\nt a=\"x\nt a==\x0E\x05,b=\n";
  bytes += kPythonVersion1;
  bytes += kPythonVersion2 + kPythonDecimals;
  bytes += kCryptofeedTrades;
  bytes += kCryptofeedBook;
  bytes += "trades,symbol=A price=1,amount=Infinity\r\n\n";
  bytes += kCryptofeedTicker;
  bytes += kCryptofeedOthers;
  return bytes + "trades,symbol=A price=1";
}

TEST(LineIngestTest, GivesTheSameRecordsWhereverTheBytesAreSplit) {
  const std::string bytes = all_samples();
  LineRun whole;
  EXPECT_EQ(whole.feed(bytes), FeedStatus::kNeedMore);
  EXPECT_GT(whole.records().size(), 30u);
  EXPECT_EQ(whole.rest(), "trades,symbol=A price=1");
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    LineRun split;
    split.feed(std::string_view(bytes).substr(0, at));
    split.feed(std::string_view(bytes).substr(at));
    ASSERT_EQ(split.cells(), whole.cells()) << "split at " << at;
    ASSERT_EQ(split.rest(), whole.rest()) << "split at " << at;
  }
  for (const std::size_t piece : {1, 2, 3, 7, 64}) {
    LineRun split;
    split.feed(bytes, piece);
    ASSERT_EQ(split.cells(), whole.cells()) << "pieces of " << piece;
  }
}

TEST(LineIngestTest, CountsEveryLineOnce) {
  LineRun run;
  run.feed(all_samples(), 0, true);
  const LineCounts& counts = run.counts();
  EXPECT_EQ(counts.lines, counts.trades + counts.quotes + counts.books + counts.unmapped + counts.unparseable +
                              counts.unrepresentable);
  EXPECT_EQ(counts.trades, run.records(RecordType::kTrade).size());
  EXPECT_EQ(counts.definitions, run.records(RecordType::kInstrument).size());
  EXPECT_EQ(counts.unparseable, 3u);
  EXPECT_EQ(counts.unrepresentable, 1u);
  EXPECT_EQ(run.source.rows, counts.lines);
  EXPECT_EQ(run.rest(), "");
}

TEST(LineIngestTest, KeepsALineThatCannotBeReadAsTextAndSaysWhichWasTheFirst) {
  LineRun run;
  run.feed("trades,symbol=A price=1,amount=1\ntrades,symbol=A price=\ntrades,symbol=A price=1,amount=1 x\n");
  const auto texts = run.records(RecordType::kText);
  ASSERT_EQ(texts.size(), 2u);
  const auto& text = as<Text>(texts[0]);
  EXPECT_EQ(text.reason, static_cast<std::uint8_t>(TextReason::kUnparseable));
  EXPECT_EQ(text.binary, 0);
  EXPECT_EQ(text.sequence, kNoneU64);
  EXPECT_EQ(text_behind(texts[0], 0, text.length), "trades,symbol=A price=");
  EXPECT_EQ(text.total_length, text.length);
  EXPECT_EQ(run.source.fault_row, 2u);
  EXPECT_EQ(run.source.fault.position, 22u);
  EXPECT_STREQ(run.source.fault.what, "expected a value");
}

TEST(LineIngestTest, SplitsALongLineIntoTextRecordsThatFollowOnEachOther) {
  LineRun run;
  const std::string line = "other note=\"" + std::string(40'000, 'x') + "\"";
  run.feed(line + "\n");
  const auto texts = run.records(RecordType::kText);
  ASSERT_EQ(texts.size(), 3u);
  std::string joined;
  for (const RecordHead* head : texts) {
    EXPECT_EQ(as<Text>(head).offset, joined.size());
    EXPECT_EQ(as<Text>(head).total_length, line.size());
    EXPECT_EQ(head->flags, head == texts.back() ? kFlagLast : 0);
    joined += text_behind(head, 0, as<Text>(head).length);
  }
  EXPECT_EQ(joined, line);
}

TEST(LineIngestTest, MarksTheTextOfALineWithBinaryValues) {
  LineRun run;
  run.feed(kNodeDecimals);
  ASSERT_EQ(run.records().size(), 1u);
  EXPECT_EQ(as<Text>(run.records()[0]).binary, 1);
  EXPECT_EQ(std::string(text_behind(run.records()[0], 0, kNodeDecimals.size() - 1)) + "\n", kNodeDecimals);
}

TEST(LineIngestTest, TakesNothingOfALineThatTheOutputHasNoRoomFor) {
  InstrumentBook book([] { return 1u; });
  LineIngest ingest(default_line_mapping(), book);
  CellBuffer out(ingest.cells_min());
  LineSource source;
  const std::string line = "trades,symbol=A price=1,amount=1\n";
  out.reserve(out.capacity() - 3);
  const FeedResult full = ingest.feed(source, line.data(), line.data() + line.size(), kRunTime, false, out);
  EXPECT_EQ(full.status, FeedStatus::kFull);
  EXPECT_EQ(full.consumed, 0u);
  EXPECT_EQ(ingest.counts().lines, 0u);
  EXPECT_EQ(book.instruments(), 0u);
  EXPECT_EQ(source.rows, 0u);
  out.clear();
  const FeedResult taken = ingest.feed(source, line.data(), line.data() + line.size(), kRunTime, false, out);
  EXPECT_EQ(taken.status, FeedStatus::kNeedMore);
  EXPECT_EQ(taken.consumed, line.size());
  EXPECT_EQ(out.records(), 2u);
}

TEST(LineIngestTest, GoesOnThroughAnOutputThatFillsUpOften) {
  std::string bytes;
  for (int i = 0; i < 5'000; ++i) bytes += "trades,symbol=A price=" + std::to_string(i) + ".5,amount=1\n";
  LineRun large({default_line_mapping()}, {}, 1 << 16);
  LineRun small;
  large.feed(bytes);
  small.feed(bytes);
  EXPECT_EQ(large.full(), 0u);
  EXPECT_GT(small.full(), 0u);
  EXPECT_EQ(small.cells(), large.cells());
  EXPECT_EQ(small.counts().trades, 5'000u);
}

TEST(LineIngestTest, HasRoomForTheLongestLinesOfEveryKind) {
  // As many levels as a line can name, so that its records take the most cells; keeping its text takes as many again.
  LineMapping mapping;
  RowRule rule;
  rule.table = "b";
  rule.kind = RowKind::kBook;
  rule.columns = {{"s", ColumnRole::kSymbol, {}},       {"{n}", ColumnRole::kBidPrice, {}},
                  {"s{n}", ColumnRole::kBidSize, {}},   {"a{n}", ColumnRole::kAskPrice, {}},
                  {"z{n}", ColumnRole::kAskSize, {}},   {"bids", ColumnRole::kBids, {}}};
  mapping.rules.push_back(rule);
  ASSERT_TRUE(check_line_mapping(mapping));
  std::string line = "b,s=" + std::string(255, 'x') + " left=1,";
  for (int i = 0; i < 1024; ++i) line += std::to_string(i) + "=1,s" + std::to_string(i) + "=1,";
  const std::uint32_t columns = (LineLimits{}.line_bytes_max - static_cast<std::uint32_t>(line.size()) - 20) / 16;
  line += "bids==\x0E\x0A\x02\x02\0\0\0"s;
  line.append(reinterpret_cast<const char*>(&columns), sizeof columns);
  line.append(columns * 16, '\0');
  line += "\n";
  LineRun run(mapping);
  EXPECT_EQ(run.feed(line), FeedStatus::kNeedMore);
  EXPECT_EQ(run.counts().books, 1u);
  EXPECT_EQ(run.counts().left_over, 1u);
  EXPECT_LE(run.cells().size() / kCellBytes, run.ingest().cells_min());
  std::size_t levels = 0;
  for (const RecordHead* head : run.records(RecordType::kBook)) levels += as<Book>(head).bid_count;
  EXPECT_EQ(levels, 1024u + columns);
}

TEST(LineIngestTest, KeepsWhatItHasOfALineThatIsTooLongAndEndsTheConnection) {
  const LineLimits limits{64, 8};
  LineRun run(default_line_mapping(), limits);
  EXPECT_EQ(run.feed("trades,symbol=A price=1,amount=1\nt a=\"" + std::string(100, 'x')), FeedStatus::kTooLong);
  const auto texts = run.records(RecordType::kText);
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_EQ(text_behind(texts[0], 0, 64), "t a=\"" + std::string(59, 'x'));
  EXPECT_EQ(run.counts().trades, 1u);
  EXPECT_EQ(run.counts().unparseable, 1u);
  EXPECT_STREQ(run.source.fault.what, "a line is longer than the limit");
}

TEST(LineIngestTest, KeepsTheLineInWhoseMiddleAConnectionEnded) {
  LineRun run;
  run.feed("trades,symbol=A pri");
  CellBuffer out(16);
  ASSERT_TRUE(run.ingest().keep_torn(run.source, run.rest().data(), run.rest().data() + run.rest().size(), 5, out));
  ASSERT_EQ(out.records(), 1u);
  const auto& text = *reinterpret_cast<const Text*>(out.data());
  EXPECT_EQ(text.reason, static_cast<std::uint8_t>(TextReason::kUnparseable));
  EXPECT_EQ(text.total_length, 19u);
  CellBuffer none(1);
  EXPECT_FALSE(run.ingest().keep_torn(run.source, run.rest().data(), run.rest().data() + 1, 5, none));
  EXPECT_EQ(run.counts().unparseable, 1u);
}

TEST(LineIngestTest, NumbersTheRowsOfEachConnection) {
  LineRun run;
  run.source.connection = 65'535;
  run.source.rows = (std::uint64_t{1} << 40) - 1;
  run.feed("trades,symbol=A price=1,amount=1\n");
  EXPECT_EQ(run.records().back()->frame, std::uint64_t{65'535} << 48 | std::uint64_t{1} << 40);
}

}  // namespace
}  // namespace tickforge
