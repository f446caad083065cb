// The example of docs/PROTOCOL.md: sends two trades to a running recorder and waits until they are on the disk.
#include <cstdio>

#include "base/clock.h"
#include "client/client.h"

int main(int argc, char** argv) {
  using namespace tickforge;
  if (argc < 2) return std::fprintf(stderr, "usage: send_trades unix:PATH|tcp:HOST:PORT [TOKEN]\n"), 2;
  auto connected = Client::connect(argv[1], argc > 2 ? argv[2] : "");
  if (!connected) return std::fprintf(stderr, "%s\n", connected.error().message.c_str()), 1;
  Client& client = *connected.value();

  InstrumentDefinition definition;
  definition.venue = "example";
  definition.symbol = "BTC-USD";
  definition.price_exponent = -2;
  definition.size_exponent = -8;
  auto instrument = client.define(definition);
  if (!instrument) return std::fprintf(stderr, "%s\n", instrument.error().message.c_str()), 1;

  Trade trades[2]{};
  for (Trade& trade : trades) {
    trade.head.cells = 1;
    trade.head.type = static_cast<std::uint8_t>(RecordType::kTrade);
    trade.head.flags = kFlagLast | kFlagBuy;
    trade.head.instrument = instrument.value();
    trade.head.ts_recv = realtime_ns();
    trade.head.ts_event = kNoneI64;
    trade.price = 6'000'050;  // 60000.50
    trade.size = 10'000'000;  // 0.1
    trade.trade_id = kNoneU64;
    trade.sequence = kNoneU64;
  }
  auto batch = client.send(trades, 2);
  if (!batch) return std::fprintf(stderr, "%s\n", batch.error().message.c_str()), 1;
  auto durable = client.wait(batch.value());
  if (!durable) return std::fprintf(stderr, "%s\n", durable.error().message.c_str()), 1;
  std::printf("batch %llu is durable\n", static_cast<unsigned long long>(batch.value()));
}
