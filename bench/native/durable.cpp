// Records that are acknowledged when they are on the disk: how many a second, and how soon.
#include <algorithm>

#include "core/recorder.h"
#include "programs.h"
#include "trades.h"

namespace tickforge::bench {
namespace {

constexpr std::uint32_t kBatch = 256;
constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;

std::unique_ptr<Recorder> open_recorder(Options& options, std::int64_t flush_interval_ns) {
  JournalOptions journal;
  journal.directory = options.text("directory");
  journal.name = "bench";
  journal.ring_bytes = options.count("ring", 16) << 20;
  journal.flush_interval_ns = flush_interval_ns;
  journal.writer = "bench";
  return take_or_fail(Recorder::open(journal));
}

}  // namespace

Report durable_rate(Options& options) {
  const double seconds = options.number("seconds", 3600);
  const std::uint64_t records = options.count("records", kEndless);
  const auto recorder = open_recorder(options, 100'000'000);
  options.done();
  SpscRing& ring = *recorder->ring();
  TradeMaker maker(kEndless);
  constexpr std::uint64_t kLookEvery = 64 * kBatch;
  std::uint64_t acknowledged = 0;
  const Stopwatch watch;
  while (watch.seconds() < seconds && maker.made() < records) {
    do {
      publish_batch(ring, maker, static_cast<std::uint32_t>(std::min<std::uint64_t>(kBatch, records - maker.made())));
    } while (maker.made() % kLookEvery != 0 && maker.made() < records);
    const std::uint64_t durable = recorder->watermarks().durable;
    expect(durable >= acknowledged && durable <= maker.made(), "a durable watermark that cannot be");
    acknowledged = durable;
  }
  const auto marks = take_or_fail(recorder->flush());
  Report report;
  watch.add_to(report);
  expect(marks.durable == maker.made(), "not all that was published is durable");
  expect(static_cast<bool>(recorder->close()), "closing the journal failed");
  return report.add("count", maker.made());
}

Report durable_latency(Options& options) {
  const double seconds = options.number("seconds", 1);
  const double rate = options.number("rate", 10'000);
  const auto recorder = open_recorder(options, 0);
  options.done();
  SpscRing& ring = *recorder->ring();
  const auto total = static_cast<std::uint64_t>(seconds * rate);
  expect(total > 0 && total < ring.capacity(), "the records must fit the ring");
  TradeMaker maker(total);
  // The file, its index and its first block are not what is measured.
  publish_batch(ring, maker, 1);
  const std::uint64_t before = take_or_fail(recorder->flush()).durable;
  Samples samples(total);
  const auto step = static_cast<std::int64_t>(1e9 / rate);
  const Stopwatch watch;
  const std::int64_t start = monotonic_ns();
  // Open loop: a record is due at its time whether or not the ones before are durable, and its delay counts from then.
  std::uint64_t published = 0;
  for (std::uint64_t durable = 0; durable < total;) {
    const std::int64_t now = monotonic_ns();
    if (published < total && now >= start + static_cast<std::int64_t>(published) * step) {
      publish_batch(ring, maker, 1);
      ++published;
    }
    const std::uint64_t seen = recorder->watermarks().durable - before;
    expect(seen >= durable && seen <= published, "a durable watermark that cannot be");
    if (seen == durable) continue;
    const std::int64_t then = monotonic_ns();
    for (; durable < seen; ++durable) samples.keep(then - (start + static_cast<std::int64_t>(durable) * step));
    expect(!recorder->error(), "the writer has stopped");
  }
  Report report;
  watch.add_to(report);
  samples.add_to(report, 1000);
  expect(static_cast<bool>(recorder->close()), "closing the journal failed");
  return report.add("count", total + before);
}

}  // namespace tickforge::bench
