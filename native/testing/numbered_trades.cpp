// A client for the crash tests: sends trades with consecutive numbers until the server is gone, and prints which of them
// were acknowledged as durable, one line each time: "acknowledged N", at the end "last N".
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "client/client.h"

namespace {

constexpr std::uint64_t kBatch = 100;
/// Batches on their way at once.
constexpr std::uint64_t kUnderWay = 8;

tickforge::Trade make_trade(std::uint32_t instrument, std::uint64_t number) {
  tickforge::Trade trade{};
  trade.head.cells = 1;
  trade.head.type = static_cast<std::uint8_t>(tickforge::RecordType::kTrade);
  trade.head.flags = tickforge::kFlagLast;
  trade.head.instrument = instrument;
  trade.head.ts_event = tickforge::kNoneI64;
  trade.price = static_cast<std::int64_t>(number);
  trade.size = 1;
  trade.trade_id = number;
  trade.sequence = tickforge::kNoneU64;
  return trade;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tickforge;
  if (argc != 4) return std::fprintf(stderr, "usage: numbered_trades ADDRESS SYMBOL FIRST\n"), 2;
  const std::uint64_t first = std::strtoull(argv[3], nullptr, 10);
  std::uint64_t last = first - 1;
  const auto end = [&] { return std::printf("last %llu\n", static_cast<unsigned long long>(last)), 0; };

  auto connected = Client::connect(argv[1]);
  if (!connected) return end();
  Client& client = *connected.value();
  InstrumentDefinition definition;
  definition.venue = "crash";
  definition.symbol = argv[2];
  auto instrument = client.define(definition);
  if (!instrument) return end();
  // The definition went as a batch of its own.
  const std::uint64_t before = client.last_sent();
  std::vector<Trade> trades;
  for (;;) {
    trades.clear();
    while (trades.size() < kBatch) trades.push_back(make_trade(instrument.value(), ++last));
    auto batch = client.send(trades.data(), trades.size());
    if (!batch) return end();
    if (batch.value() > before + kUnderWay && !client.wait(batch.value() - kUnderWay)) return end();
    if (client.acknowledged() <= before) continue;
    std::printf("acknowledged %llu\n",
                static_cast<unsigned long long>(first - 1 + (client.acknowledged() - before) * kBatch));
    std::fflush(stdout);
  }
}
