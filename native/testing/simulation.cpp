#include "testing/simulation.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "core/open_plan.h"
#include "core/writer_loop.h"
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

void write_image(const std::string& directory, const Image& image) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  for (const auto& [name, bytes] : image) write_file(directory + "/" + name, bytes);
}

/// One thread or process that publishes, as the simulation knows it.
struct Producer {
  explicit Producer(const Inlet& made) : inlet(made) {}
  Inlet inlet;
  std::uint32_t instrument = 0;  // its newest definition
  bool connected = false;
  bool ended = false;
  /// Records that are not known to be durable: the ring's position behind each, and its number.
  std::deque<std::pair<std::uint32_t, std::uint64_t>> pending;
};

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
    result_.marks = oracle_.marks();
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

  /// What processes do that start now, of which the last one comes to record, and what the oracle says of what it finds.
  std::optional<OpenPlan> start() {
    disk_.set_starts(true);
    std::optional<OpenPlan> plan;
    // Whatever happens to a start, the next one finds no less.
    for (std::uint64_t more = random_.chance(400) ? random_.between(1, 4) : 0; more > 0 && !plan; --more) {
      plan = try_start();
      if (result_.violation) return std::nullopt;
    }
    if (!plan) plan = start_undisturbed();
    disk_.set_starts(false);
    if (!plan) return std::nullopt;
    if (oracle_.ended_in_order() && !plan->tail.clean) fail("a stop in order was taken for an unclean one");
    const JournalOracle::Allowances allowances{
        [this](const std::string& name) { return disk_.has_dropped_pages(name); },
        [this](const std::string& name) { return disk_.has_failed(name) || disk_.has_failed(index_path_of(name)); }};
    const Image image = disk_.image();
    write_image(path_, image);
    if (auto violation = oracle_.check(path_, kJournal, allowances)) fail(*violation);
    for (const auto& [name, bytes] : image) {
      for (const std::uint8_t byte : bytes) mix(byte);
    }
    return plan;
  }

  std::optional<OpenPlan> start_undisturbed() {
    disk_.never_stop();
    disk_.make_room();
    FaultRates rates;  // of what a recovery has to bear
    if (random_.chance(300)) rates.short_read = rates.interrupted = 200;
    disk_.set_rates(rates);
    auto planned = recover();
    if (planned) return planned.take();
    fail("recovery failed: " + planned.error().message);
    return std::nullopt;
  }

  /// A start on a disk that fails, or in the middle of which the machine or the process ends. The plan, if it got so far.
  std::optional<OpenPlan> try_start() {
    const auto rate = [this](std::uint64_t most) { return random_.chance(300) ? random_.between(1, most) : 0; };
    FaultRates rates;
    rates.short_read = rate(300);
    rates.interrupted = rate(300);
    rates.read_error = rate(100);
    rates.open_error = rate(200);
    rates.list_error = rate(300);
    rates.cut_error = rate(500);
    rates.name_error = rate(500);
    rates.sync_error = rate(200);
    rates.index_error = rate(500);
    rates.disk_full = rate(200);
    disk_.set_rates(rates);
    (void)disk_.take_excuses();
    const bool stops = random_.chance(400);
    if (stops) disk_.stop_after(random_.between(1, random_.chance(500) ? 8 : 40));
    std::optional<OpenPlan> plan;
    try {
      auto planned = recover();
      if (!planned) explain_start(planned.error());
      if (planned && random_.chance(300)) plan = planned.take();
      // As when the control page cannot be made, or whoever started it thinks again.
      if (planned && !plan) counted(Fault::kStartGivenUp);
      stopped_ = false;
    } catch (const MachineStopped&) {
      if (stopped_) counted(Fault::kStartStoppedTwice);
      stopped_ = true;
    }
    disk_.never_stop();
    if (plan) return plan;
    if (random_.chance(500)) {
      if (stopped_) counted(Fault::kRecoveryCut);
      disk_.cut_power();
    } else {
      disk_.kill();
    }
    return std::nullopt;
  }

  void counted(Fault fault) {
    result_.faults[static_cast<std::size_t>(fault)] += 1;
    note(std::string(to_string(fault)));
  }

  Result<OpenPlan> recover() {
    note("start " + std::to_string(result_.lives));
    BrokenStorage storage(disk_, is_of_recovery(defect_) ? defect_ : Defect::kNone);
    auto planned = plan_open(storage, path_, kJournal, clock_.realtime());
    if (!planned) return planned;
    std::vector<std::string> names;
    for (const auto& file : disk_.image()) names.push_back(file.first);
    result_.segments = segments_of(names, kJournal).size();
    note("recovered: " + std::to_string(planned.value().tail.next_block) + " blocks, " +
         std::to_string(planned.value().tail.torn_tail_bytes) + " bytes torn, " +
         (planned.value().tail.clean ? "clean" : "unclean"));
    return planned;
  }

  /// A start fails only when the disk does, and says what it could not do with which file.
  void explain_start(const Error& error) {
    counted(Fault::kStartFailed);
    const SimulatedDisk::Excuses excuses = disk_.take_excuses();
    const bool explained = (error.code == "TF_IO" && (excuses.failed_calls > 0 || excuses.directory_error)) ||
                           (error.code == "TF_DISK_FULL" && (excuses.failed_calls > 0 || excuses.disk_full));
    if (!explained) fail("a start failed without a reason: " + error.code + " " + error.message);
    if (error.message.find(path_) == std::string::npos) fail("a start names no file: " + error.message);
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
    rates.stuck = rate(20);
    return rates;
  }

  Durability choose_durability() {
    const std::uint64_t kind = random_.below(10);
    if (kind < 5) return Durability::batch();
    if (kind < 8) return Durability::interval(static_cast<std::int64_t>(random_.between(1, 500)) * kMillisecond);
    return Durability::os();
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
    marks_ = {};
    acknowledged_in_life_ = 0;
    if (random_.chance(50)) step_clock();
    disk_.set_rates(choose_rates());
    (void)disk_.take_excuses();
    failures_noted_ = 0;
    const std::uint64_t end = random_.below(100);
    if (end < 60) disk_.stop_after(random_.between(1, random_.chance(300) ? 20 : 400));
    const bool power = end % 2 == 0;
    const auto rings = RingSet::create("", SpscRing::kBytesMin).take();
    rings_ = rings.get();
    producers_.clear();
    producers_.push_back(Producer(rings->inlets().front()));
    for (std::uint64_t more = random_.below(4); more > 0; --more) add_producer();
    BrokenStorage storage(disk_, is_of_recovery(defect_) ? Defect::kNone : defect_);
    WriterOptions options;
    options.directory = path_;
    options.journal = kJournal;
    options.writer = "simulation";
    options.flush_interval_ns = static_cast<std::int64_t>(random_.between(0, 200)) * kMillisecond;
    options.durability = choose_durability();
    options.zero_bytes = random_.between(1, 8) * kBlockAlign;
    waits_for_disk_ = options.waits_for_disk = random_.chance(700);
    if (waits_for_disk_) options.reserve_bytes = std::uint64_t{8} << 20;
    if (random_.chance(500)) options.marks = {random_.between(1, 40), random_.between(1, 10)};
    auto made = make_loop(storage, *rings, options, power);
    if (!made) return;
    WriterLoop& loop = *made;
    instruments_ = plan.path.empty() ? 0 : plan.tail.last_instrument;
    keeps_ = options.durability.keeps_until_durable();
    try {
      Result<void> result = record(loop, plan, end >= 80);
      if (!result) {
        note_failures();
        explain(result.error(), end >= 80);
        loop.writer().abandon();
        note("stopped: " + result.error().message.substr(result.error().message.rfind(':') + 1));
      }
      oracle_.end_life(static_cast<bool>(result) && end >= 80);
      const bool ends_by_itself = !result || end >= 80;
      if (ends_by_itself && random_.chance(500)) return disk_.kill();
    } catch (const MachineStopped&) {
    }
    note_failures();
    acknowledge(loop);
    if (power) {
      disk_.cut_power();
    } else {
      disk_.kill();
    }
  }

  /// Making a writer may take calls of the disk, in one of which the machine may stop.
  std::unique_ptr<WriterLoop> make_loop(Storage& storage, RingSet& rings, const WriterOptions& options, bool power) {
    try {
      return std::make_unique<WriterLoop>(storage, rings, options);
    } catch (const MachineStopped&) {
    }
    if (power) {
      disk_.cut_power();
    } else {
      disk_.kill();
    }
    return nullptr;
  }

  Result<void> record(WriterLoop& loop, const OpenPlan& plan, bool closes) {
    auto begun = loop.begin(plan, clock_.monotonic);
    if (!begun) return begun;
    WriterLoop::Asked asked;
    std::uint64_t flush_covers = 0;
    const std::uint64_t passes = random_.between(5, 150);
    for (std::uint64_t i = 0; i < passes || closes; ++i) {
      if (i < passes) {
        for (Producer& producer : producers_) produce(producer);
        if (random_.chance(5)) end_producer();
        if (random_.chance(5)) add_producer();
        if (random_.chance(3)) step_clock();
        if (asked.flushes == loop.flushes_served() && random_.chance(30)) {
          asked.flushes += 1;
          flush_covers = oracle_.next_number() - 1;
        }
      } else {
        asked.close = true;
      }
      const std::uint64_t served = loop.flushes_served();
      auto pass = loop.pass(clock_.monotonic, asked);
      note_failures();
      acknowledge(loop);
      if (!pass) return pass.error();
      if (loop.flushes_served() != served && !all_acknowledged(flush_covers)) {
        fail("a flush was served before its records were durable");
      }
      if (pass.value() == WriterLoop::Pass::kClosed) break;
      if (pass.value() == WriterLoop::Pass::kIdle) park(loop, closes && i >= passes);
    }
    if (!closes) return {};
    auto finished = loop.writer().finish(clock_.monotonic);
    note_failures();
    acknowledge(loop);
    const bool all = loop.writer().watermarks().durable == oracle_.produced_in_life() &&
                     all_acknowledged(oracle_.next_number() - 1);
    if (finished && !all) {
      fail("closed without an error and not all is durable");
    }
    return finished;
  }

  void acknowledge(const WriterLoop& loop) {
    const Watermarks marks = loop.writer().watermarks();
    const bool ordered = marks.durable <= marks.written && marks.written <= marks.appended &&
                         marks.appended <= oracle_.produced_in_life();
    const bool back = marks.appended < marks_.appended || marks.written < marks_.written || marks.durable < marks_.durable;
    if (!ordered || back) fail("the watermarks are out of order");
    marks_ = marks;
    for (Producer& producer : producers_) {
      SpscRing& ring = *producer.inlet.ring;
      const std::uint32_t durable = ring.progress().durable;
      // In the middle of a pass the words may be behind.
      if (keeps_ && !disk_.stopped() && is_before(durable, ring.consumed())) {
        fail("cells were given back before they were durable");
      }
      while (!producer.pending.empty() && !is_before(durable, producer.pending.front().first)) {
        oracle_.acknowledge(producer.pending.front().second);
        acknowledged_in_life_ += 1;
        producer.pending.pop_front();
      }
      if (defect_ == Defect::kGivesBackTooEarly) overwrite(ring);
    }
    // The positions are published at the end of a pass, which an error may cut short.
    if (acknowledged_in_life_ > marks.durable) fail("a ring counts more records as durable than the watermark");
  }

  void note_failures() {
    for (; failures_noted_ < disk_.excuses().io_errors; ++failures_noted_) oracle_.io_failed();
  }

  bool all_acknowledged(std::uint64_t until) const {
    return std::none_of(producers_.begin(), producers_.end(), [until](const Producer& producer) {
      return !producer.pending.empty() && producer.pending.front().second <= until;
    });
  }

  /// As a producer would that gets cells back when they are written.
  static void overwrite(SpscRing& ring) {
    const RingProgress progress = ring.progress();
    for (std::uint32_t at = progress.durable; at != progress.written; ++at) std::memset(ring.at(at), 0x5A, kCellBytes);
  }

  void add_producer() {
    auto added = rings_->add(SpscRing::kBytesMin);
    if (!added) return fail("a producer could not join: " + added.error().message);
    // One whose number was used before is behind what that one published.
    Producer producer(added.value());
    for (Producer& other : producers_) {
      if (other.inlet.producer == producer.inlet.producer && !other.pending.empty()) {
        fail("a producer's number was used again before its records were durable");
      }
    }
    std::erase_if(producers_, [&](const Producer& other) { return other.inlet.producer == producer.inlet.producer; });
    producers_.push_back(std::move(producer));
    result_.faults[static_cast<std::size_t>(Fault::kProducerCame)] += 1;
  }

  void end_producer() {
    for (Producer& producer : producers_) {
      if (producer.inlet.producer == 0 || producer.ended) continue;
      rings_->end(producer.inlet);
      producer.ended = true;
      if (producer.connected) oracle_.producer_left();
      result_.faults[static_cast<std::size_t>(Fault::kProducerLeft)] += 1;
      note("producer " + std::to_string(producer.inlet.producer) + " left");
      return;
    }
  }

  void park(WriterLoop& loop, bool closing) {
    SegmentWriter& writer = loop.writer();
    const std::int64_t left = writer.deadline().value_or(clock_.monotonic + kSecond) - clock_.monotonic;
    if (writer.io_under_way()) {
      writer.wait(left > 0 ? std::min(left, kMillisecond) : kMillisecond);
    } else if (closing && !writer.is_paused()) {
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
    const std::uint64_t needed = keeps_ ? 2 : 1;  // the first one is no reason to stop, while all is in memory
    const bool io_errors = excuses.io_errors >= needed || (excuses.io_errors > 0 && excuses.directory_error);
    const bool explained = (error.code == "TF_DISK_FULL" && excuses.disk_full) ||
                           (error.code == "TF_IO" && (io_errors || excuses.directory_error));
    if (!explained) fail("failed without a reason: " + error.code + " " + error.message);
  }

  void produce(Producer& producer) {
    if (producer.ended || random_.chance(300)) return;
    SpscRing& ring = *producer.inlet.ring;
    std::uint64_t count = random_.below(6);
    if (random_.chance(8)) count = random_.below(300);
    for (; count > 0; --count) {
      const std::uint32_t instrument = producer.instrument;
      const bool connected = producer.connected;
      Bytes record = make_record(producer);
      const auto cells = static_cast<std::uint32_t>(record.size() / kCellBytes);
      std::uint8_t* memory = ring.reserve(cells);
      if (memory == nullptr) {
        // It never was published.
        producer.instrument = instrument;
        producer.connected = connected;
        return;
      }
      std::memcpy(memory, record.data(), record.size());
      ring.commit(cells);
      producer.pending.emplace_back(ring.published(), oracle_.next_number());
      oracle_.produced(std::move(record));
      result_.records += 1;
    }
    if (random_.chance(50)) ring.ask_durable(ring.published());
  }

  Bytes make_record(Producer& producer) {
    const std::uint64_t number = oracle_.next_number();
    const std::uint64_t kind = random_.below(100);
    const bool defines = kind < 2 || producer.instrument == 0;
    const std::int64_t ts = clock_.realtime();
    Bytes bytes(kCellBytes * cells_of(defines, kind));
    RecordHead head{};
    head.cells = static_cast<std::uint8_t>(bytes.size() / kCellBytes);
    head.ts_recv = ts;
    head.ts_event = kNoneI64;
    head.frame = ((std::uint64_t{producer.inlet.producer} + 1) << kFrameNumberBits) | number;
    for (std::size_t i = sizeof head; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(number * 31 + i);
    if (defines) {
      Instrument instrument{};
      instruments_ += 1;
      producer.instrument = instruments_;
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
    head.instrument = connects ? 0 : producer.instrument;
    std::memcpy(bytes.data(), &head, sizeof head);
    if (type == RecordType::kText || connects) std::memset(bytes.data() + sizeof head, 0, kCellBytes - sizeof head);
    if (type == RecordType::kText) {
      const auto length = static_cast<std::uint16_t>(bytes.size() - kCellBytes);
      std::memcpy(bytes.data() + offsetof(Text, length), &length, sizeof length);
    }
    if (connects) {
      const auto event = random_.chance(700) ? ConnectionEvent::kOpen : ConnectionEvent::kClose;
      bytes[offsetof(Connection, event)] = static_cast<std::uint8_t>(event);
      producer.connected = event == ConnectionEvent::kOpen;
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
  bool keeps_ = true;
  RingSet* rings_ = nullptr;
  std::vector<Producer> producers_;
  Watermarks marks_;
  std::uint64_t acknowledged_in_life_ = 0;
  std::uint64_t failures_noted_ = 0;
  std::uint32_t instruments_ = 0;
  bool stopped_ = false;  // in the middle of the start before
};

}  // namespace

SimulationResult simulate(std::uint64_t seed, Defect defect) { return Simulation(seed, defect).run(); }

}  // namespace tickforge::testing
