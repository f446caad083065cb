// A disk in memory that does everything the kernel may do to a writer, chosen by a seed.
//
// What a write leaves is volatile until a sync that began after it has succeeded. A power cut keeps what was synced and,
// sector by sector, any part of the rest, in any order; a killed process loses only what the kernel had not taken yet. A
// failed sync drops pages for good: later syncs of the file succeed and do not bring them back. Memory that a write
// names is read when the write completes, so a writer that lets go of it too early is seen.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/storage.h"
#include "testing/seeded_random.h"

namespace tickforge::testing {

enum class Fault : std::size_t {
  kShortWrite,
  kInterrupted,
  kWriteError,
  kSyncError,
  kDiskFull,
  kReserveRefused,
  kIndexError,
  kStall,
  kReordered,
  kPowerCut,
  kRecoveryCut,
  kKill,
  kTornWrite,
  kDroppedWrite,
  kKeptWrite,
  kGarbage,
  kLostEntry,
  kClockStep,
  kProducerCame,
  kProducerLeft,
  kZerosRefused,
  kReserveReturned,
  kStuckWrite,
  kGivenUpWrite,
  // Of a start:
  kShortRead,
  kReadError,
  kOpenError,
  kListError,
  kCutError,
  kRenameError,
  kRemoveError,
  kStartSyncError,
  kStartWriteError,
  kStartFullDisk,
  kStartFailed,
  kStartGivenUp,
  kStartStoppedTwice,
  kCount,
};
std::string_view to_string(Fault fault);

/// How often each kind of fault really occurred.
using FaultCounts = std::array<std::uint64_t, static_cast<std::size_t>(Fault::kCount)>;

/// Both clocks of a simulated machine, ns.
struct SimulatedClock {
  std::int64_t monotonic = 0;
  std::int64_t realtime_offset = 0;
  std::int64_t realtime() const { return monotonic + realtime_offset; }
};

/// Chances in a thousand, each a call.
struct FaultRates {
  std::uint64_t short_write = 0;
  std::uint64_t interrupted = 0;
  std::uint64_t write_error = 0;
  std::uint64_t sync_error = 0;
  std::uint64_t disk_full = 0;
  std::uint64_t reserve_refused = 0;
  std::uint64_t index_error = 0;
  std::uint64_t stall = 0;
  /// From such a write on, so many that the writer may lose its patience are interrupted.
  std::uint64_t stuck = 0;
  std::uint64_t short_read = 0;
  /// Each of these, of what a recovery does: a call that fails with EIO.
  std::uint64_t read_error = 0;
  std::uint64_t open_error = 0;
  std::uint64_t list_error = 0;
  std::uint64_t cut_error = 0;
  std::uint64_t name_error = 0;
};

/// Thrown out of a call in the middle of which the machine or the process ends.
struct MachineStopped {};

class SimulatedDisk : public Storage {
 public:
  using Bytes = std::vector<std::uint8_t>;
  using Trace = std::function<void(const std::string&)>;

  SimulatedDisk(SeededRandom& random, SimulatedClock& clock, FaultCounts& counts, Trace trace)
      : random_(random), clock_(clock), counts_(counts), trace_(std::move(trace)) {}

  void set_rates(const FaultRates& rates) { rates_ = rates; }
  /// Somebody makes room on a full disk.
  void make_room() { full_until_ = 0; }
  /// What fails from now on counts as faults of a start, or no longer.
  void set_starts(bool starts) { starts_ = starts; }
  /// The call that is `calls` calls away throws MachineStopped.
  void stop_after(std::uint64_t calls) { stop_at_ = calls_ + calls; }
  void never_stop() { stop_at_ = 0; }
  bool stopped() const { return stopped_; }

  /// Every file loses what no sync had secured, but for what luck keeps. Nothing is open afterwards.
  void cut_power();
  /// The process is gone, the kernel's pages are not. Nothing is open afterwards.
  void kill();

  /// What a process that starts now finds.
  std::map<std::string, Bytes> image() const;

