// Rows of the line protocol, parsed and turned into records on one core, beside memchr over the same bytes.
#include <cstring>

#include "lines/line_ingest.h"
#include "programs.h"

namespace tickforge::bench {
namespace {

constexpr std::uint64_t kRows = 100'000;

/// Trades as QuestDB's documentation and its clients write them, no two alike.
std::string make_lines() {
  std::string text;
  char line[160];
  std::uint64_t price = 261'554;
  for (std::uint64_t i = 0; i < kRows; ++i) {
    price += i % 5;
    price -= 2;
    const int length = std::snprintf(
        line, sizeof line, "trades,symbol=%s,side=%s price=%llu.%02llu,amount=0.%08llu %llu\n",
        i % 3 == 0 ? "ETH-USD" : "BTC-USD", i % 2 == 0 ? "sell" : "buy", static_cast<unsigned long long>(price / 100),
        static_cast<unsigned long long>(price % 100), static_cast<unsigned long long>(10 + i * 7919 % 99'999'989),
        static_cast<unsigned long long>(1'723'075'200'000'000'000 + i * 1000));
    text.append(line, static_cast<std::size_t>(length));
  }
  return text;
}

}  // namespace

Report raw_memchr(Options& options) {
  const std::uint64_t rounds = options.count("rounds", 100);
  options.done();
  const std::string text = make_lines();
  std::uint64_t rows = 0;
  const Stopwatch watch;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const char* at = text.data();
    const char* end = at + text.size();
    while (const void* found = std::memchr(at, '\n', static_cast<std::size_t>(end - at))) {
      at = static_cast<const char*>(found) + 1;
      ++rows;
    }
  }
  Report report;
  watch.add_to(report);
  expect(rows == rounds * kRows, "memchr found another number of rows");
  return report.add("count", rows).add("bytes", std::uint64_t{text.size() * rounds});
}

Report line_rows(Options& options) {
  const std::uint64_t rounds = options.count("rounds", 10);
  options.done();
  constexpr std::size_t kRead = 64 << 10;  // what a server reads at once
  const std::string text = make_lines();
  std::uint32_t instruments = 0;
  InstrumentBook book([&instruments] { return ++instruments; });
  LineIngest ingest(default_line_mapping(), book);
  LineSource source;
  source.connection = 1;
  CellBuffer out(std::max<std::uint32_t>(4096, ingest.cells_min()));
  std::uint64_t records = 0;
  const auto hand_over = [&] {
    records += out.records();
    out.clear();
  };
  const Stopwatch watch;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const char* at = text.data();
    const char* end = at + text.size();
    while (at != end) {
      const char* until = std::min(end, at + kRead);
      const FeedResult fed = ingest.feed(source, at, until, static_cast<std::int64_t>(round), false, out);
      at += fed.consumed;
      if (fed.status == FeedStatus::kFull) hand_over();
      expect(fed.status != FeedStatus::kTooLong && (fed.consumed > 0 || fed.status == FeedStatus::kFull), "a line was not taken");
    }
  }
  hand_over();
  Report report;
  watch.add_to(report);
  const LineCounts& counts = ingest.counts();
  expect(counts.trades == rounds * kRows && counts.lines == counts.trades, "not every line became a trade");
  expect(records == counts.trades + counts.definitions, "not every trade became a record");
  return report.add("count", counts.trades).add("definitions", counts.definitions);
}

}  // namespace tickforge::bench
