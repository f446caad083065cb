// A journal that is being recorded: the lock, the ring, the writer thread and what others may ask of it.
//
// Threads: one producer fills the ring; the writer thread owns the SegmentWriter, the storage and the control page; any
// thread may call the methods here. mutex_ guards what they exchange; nothing is held across I/O.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "core/open_plan.h"
#include "core/writer_loop.h"
#include "journal/control_page.h"
#include "journal/directory_lock.h"
#include "journal/segment_writer.h"
#include "journal/storage.h"
#include "ring/ring_set.h"

namespace tickforge {

struct JournalOptions {
  std::string directory;
  std::string name;
  std::size_t ring_bytes = std::size_t{16} << 20;
  std::int64_t flush_interval_ns = 20'000'000;
  Durability durability;
  /// A full disk is waited for until close(), as long as the ring has room.
  bool waits_for_disk = false;
  /// Never append to a segment that exists; start the next part.
  bool new_part = false;
  std::string writer;
};

/// What opening found. Of a new segment all counts are 0, even when an earlier day's segment had to be mended.
struct RecoveryReport {
  std::string segment;
  bool clean = true;
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t torn_tail_bytes = 0;
  std::uint64_t corrupt_blocks = 0;
  bool index_rebuilt = false;
  std::uint64_t bytes_read = 0;
  std::uint32_t last_instrument = 0;
  std::int64_t last_ts_recv = kNoneI64;
  /// GapCause of the gap record that says what is missing since the last writer; 0 = there was none.
  std::uint8_t gap_cause = 0;
};

/// Makes the storage; called on the writer thread.
using StorageFactory = std::function<std::unique_ptr<Storage>(WritePath)>;

class Recorder {
 public:
  /// Locks the directory, recovers the newest segment and starts the writer. Errors: TF_LOCKED, TF_NO_DIRECTORY,
  /// TF_FOREIGN_DIRECTORY, TF_NEWER_FORMAT, TF_DISK_FULL, TF_IO.
  static Result<std::unique_ptr<Recorder>> open(const JournalOptions& options, StorageFactory make = make_storage);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  /// As close(), without anyone to tell.
  ~Recorder();

  /// Of producer 0, which is whoever opened the journal.
  const std::shared_ptr<SpscRing>& ring() const { return ring_; }
  /// For further producers.
  RingSet& rings() { return *rings_; }
  const RecoveryReport& recovery() const { return recovery_; }
  Watermarks watermarks() const;
  /// What stopped the writer.
  std::optional<Error> error() const;
  /// TF_DISK_FULL while the writer waits for space.
  std::optional<Error> stalled() const;

  /// Bytes that are missing from the space that is kept back for an end on a full disk; 0 = none.
  std::uint64_t reserve_missing() const { return reserve_missing_.load(std::memory_order_relaxed); }

  /// Waits until all that was published before the call is durable. Errors: the writer's, TF_USAGE after close().
  Result<Watermarks> flush();
  /// Writes and syncs all that was published before the call, closes the segment and ends the thread. Calling it again
  /// returns the same. Errors: the writer's; files and lock are released either way.
  Result<Watermarks> close();

 private:
  Recorder(const JournalOptions& options, std::unique_ptr<RingSet> rings, DirectoryLock lock, ControlPageWriter page);

  void run(const StorageFactory& make, const OpenPlan& plan);
  Result<void> record(WriterLoop& loop);
  void park(WriterLoop& loop, std::int64_t now);
  void publish(const SegmentWriter& writer, RecorderState state);
  void announce(const WriterLoop& loop);
  WriterLoop::Asked asked() const;
  /// Result of a wait that ended; the mutex is held.
  Result<Watermarks> outcome() const;

  const std::string name_;
  const WriterOptions writer_options_;
  std::unique_ptr<RingSet> rings_;
  std::shared_ptr<SpscRing> ring_;
  std::optional<DirectoryLock> lock_;
  ControlPageWriter page_;
  RecoveryReport recovery_;
  RecorderStatus status_;  // writer thread's: what the control page says
  std::int64_t looked_for_dead_at_ = 0;  // writer thread's

  // Requests to the writer thread. Stored before SpscRing::wake_consumer(), looked at by park() after it has announced
  // its sleep: with sequential consistency a request is seen or the thread is woken.
  std::atomic<std::uint64_t> flushes_asked_{0};
  std::atomic<bool> close_asked_{false};

  // Written by the writer thread with release order, so that `written` never seems ahead of `appended`.
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<std::uint64_t> reserve_missing_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t flushes_done_ = 0;  // set by the writer thread alone, like the next three
  bool ended_ = false;
  std::optional<Error> error_;
  std::optional<Error> stalled_;

  std::mutex close_mutex_;
  std::thread thread_;
};

}  // namespace tickforge