  /// A failed write, or a failed sync, of this life; cleared by the read.
  struct Excuses {
    std::uint64_t io_errors = 0;      // of a write or sync of a segment
    bool directory_error = false;
    bool disk_full = false;
    /// Calls of other kinds that failed.
    std::uint64_t failed_calls = 0;
  };
  Excuses take_excuses() { return std::exchange(excuses_, Excuses{}); }
  const Excuses& excuses() const { return excuses_; }
  /// A failed sync has dropped pages of the file: what is read from it need not be on the disk.
  bool has_dropped_pages(const std::string& name) const;
  /// It did so once, or an index file could not be made or written to the end: what is on the disk may end early.
  bool has_failed(const std::string& name) const;

  int create(const std::string& path) override;
  int open(const std::string& path) override;
  int close(int file) override;
  std::int64_t size(int file) override;
  std::int64_t read_now(int file, void* bytes, std::size_t length, std::uint64_t offset) override;
  std::int64_t next_data(int file, std::uint64_t offset) override;
  int remove(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int list(const std::string& directory, std::vector<std::string>& names) override;
  int sync_directory(const std::string& directory) override;
  int submit_write(int file, const void* bytes, std::size_t length, std::uint64_t offset) override;
  int submit_sync(int file) override;
  Completions poll(std::int64_t wait_ns) override;
  void pause(std::int64_t ns) override { clock_.monotonic += ns; }
  std::uint64_t random_id() override;
  int write_now(int file, const void* bytes, std::size_t length, std::uint64_t offset) override;
  int sync_now(int file) override;
  int reserve(int file, std::uint64_t offset, std::uint64_t length) override;
  int write_zeros(int file, std::uint64_t offset, std::uint64_t length) override;
  int truncate(int file, std::uint64_t length) override;

 private:
  /// A write, or a cut at `offset`, that no sync has secured.
  struct Change {
    bool cut = false;
    std::uint64_t offset = 0;
    Bytes bytes;
  };
  struct File {
    Bytes seen;     // the kernel's pages
    Bytes durable;  // what the disk keeps whatever happens
    std::vector<Change> changes;
    bool dropped_pages = false;
    bool failed = false;  // once
    std::uint64_t reserved = 0;
  };
  using Entries = std::map<std::string, std::shared_ptr<File>>;
  struct Write {
    std::shared_ptr<File> file;
    std::string name;
    const std::uint8_t* bytes = nullptr;  // read when it ends, as a disk may
    std::size_t length = 0;
    std::uint64_t offset = 0;
    std::int64_t ends_at = 0;
    std::uint64_t started = 0;
  };
  struct Sync {
    std::shared_ptr<File> file;
    std::string name;
    std::size_t changes = 0;  // of the file when it began
    std::int64_t ends_at = 0;
    std::uint64_t started = 0;
  };

  void call(const char* what, const std::string& name);
  void count(Fault fault) { counts_[static_cast<std::size_t>(fault)] += 1; }
  bool occurs(std::uint64_t in_a_thousand, Fault fault);
  std::int64_t end_of_call();
  bool is_full();
  /// The call fails with EIO: how often that was is counted, and is an excuse.
  bool fails(std::uint64_t in_a_thousand, Fault fault);
  int end_write();
  int interrupt(File& file);
  int end_sync();
  void change(File& file, Change change);
  /// What a sync of the first `count` changes does, or one that fails.
  void secure(File& file, std::size_t count, bool fails);
  void close_all();
  static void apply(Bytes& content, const Change& change);
  void survive(File& file, const Change& change, Bytes& content);

  SeededRandom& random_;
  SimulatedClock& clock_;
  FaultCounts& counts_;
  Trace trace_;
  FaultRates rates_;
  Entries entries_;
  Entries durable_entries_;
  std::set<std::string> refused_;  // files that a full disk had no room for
  std::vector<std::pair<std::string, std::shared_ptr<File>>> open_;
  std::optional<Write> write_;
  std::optional<Sync> sync_;
  std::int64_t full_until_ = 0;
  std::uint64_t full_room_ = 0;
  std::uint64_t stuck_writes_ = 0;  // that are still to come
  int interruptions_ = 0;           // of writes, in a row
  std::uint64_t calls_ = 0;
  std::uint64_t stop_at_ = 0;
  bool stopped_ = false;
  bool starts_ = false;
  Excuses excuses_;
};

}  // namespace tickforge::testing
