// The ingest server as `tickforge serve` runs it, into a journal or into a ring that is only emptied.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/recorder.h"
#include "ingest/server.h"
#include "programs.h"
#include "ring/ring_set.h"
#include "sockets.h"

namespace tickforge::bench {
namespace {

constexpr std::size_t kRingBytes = std::size_t{16} << 20;

/// In the place of a journal's writer: takes everything and says so, and keeps nothing but the count.
class Drain {
 public:
  explicit Drain(RingSet& rings) : rings_(rings), thread_([this] { run(); }) {}
  /// After the producers have ended. Returns the records that came.
  std::uint64_t finish() {
    stop_.store(true, std::memory_order_seq_cst);
    rings_.wake_writer();
    thread_.join();
    return records_;
  }

 private:
  void run() {
    while (!stop_.load(std::memory_order_seq_cst) || take() > 0) {
      rings_.refresh();
      if (take() == 0) rings_.wait_for_data([this](std::size_t i) { return position_of(i); }, 1, 100'000'000,
                                            [this] { return stop_.load(std::memory_order_seq_cst); });
    }
    rings_.stop(RingState::kClosed);
  }
  std::uint32_t position_of(std::size_t i) const { return rings_.inlets()[i].ring->consumed(); }
  std::uint64_t take() {
    std::uint64_t taken = 0;
    for (const Inlet& inlet : rings_.inlets()) {
      const std::uint32_t end = inlet.ring->published();
      std::uint32_t at = inlet.ring->consumed();
      if (at == end) continue;
      while (at != end) {
        at += reinterpret_cast<const RecordHead*>(inlet.ring->at(at))->cells;
        ++taken;
      }
      inlet.ring->release(end);
      inlet.ring->set_progress({end, end, end});
    }
    records_ += taken;
    return taken;
  }

  RingSet& rings_;
  std::atomic<bool> stop_{false};
  std::uint64_t records_ = 0;
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
    return report.add("records", drain.finish());
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
