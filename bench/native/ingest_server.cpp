// The ingest server as `tickforge serve` runs it, into a journal or into a ring that is only emptied.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/recorder.h"
#include "ingest/server.h"
#include "programs.h"
#include "ring/ring_set.h"
#include "sockets.h"
#include "trades.h"

namespace tickforge::bench {
namespace {

constexpr std::size_t kRingBytes = std::size_t{16} << 20;

/// Cells that the clients' definition takes, which they share; trades of one cell follow.
constexpr std::uint32_t kDefinitionCells = 2;
constexpr std::uint32_t kTradesOfBatch = 256;

/// Fails unless the newest of `cells` cells are the sender's trades, as many as were not overwritten, in the order
/// of their batches and under the journal's number.
void check_newest(const SpscRing& ring, std::uint64_t cells) {
  std::vector<Trade> sent(kTradesOfBatch);
  TradeMaker maker(kTradesOfBatch);
  for (Trade& trade : sent) maker.put(reinterpret_cast<std::uint8_t*>(&trade));
  // What the server received and has not published lies in the other half.
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(cells - kDefinitionCells, ring.capacity() / 2));
  std::uint64_t before = 0;
  for (std::uint32_t position = ring.published() - count; position != ring.published(); ++position) {
    const auto& trade = *reinterpret_cast<const Trade*>(ring.at(position));
    const Trade& as_sent = sent[(trade.trade_id - 1) % kTradesOfBatch];
    const bool follows = before == 0 || trade.trade_id == before % kTradesOfBatch + 1;
    before = trade.trade_id;
    expect(follows && trade.head.cells == 1 && trade.head.type == as_sent.head.type && trade.head.instrument == 1 &&
               trade.head.flags == as_sent.head.flags && trade.head.ts_recv > 0 && trade.price == as_sent.price &&
               trade.size == as_sent.size && trade.trade_id == as_sent.trade_id,
           "the ring does not hold what was sent");
  }
}

/// In the place of a journal's writer: gives everything back unread. Sleeps as the writer does, until a share of the ring is
/// full or a block would be due.
class Drain {
 public:
  explicit Drain(RingSet& rings) : rings_(rings), thread_([this] { run(); }) {}
  /// After the producers have ended. Returns the cells that came.
  std::uint64_t finish() {
    stop_.store(true, std::memory_order_seq_cst);
    rings_.wake_writer();
    thread_.join();
    return cells_;
  }

 private:
  void run() {
    constexpr std::uint32_t kWanted = kRingBytes / kCellBytes / 8;
    constexpr std::int64_t kDueNs = 1'000'000;
    for (bool ended = false; !ended;) {
      ended = stop_.load(std::memory_order_seq_cst);
      rings_.refresh();
      take();
      if (ended) break;
      rings_.wait_for_data([this](std::size_t i) { return rings_.inlets()[i].ring->consumed(); }, kWanted, kDueNs,
                           [this] { return stop_.load(std::memory_order_seq_cst); });
    }
    check_newest(*rings_.inlets().back().ring, cells_);
    rings_.stop(RingState::kClosed);
  }
  void take() {
    for (const Inlet& inlet : rings_.inlets()) {
      const std::uint32_t end = inlet.ring->published();
      if (end == inlet.ring->consumed()) continue;
      cells_ += end - inlet.ring->consumed();
      inlet.ring->release(end);
      inlet.ring->set_progress({end, end, end});
    }
  }

  RingSet& rings_;
  std::atomic<bool> stop_{false};
  std::uint64_t cells_ = 0;
  std::thread thread_;
};

IngestOptions options_of(const std::string& listen) {
  IngestOptions options;
  options.listen = {listen};
  options.ring_bytes = kRingBytes;
  return options;
}

/// Until all clients have come and gone.
void serve(IngestServer& server, const std::string& listen, std::uint64_t clients) {
  const std::string& address = server.addresses().front();
  say_ready(Address::parse(listen.rfind("unix:", 0) == 0 ? listen : address));
  while (server.stats().clients_total.get() < clients || server.stats().clients.get() > 0) ::usleep(5000);
}

void add_counts(Report& report, const IngestStats& stats) {
  report.add("lines", stats.lines.get()).add("trades", stats.rows.get());
}

}  // namespace

Report ingest_server(Options& options) {
  const std::string listen = options.text("listen");
  const std::uint64_t clients = options.count("clients", 1);
  const std::string directory = options.text("directory", "");
  options.done();
  Report report;
  if (directory.empty()) {
    const auto rings = take_or_fail(RingSet::create("", kRingBytes));
    Drain drain(*rings);
    const auto server = take_or_fail(IngestServer::start(*rings, options_of(listen)));
    const Stopwatch watch;
    serve(*server, listen, clients);
    watch.add_to(report);
    server->stop();
    add_counts(report, server->stats());
    return report.add("records", server->stats().records.get()).add("cells", drain.finish());
  }
  JournalOptions journal;
  journal.directory = directory;
  journal.name = "bench";
  journal.flush_interval_ns = 20'000'000;
  journal.writer = "bench";
  const auto recorder = take_or_fail(Recorder::open(journal));
  const auto server = take_or_fail(IngestServer::start(recorder->rings(), options_of(listen)));
  const Stopwatch watch;
  serve(*server, listen, clients);
  watch.add_to(report);
  server->stop();
  add_counts(report, server->stats());
  expect(static_cast<bool>(recorder->close()), "closing the journal failed");
  return report.add("records", recorder->watermarks().durable);
}

}  // namespace tickforge::bench
