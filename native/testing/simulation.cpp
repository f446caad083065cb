#include "testing/simulation.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "core/open_plan.h"
#include "core/writer_loop.h"
#include "journal/posix_storage.h"
#include "journal/segment_index.h"
#include "journal/segment_name.h"
#include "testing/journal_oracle.h"
#include "testing/segment_builder.h"

namespace tickforge::testing {
namespace {

constexpr const char* kJournal = "sim";
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 19'943;  // 2024-08-08
constexpr std::size_t kTraceLines = 5000;

using Image = std::map<std::string, SimulatedDisk::Bytes>;

Image read_image(const std::string& directory) {
  Image image;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    image[entry.path().filename()] = read_file(entry.path());
  }
  return image;
}

void write_image(const std::string& directory, const Image& image) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  for (const auto& [name, bytes] : image) write_file(directory + "/" + name, bytes);
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, Defect defect)
      : random_(seed),
        disk_(random_, clock_, result_.faults, [this](const std::string& line) { note(line); }),
        defect_(defect),
        path_(directory_.file("d")) {
    clock_.monotonic = static_cast<std::int64_t>(random_.below(1'000'000)) * kMillisecond;
    const std::int64_t to_midnight = random_.chance(300) ? static_cast<std::int64_t>(random_.below(60)) * kSecond
                                                         : static_cast<std::int64_t>(random_.below(86'400)) * kSecond;
    clock_.realtime_offset = (kDay + 1) * kNsPerDay - to_midnight - clock_.monotonic;
  }

  SimulationResult run() {
    const std::uint64_t lives = random_.between(2, 6);
    while (!result_.violation && result_.lives < lives) {
      auto plan = start();
      if (plan) live(*plan);
      result_.lives += 1;
    }
    if (!result_.violation) (void)start();
    result_.acknowledged = oracle_.acknowledged();
    result_.trace.assign(trace_.begin(), trace_.end());
    return std::move(result_);
  }

 private:
  void note(const std::string& line) {
    for (const char letter : line) mix(static_cast<std::uint8_t>(letter));
    trace_.push_back(std::to_string(clock_.monotonic / 1000) + " us  " + line);
    if (trace_.size() > kTraceLines) trace_.pop_front();
  }
  /// FNV-1a.
  void mix(std::uint8_t byte) { result_.digest = (result_.digest ^ byte) * 0x100'0000'01B3; }

  void fail(const std::string& what) {
    if (result_.violation) return;
    note("VIOLATION: " + what);
    result_.violation = what;
  }

  /// What a process does that starts now, and what the oracle says of what it finds.
  std::optional<OpenPlan> start() {
    note("start " + std::to_string(result_.lives));
    disk_.set_rates({});
    disk_.never_stop();
    std::optional<OpenPlan> plan = recover();
    // The power may fail once more while recovery is at work: some of its changes arrived, others not.
    if (plan && random_.chance(100)) {
      result_.faults[static_cast<std::size_t>(Fault::kRecoveryCut)] += 1;
      disk_.cut_power();
      plan = recover();
    }
    if (!plan) return std::nullopt;
    if (oracle_.ended_in_order() && !plan->tail.clean) fail("a stop in order was taken for an unclean one");
    const JournalOracle::Allowances allowances{
        [this](const std::string& name) { return disk_.has_dropped_pages(name); },
        [this](const std::string& name) { return disk_.has_failed(name) || disk_.has_failed(index_path_of(name)); }};
    if (auto violation = oracle_.check(path_, kJournal, allowances)) fail(*violation);
    for (const auto& [name, bytes] : disk_.image()) {
      for (const std::uint8_t byte : bytes) mix(byte);
    }
    return plan;
  }

  std::optional<OpenPlan> recover() {
    const Image before = disk_.image();
    write_image(path_, before);
    PosixStorage storage;
    auto planned = plan_open(storage, path_, kJournal, clock_.realtime());
    if (!planned) {
      fail("recovery failed: " + planned.error().message);
      return std::nullopt;
    }
    const Image after = read_image(path_);
    std::vector<std::string> names;
    for (const auto& file : after) names.push_back(file.first);
    const auto segments = segments_of(names, kJournal);
    result_.segments = segments.size();
    std::set<std::string> synced;
    if (!segments.empty()) synced = {segments.back().file_name(), index_path_of(segments.back().file_name())};
    disk_.take_back(after, synced);
    note("recovered: " + std::to_string(planned.value().tail.next_block) + " blocks, " +
         std::to_string(planned.value().tail.torn_tail_bytes) + " bytes torn, " +
         (planned.value().tail.clean ? "clean" : "unclean"));
    return planned.take();
  }

  FaultRates choose_rates() {
    const auto rate = [this](std::uint64_t most) { return random_.chance(350) ? random_.between(1, most) : 0; };
    FaultRates rates;
    rates.short_write = rate(300);
    rates.interrupted = rate(300);
    rates.write_error = rate(25);
    rates.sync_error = rate(25);
    rates.disk_full = rate(15);
    rates.reserve_refused = rate(500);
    rates.index_error = rate(20);
    rates.stall = rate(20);
    return rates;
  }

  void step_clock() {
    result_.faults[static_cast<std::size_t>(Fault::kClockStep)] += 1;
    const std::int64_t span = random_.chance(500) ? 10 * kSecond : 3 * kNsPerDay;
    const auto step = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * span))) - span;
    clock_.realtime_offset += step;
    note("clock stepped by " + std::to_string(step / kSecond) + " s");
  }

  void live(const OpenPlan& plan) {
    oracle_.begin_life();
    if (random_.chance(50)) step_clock();
    disk_.set_rates(choose_rates());
    (void)disk_.take_excuses();
    const std::uint64_t end = random_.below(100);
    if (end < 60) disk_.stop_after(random_.between(1, random_.chance(300) ? 20 : 400));
    const bool power = end % 2 == 0;
    auto ring = SpscRing::create(SpscRing::kBytesMin).take();
    BrokenStorage storage(disk_, defect_);
    WriterOptions options;
    options.directory = path_;
    options.journal = kJournal;
    options.writer = "simulation";
    options.flush_interval_ns = static_cast<std::int64_t>(random_.between(0, 200)) * kMillisecond;
    options.sync_each_batch = random_.chance(800);
    waits_for_disk_ = options.waits_for_disk = random_.chance(700);
    WriterLoop loop(storage, *ring, options);
    instruments_ = plan.path.empty() ? 0 : plan.tail.last_instrument;
    first_instrument_ = instruments_ + 1;
    try {
      Result<void> result = record(loop, plan, *ring, end >= 80);
      if (!result) {
        explain(result.error(), end >= 80);
        loop.writer().abandon();
        note("stopped: " + result.error().message.substr(result.error().message.rfind(':') + 1));
      }
      oracle_.end_life(static_cast<bool>(result) && end >= 80);
      const bool ends_by_itself = !result || end >= 80;
      if (ends_by_itself && random_.chance(500)) return disk_.kill();
    } catch (const MachineStopped&) {
    }
    oracle_.acknowledge(loop.writer().watermarks().durable);
    if (power) {
      disk_.cut_power();
    } else {
      disk_.kill();
    }
  }

  Result<void> record(WriterLoop& loop, const OpenPlan& plan, SpscRing& ring, bool closes) {
    auto begun = loop.begin(plan, clock_.monotonic);
    if (!begun) return begun;
    WriterLoop::Asked asked;
    std::uint64_t flush_covers = 0;
    const std::uint64_t passes = random_.between(5, 150);
    for (std::uint64_t i = 0; i < passes || closes; ++i) {
      if (i < passes) {
        produce(ring);
        if (random_.chance(3)) step_clock();
        if (asked.flushes == loop.flushes_served() && random_.chance(30)) {
          asked.flushes += 1;
          flush_covers = oracle_.produced_in_life();
        }
      } else {
        asked.close = true;
      }
      const std::uint64_t served = loop.flushes_served();
      auto pass = loop.pass(clock_.monotonic, asked);
      acknowledge(loop);
      if (!pass) return pass.error();
      if (loop.flushes_served() != served && loop.writer().watermarks().durable < flush_covers) {
        fail("a flush was served before its records were durable");
      }
      if (pass.value() == WriterLoop::Pass::kClosed) break;
      if (pass.value() == WriterLoop::Pass::kIdle) park(loop, closes && i >= passes);
    }
    if (!closes) return {};
    auto finished = loop.writer().finish(clock_.monotonic);
    acknowledge(loop);
    if (finished && loop.writer().watermarks().durable != oracle_.produced_in_life()) {
      fail("closed without an error and not all is durable");
    }
    return finished;
  }

  void acknowledge(const WriterLoop& loop) {
    const Watermarks& marks = loop.writer().watermarks();
    if (marks.durable > marks.written || marks.written > marks.appended ||
        marks.appended > oracle_.produced_in_life()) {
      fail("the watermarks are out of order");
      return;
    }
    oracle_.acknowledge(marks.durable);
  }

  void park(WriterLoop& loop, bool closing) {
    SegmentWriter& writer = loop.writer();
    const std::int64_t left = writer.deadline().value_or(clock_.monotonic + kSecond) - clock_.monotonic;
    if (writer.io_under_way()) {
      writer.wait(left > 0 ? std::min(left, kMillisecond) : kMillisecond);
    } else if (closing) {
      fail("nothing is under way, and yet it does not close");
      throw MachineStopped{};
    } else {
      const auto pause = static_cast<std::int64_t>(random_.between(1, 50)) * kMillisecond;
      clock_.monotonic += std::clamp<std::int64_t>(left, 1, pause);
    }
  }

  /// Nothing fails by itself, and a full disk ends only who does not wait for it.
  void explain(const Error& error, bool closes) {
    const SimulatedDisk::Excuses excuses = disk_.take_excuses();
    if (error.code == "TF_DISK_FULL" && waits_for_disk_ && !closes) fail("a full disk was not waited for");
    const bool explained = (error.code == "TF_DISK_FULL" && excuses.disk_full) ||
                           (error.code == "TF_IO" && excuses.io_error);
    if (!explained) fail("failed without a reason: " + error.code + " " + error.message);
  }

  void produce(SpscRing& ring) {
    if (random_.chance(300)) return;
    std::uint64_t count = random_.below(6);
    if (random_.chance(8)) count = random_.below(300);
    for (; count > 0; --count) {
      Bytes record = make_record();
      const auto cells = static_cast<std::uint32_t>(record.size() / kCellBytes);
      std::uint8_t* memory = ring.reserve(cells);
      if (memory == nullptr) return;
      std::memcpy(memory, record.data(), record.size());
      ring.commit(cells);
      oracle_.produced(std::move(record));
      result_.records += 1;
    }
  }

  Bytes make_record() {
    const std::uint64_t number = oracle_.next_number();
    const std::uint64_t kind = random_.below(100);
    const bool defines = kind < 2 || instruments_ < first_instrument_;
    const std::int64_t ts = clock_.realtime();
    Bytes bytes(kCellBytes * cells_of(defines, kind));
    RecordHead head{};
    head.cells = static_cast<std::uint8_t>(bytes.size() / kCellBytes);
    head.ts_recv = ts;
    head.ts_event = kNoneI64;
    head.frame = (std::uint64_t{1} << kFrameNumberBits) | number;
    for (std::size_t i = sizeof head; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(number * 31 + i);
    if (defines) {
      Instrument instrument{};
      instruments_ = std::max(instruments_ + 1, first_instrument_);
      instrument.venue_length = 4;
      instrument.symbol_length = 1;
      std::memcpy(bytes.data(), &instrument, sizeof instrument);
      std::memcpy(bytes.data() + kCellBytes, "test", 4);
      bytes[kCellBytes + 4] = static_cast<std::uint8_t>('A' + random_.below(5));
    }
    const bool connects = !defines && kind < 4;
    const auto type = defines ? RecordType::kInstrument
                              : connects ? RecordType::kConnection : kind < 60 ? RecordType::kTrade : RecordType::kText;
    head.type = static_cast<std::uint8_t>(type);
    head.instrument = connects ? 0 : instruments_;
    std::memcpy(bytes.data(), &head, sizeof head);
    if (type == RecordType::kText || connects) std::memset(bytes.data() + sizeof head, 0, kCellBytes - sizeof head);
    if (type == RecordType::kText) {
      const auto length = static_cast<std::uint16_t>(bytes.size() - kCellBytes);
      std::memcpy(bytes.data() + offsetof(Text, length), &length, sizeof length);
    }
    if (connects) {
      const auto event = random_.chance(700) ? ConnectionEvent::kOpen : ConnectionEvent::kClose;
      bytes[offsetof(Connection, event)] = static_cast<std::uint8_t>(event);
    }
    return bytes;
  }

  /// Mostly small, now and then as long as a record can be.
  std::size_t cells_of(bool defines, std::uint64_t kind) {
    if (defines || kind < 4) return 2;
    if (kind < 60) return 1;
    return kind == 99 ? random_.between(1, kCellsPerRecordMax) : random_.between(1, 6);
  }

  SimulationResult result_;
  SeededRandom random_;
  SimulatedClock clock_;
  SimulatedDisk disk_;
  Defect defect_;
  TempDir directory_;
  std::string path_;
  JournalOracle oracle_;
  std::deque<std::string> trace_;
  bool waits_for_disk_ = false;
  std::uint32_t instruments_ = 0;
  std::uint32_t first_instrument_ = 1;
};

}  // namespace

SimulationResult simulate(std::uint64_t seed, Defect defect) { return Simulation(seed, defect).run(); }

}  // namespace tickforge::testing
