// From a write in one process to its sight in another, which spins or sleeps. The writer puts the time into what it
// writes; the reader looks at the clock when it has it. Both sides of each comparison do that.
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include <atomic>
#include <new>
#include <vector>

#include "core/recorder.h"
#include "pin.h"
#include "programs.h"
#include "tail/journal_tail.h"
#include "trades.h"

namespace tickforge::bench {
namespace {

/// Until the reader sleeps or spins.
constexpr unsigned kSettleUs = 10'000;

/// Memory of two processes: the words that the raw reference hands over, and what the reader measured.
struct Shared {
  alignas(64) std::atomic<std::uint32_t> sequence;
  std::atomic<std::int64_t> sent;
  alignas(64) std::atomic<bool> follows;  // the reader of a tail reads the rings
  alignas(64) std::atomic<std::uint32_t> taken;
  std::atomic<std::uint32_t> from_file;  // records that a tail did not get from a ring, because it was held up for long
  std::atomic<std::uint32_t> count;  // messages that will come; less than at first when the time is over
  alignas(64) std::int64_t delays[1];
};

Shared& make_shared(std::uint32_t count) {
  const std::size_t bytes = sizeof(Shared) + count * sizeof(std::int64_t);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  expect(memory != MAP_FAILED, "mmap");
  auto& shared = *new (memory) Shared{};
  shared.count.store(count);
  return shared;
}

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

/// Writes one message at a time, each `interval_ns` after the reader had the one before: by then it waits again. On a
/// machine that is busy otherwise this takes long, so it ends when the time is over.
template <typename Write>
void at_a_pace(Shared& shared, double seconds, std::int64_t interval_ns, Write write) {
  const Stopwatch watch;
  for (std::uint32_t i = 0; i < shared.count.load(std::memory_order_relaxed); ++i) {
    if (i > 0 && watch.seconds() > seconds) shared.count.store(i, std::memory_order_seq_cst);
    while (shared.taken.load(std::memory_order_acquire) < i) _mm_pause();
    const std::int64_t due = monotonic_ns() + interval_ns;
    while (monotonic_ns() < due) _mm_pause();
    if (i < shared.count.load(std::memory_order_relaxed)) write(i);
  }
}

/// A reader that failed has said why; nobody may wait for it.
void on_child(int) {
  siginfo_t ended{};
  if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
  if (ended.si_code != CLD_EXITED || ended.si_status != 0) ::_exit(1);
}

/// Runs `read` in a process of its own, on the other core. Neither lives on when the other one fails.
template <typename Read>
pid_t start_reader(Read read) {
  ::signal(SIGCHLD, on_child);
  const pid_t reader = ::fork();
  expect(reader >= 0, "fork");
  if (reader == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to_core(1);
    read();
    ::_exit(0);
  }
  pin_to_core(0);
  return reader;
}

Report report_delays(pid_t reader, const Shared& shared) {
  const std::uint32_t count = shared.count.load();
  int status = 0;
  ::waitpid(reader, &status, 0);
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the reader failed");
  Samples samples(count);
  for (std::uint32_t i = 0; i < count; ++i) samples.keep(shared.delays[i]);
  Report report;
  samples.add_to(report);
  return report;
}

}  // namespace

Report raw_visible(Options& options) {
  const auto count = static_cast<std::uint32_t>(options.count("samples", 10'000));
  const bool parked = options.count("parked", 0) != 0;
  const auto interval = static_cast<std::int64_t>(options.number("interval", 20) * 1000);
  const double seconds = options.number("seconds", 1);
  options.done();
  Shared& shared = make_shared(count);
  const pid_t reader = start_reader([&] {
    for (std::uint32_t next = 1;; ++next) {
      std::uint32_t seen = shared.sequence.load(std::memory_order_seq_cst);
      while (is_before(seen, next)) {
        // The kernel refuses the sleep when the word has changed: no wake is lost.
        if (parked) futex(shared.sequence, FUTEX_WAIT, seen);
        seen = shared.sequence.load(std::memory_order_seq_cst);
      }
      const std::int64_t now = monotonic_ns();
      if (next > shared.count.load(std::memory_order_relaxed)) return;
      shared.delays[next - 1] = now - shared.sent.load(std::memory_order_relaxed);
      shared.taken.store(next, std::memory_order_release);
    }
  });
  ::usleep(kSettleUs);
  at_a_pace(shared, seconds, interval, [&](std::uint32_t i) {
    shared.sent.store(monotonic_ns(), std::memory_order_relaxed);
    shared.sequence.store(i + 1, std::memory_order_seq_cst);
    if (parked) futex(shared.sequence, FUTEX_WAKE, 1);
  });
  // Behind the last message: the reader looks at the count.
  shared.sequence.fetch_add(1, std::memory_order_seq_cst);
  futex(shared.sequence, FUTEX_WAKE, 1);
  return report_delays(reader, shared);
}

Report tail_visible(Options& options) {
  const auto count = static_cast<std::uint32_t>(options.count("samples", 10'000));
  const bool parked = options.count("parked", 0) != 0;
  const auto interval = static_cast<std::int64_t>(options.number("interval", 20) * 1000);
  const double seconds = options.number("seconds", 1);
  JournalOptions journal;
  journal.directory = options.text("directory");
  options.done();
  journal.name = "bench";
  journal.durability = Durability::os();
  journal.flush_interval_ns = 100'000'000;
  journal.writer = "bench";
  Shared& shared = make_shared(count);
  // Forked before the recorder has its thread; `sequence` says when there is something to follow.
  const pid_t reader = start_reader([&] {
    while (shared.sequence.load(std::memory_order_acquire) == 0) ::usleep(1000);
    TailOptions tail;
    tail.directory = journal.directory;
    tail.journal = journal.name;
    tail.spin = !parked;
    const auto reading = take_or_fail(JournalTail::open(tail));
    std::vector<std::uint8_t> memory(JournalTail::kBatchBytesMin);
    for (std::uint32_t next = 0; next < shared.count.load(std::memory_order_seq_cst);) {
      const TailBatch& batch = *take_or_fail(reading->next(memory.data(), memory.size(), 10'000'000));
      const std::int64_t now = monotonic_ns();
      if (reading->is_live()) shared.follows.store(true, std::memory_order_release);
      for (const TailSpan& span : batch.spans()) {
        const std::uint8_t* end = batch.memory() + span.offset + span.bytes;
        for (const std::uint8_t* at = batch.memory() + span.offset; at < end;) {
          const auto& trade = *reinterpret_cast<const Trade*>(at);
          at += std::size_t{trade.head.cells} * kCellBytes;
          if (trade.head.type != static_cast<std::uint8_t>(RecordType::kTrade) || trade.sequence == 0) continue;
          expect(trade.sequence == next + 1, "a record was left out or came twice");
          if (span.source != TailSource::kRing) shared.from_file.fetch_add(1, std::memory_order_relaxed);
          shared.delays[next++] = now - trade.price;
        }
      }
      shared.taken.store(next, std::memory_order_release);
    }
  });
  const auto recorder = take_or_fail(Recorder::open(journal));
  SpscRing& ring = *recorder->ring();
  // One record that does not count, so that there is a log to follow; then the reader says that it follows the rings.
  TradeMaker maker(count + 1);
  const auto write = [&](std::uint32_t sequence) {
    std::uint8_t* cell = ring.reserve(1);
    expect(cell != nullptr, "the ring is full");
    maker.put(cell);
    auto& trade = *reinterpret_cast<Trade*>(cell);
    trade.sequence = sequence;
    trade.price = monotonic_ns();
    ring.commit(1);
  };
  write(0);
  expect(static_cast<bool>(recorder->flush()), "the journal cannot be written");
  shared.sequence.store(1, std::memory_order_release);
  while (!shared.follows.load(std::memory_order_acquire)) ::usleep(1000);
  ::usleep(kSettleUs);
  at_a_pace(shared, seconds, interval, [&](std::uint32_t i) { write(i + 1); });
  Report report = report_delays(reader, shared);
  report.add("from_file", std::uint64_t{shared.from_file.load()});
  expect(static_cast<bool>(recorder->close()), "closing the journal failed");
  return report;
}

}  // namespace tickforge::bench
