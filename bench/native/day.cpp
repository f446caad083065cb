// A day of many records: any instant of it, with and without the page cache, and the start after a kill.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "core/recorder.h"
#include "journal/log_reader.h"
#include "programs.h"
#include "trades.h"

namespace tickforge::bench {
namespace {

std::unique_ptr<Recorder> open_recorder(const std::string& directory) {
  JournalOptions journal;
  journal.directory = directory;
  journal.name = "bench";
  journal.ring_bytes = std::size_t{64} << 20;
  journal.durability = Durability::os();
  journal.writer = "bench";
  return take_or_fail(Recorder::open(journal));
}

/// Takes the directory's files out of the page cache. What of them is mapped or dirty stays, so there must be none.
void forget_pages(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const UniqueFd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (file) (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

/// An instrument defined anew, and a connection that was opened anew, as after a reconnect.
void publish_reconnect(SpscRing& ring, std::uint32_t number, std::int64_t ts_recv) {
  Instrument instrument{};
  Connection connection{};
  instrument.head = make_head(RecordType::kInstrument, ts_recv);
  instrument.head.instrument = number;
  connection.head = make_head(RecordType::kConnection, ts_recv, 1, frame_of(1, 0));
  connection.event = static_cast<std::uint8_t>(ConnectionEvent::kOpen);
  constexpr std::int64_t kWaitNs = 1'000'000'000;
  while (!ring.wait_for_space(2, kWaitNs)) expect(ring.state() == RingState::kOpen, "the writer has stopped");
  std::uint8_t* cells = ring.reserve(2);
  std::memcpy(cells, &instrument, sizeof instrument);
  std::memcpy(cells + kCellBytes, &connection, sizeof connection);
  ring.commit(2);
}

rusage usage_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

}  // namespace

Report day_fill(Options& options) {
  const std::string directory = options.text("directory");
  const std::uint64_t records = options.count("records", 1'000'000);
  options.done();
  constexpr std::uint32_t kBatch = 256;
  const std::int64_t step = kNsPerDay / static_cast<std::int64_t>(records);
  TradeMaker maker(records, step);
  const std::int64_t first = maker.last_ts_recv() + step;
  // Written by a process that is killed when all of it is durable: the next start finds no orderly end.
  const pid_t writer = ::fork();
  expect(writer >= 0, "fork");
  if (writer == 0) {
    const auto recorder = open_recorder(directory);
    while (maker.made() < records) {
      const std::uint64_t left = records - maker.made();
      publish_reconnect(*recorder->ring(), static_cast<std::uint32_t>(maker.made() / kBatch) + 1, maker.last_ts_recv() + 1);
      publish_batch(*recorder->ring(), maker, static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, left)));
    }
    const std::uint64_t batches = (records + kBatch - 1) / kBatch;
    expect(take_or_fail(recorder->flush()).durable == records + 2 * batches, "not all is durable");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(writer, &status, 0);
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the day's writer ended otherwise than it should");
  Report report;
  return report.add_time("first", first).add("step", static_cast<std::uint64_t>(step)).add("batch", std::uint64_t{kBatch});
}

Report day_find(Options& options) {
  const std::string directory = options.text("directory");
  const auto first = static_cast<std::int64_t>(std::stoll(options.text("first")));
  const std::int64_t step = static_cast<std::int64_t>(options.count("step", 1));
  const std::uint64_t records = options.count("records", 1'000'000);
  const std::uint64_t count = options.count("samples", 1000);
  const bool cold = options.count("cold", 0) != 0;
  options.done();
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::uint64_t> any(0, records - 1);
  Samples samples(count);
  Samples faults(count);
  Samples blocks(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t wanted = any(random);
    const std::int64_t ts = first + static_cast<std::int64_t>(wanted) * step;
    if (cold) forget_pages(directory);
    const rusage before = usage_now();
    const std::int64_t start = monotonic_ns();
    // The whole way: the directory is listed, its files are opened and mapped, the record is found and read.
    const auto found = take_or_fail(first_record_at(directory, ts));
    expect(found.has_value(), "an instant of the day was not found");
    const auto& trade = reinterpret_cast<const Trade&>(found->head());
    expect(trade.head.ts_recv == ts && trade.trade_id == wanted + 1, "another record than that of the instant was found");
    samples.keep(monotonic_ns() - start);
    const rusage after = usage_now();
    faults.keep(after.ru_majflt - before.ru_majflt);
    blocks.keep(after.ru_inblock - before.ru_inblock);
  }
  Report report;
  samples.add_to(report, 1e6);
  constexpr double kBlocksAKib = 2;
  return report.add("faults", static_cast<double>(faults.largest())).add("kib", static_cast<double>(blocks.largest()) / kBlocksAKib);
}

Report day_recover(Options& options) {
  const std::string directory = options.text("directory");
  options.done();
  forget_pages(directory);
  const Stopwatch watch;
  const auto recorder = open_recorder(directory);
  Report report;
  watch.add_to(report);
  const RecoveryReport& recovery = recorder->recovery();
  expect(!recovery.clean, "the killed writer's segment is said to be closed in order");
  report.add("records", recovery.records).add("mebibytes", static_cast<double>(recovery.bytes_read) / (1 << 20));
  expect(static_cast<bool>(recorder->close()), "closing the journal failed");
  return report;
}

}  // namespace tickforge::bench
