// Bounded queue of 64-byte cells between one producer and one consumer, which may be JavaScript and C++, and live in
// different processes.
//
// The cells are mapped twice, one mapping behind the other, so that a record never wraps. Positions count cells
// modulo 2^32; head - tail (modulo 2^32) cells are in use. Neither side enters the kernel unless the other one sleeps.
//
// How a sleeper is never missed: it reads its bell, sets its waiting word to 1 and then looks at the other side's
// position again; the other side stores its position and then looks at the waiting word. A full fence lies between the
// two steps of each, so at least one of the two sees the other; a consumer makes it for the producers of its own process,
// too (asymmetric_fence.h). Whoever takes the waiting word back to 0 rings the bell, which changes it: a ring that comes
// between the last look and the sleep makes the kernel refuse the sleep.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/mapped_region.h"
#include "base/unique_fd.h"
#include "format/record.h"
#include "ring/asymmetric_fence.h"
#include "ring/futex.h"
#include "ring/shared_memory.h"

namespace tickforge {

/// Why nobody consumes any more. The value of the ring's error word.
enum class RingState : std::uint32_t { kOpen = 0, kFailed = 1, kClosed = 2 };

/// Where the producer is, seen from the consumer.
enum class ProducerPlace {
  kSameProcess,   // the consumer makes the fence of a publication, when it is about to sleep
  kOtherProcess,  // the producer makes its own
};

/// How far the consumer has come, as positions of the ring: each one is never behind the next.
struct RingProgress {
  std::uint32_t taken = 0;    // appended to a block
  std::uint32_t written = 0;  // handed to the kernel
  std::uint32_t durable = 0;  // on the disk
};

/// Position a lies before position b; they are at most half of their range apart.
inline bool is_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

class SpscRing {
 public:
  static constexpr std::size_t kControlBytes = 4096;
  static constexpr std::size_t kBytesMin = std::size_t{1} << 20;
  static constexpr std::size_t kBytesMax = std::size_t{1} << 34;

  /// `bytes`: a power of two from kBytesMin to kBytesMax. `path`: a new file for other processes to open; empty for memory
  /// of this process. Errors: TF_SHARED_MEMORY when there is no memory or address space.
  static Result<std::shared_ptr<SpscRing>> create(std::size_t bytes, const std::string& path = {},
                                                  ProducerPlace producer = ProducerPlace::kSameProcess);
  /// The ring in a file that another process made: as its producer or consumer, or, with Access::kRead, as a reader of
  /// the cells that may set nothing but its own waiting word. Errors: TF_SHARED_MEMORY.
  static Result<std::shared_ptr<SpscRing>> open(const std::string& path, Access access);

  /// One page of words: 0 head, 16 tail, 32 consumer waits, 33 until which position, 34 a live reader sleeps, 48 producer
  /// waits, 64 state, 80 taken, 81 written, 82 durable, 96 somebody waits for progress, 112 durable until here is asked
  /// for, 128 and 129 records dropped, 130 and 131 ts_recv of the first of them.
  std::uint8_t* control() const { return control_.data(); }
  /// 2 x bytes(): the second half is the first one again.
  std::uint8_t* cells() const { return cells_.data(); }
  std::size_t bytes() const { return cells_.size() / 2; }
  std::uint32_t capacity() const { return mask_ + 1; }
  std::uint8_t* at(std::uint32_t position) const { return cells() + std::size_t{position & mask_} * kCellBytes; }
  RingState state() const {
    // Pairs with the store in stop(); sequentially consistent for a producer that is about to sleep.
    return static_cast<RingState>(words_->state.load(std::memory_order_seq_cst));
  }

  // Producer.

  /// Memory of the next `cells` cells, or null when they are not free now.
  std::uint8_t* reserve(std::uint32_t cells) {
    TF_ASSERT(cells <= capacity());
    if (free_cells() < cells) {
      // Pairs with the store in release(): the consumer has read the cells before we write them again.
      seen_tail_ = words_->tail.load(std::memory_order_seq_cst);
      if (free_cells() < cells) return nullptr;
    }
    return at(words_->head.load(std::memory_order_relaxed));
  }
  /// Has the kernel give the cells' memory now, not page by page when they are first written; all of it would be in use after
  /// one round anyway. A kernel that cannot (before 5.14) leaves it as it is.
  void populate();
  /// Publishes the first `cells` cells of what was reserved, and wakes the consumer if it sleeps.
  void commit(std::uint32_t cells) {
    // Partner: published(). Release: the cells' bytes are visible with it.
    const std::uint32_t head = words_->head.load(std::memory_order_relaxed) + cells;
    words_->head.store(head, std::memory_order_release);
    // The loads of the waiting words must not overtake the store. Partners: the fences of a consumer or reader between its
    // announcement and its last look.
    if (fences_itself_) {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    } else {
      light_fence();
    }
    const std::uint32_t reader = words_->reader_waiting.load(std::memory_order_relaxed);
    if ((reader | words_->consumer_waiting.load(std::memory_order_relaxed)) != 0) [[unlikely]] wake_sleepers(head);
  }
  /// Waits until `cells` cells are free; false when nobody consumes any more or the time is over.
  bool wait_for_space(std::uint32_t cells, std::int64_t timeout_ns);
  /// For a producer that published by itself (JavaScript), and for requests that the consumer must look at.
  void wake_consumer();
  /// For a producer that published by itself and saw that live readers sleep.
  void wake_readers();
  /// Asks for everything up to `position` to be made durable at once, without waiting for more.
  void ask_durable(std::uint32_t position);
  /// Sleeps until everything up to `position` is durable; false when that will not come any more or the time is over.
  bool wait_durable(std::uint32_t position, std::int64_t timeout_ns);
  RingProgress progress() const;
  /// The next progress of the consumer, room included, makes `event` (an eventfd) readable. Look at progress() after
  /// this call, before sleeping. A producer of the consumer's own process only.
  void tell_progress() { words_->progress_waiting.store(1, std::memory_order_seq_cst); }
  /// At most once. The ring keeps it: a consumer that is about to write to it has the ring, too.
  void set_progress_event(UniqueFd event) {
    progress_event_owner_ = std::move(event);
    // Partner: tell_producer().
    progress_event_.store(progress_event_owner_.get(), std::memory_order_release);
  }
  /// Counts records that were refused because the ring was full. The producer writes a drop record when there is room
  /// again; if it ends before, the consumer does.
  void count_dropped(std::uint64_t records, std::int64_t ts_recv);
  /// What has been counted since the last call, to be written as one drop record.
  struct Dropped {
    std::uint64_t records = 0;
    std::int64_t ts_first = 0;
  };
  Dropped take_dropped();
  /// Of all times.
  std::uint64_t dropped() const { return words_->dropped_total.load(std::memory_order_relaxed); }

  // Live reader.

  /// Says that a reader is going to sleep on the readers' bell. Before it does it calls fence_other_processes(), once for
  /// all its rings, and looks at published() again.
  void announce_reader() { words_->reader_waiting.store(1, std::memory_order_seq_cst); }
  /// For a reader that spins until the cell at `position` is published. What it will look at next, the cell and the tail, is
  /// on its way while the position still is: they lie on lines of their own, and one after the other takes as often as long.
  void expect(std::uint32_t position) const {
    __builtin_prefetch(at(position));
    __builtin_prefetch(&words_->tail);
  }
  /// Position of the first cell that the producer may not overwrite. Acquire: to be called after cells were copied, it
  /// says which of the copies are good.
  std::uint32_t intact_from() const {
    // The copies must be done before the tail is looked at. Partner: the release of the tail before new cells are written.
    std::atomic_thread_fence(std::memory_order_acquire);
    return words_->tail.load(std::memory_order_acquire);
  }

  // Consumer.

  /// Position behind the last published cell.
  std::uint32_t published() const {
    // Acquire at least: pairs with the store in commit() (or Atomics.store in JavaScript), the cells' bytes are visible.
    return words_->head.load(std::memory_order_seq_cst);
  }
  /// Position of the first cell that has not been given back.
  std::uint32_t consumed() const {
    // Relaxed: only the consumer, which is the caller, writes the tail.
    return words_->tail.load(std::memory_order_relaxed);
  }
  /// Gives everything before `position` back to the producer, and wakes it if it sleeps.
  void release(std::uint32_t position);
  /// Says how far the consumer has come, after release() if that moved too, and tells whoever asked for it.
  void set_progress(const RingProgress& progress);
  /// Until where durability is asked for, if it is.
  std::uint32_t durable_asked() const { return words_->durable_asked.load(std::memory_order_seq_cst); }
  /// Sleeps until `wanted` cells behind `seen` are published, `interrupted()` holds, wake_consumer() is called or the time
  /// is over. `interrupted` is asked once more after the wish to be woken has been made known. A consumer that will look
  /// again soon anyway wants many: producers then go on without a system call. One that has no use for cells wants more
  /// than the ring holds.
  template <typename Interrupted>
  void wait_for_data(std::uint32_t seen, std::uint32_t wanted, std::int64_t timeout_ns, Interrupted interrupted) {
    const std::uint32_t rung = bell_->load(std::memory_order_seq_cst);
    announce_consumer(seen, wanted);
    fence_own_threads();
    if (!has_data(seen, wanted) && !interrupted()) futex_wait(*bell_, rung, timeout_ns);
    withdraw_consumer();
  }
  /// The parts of wait_for_data(), for a consumer of several rings with one bell: fence_own_threads() comes between
  /// announce_consumer() of all and has_data() of all.
  void announce_consumer(std::uint32_t seen, std::uint32_t wanted) {
    // Relaxed: made visible by the store that follows; whoever reads that one reads this one or a later one.
    words_->wake_position.store(seen + wanted, std::memory_order_relaxed);
    // Partner: the load of consumer_waiting in commit() and wake_consumer(), which follows a store of head or of a request.
    // For commit() it takes the fence as well.
    words_->consumer_waiting.store(1, std::memory_order_seq_cst);
  }
  bool has_data(std::uint32_t seen, std::uint32_t wanted) const {
    // A producer that waits for room publishes no more. Partner: the store in wait_for_space(), before its wake_consumer().
    const bool held_up = wanted <= capacity() && words_->producer_waiting.load(std::memory_order_seq_cst) != 0;
    return published() - seen >= wanted || held_up;
  }
  void withdraw_consumer() { words_->consumer_waiting.store(0, std::memory_order_relaxed); }
  /// The producer waits for room.
  bool producer_waits() const { return words_->producer_waiting.load(std::memory_order_seq_cst) != 0; }
  /// Bells that several rings share; they live longer than the ring. Set before anybody uses it.
  void share_bells(Bell& consumer, Bell& readers) {
    bell_ = &consumer;
    readers_bell_ = &readers;
  }
  /// Nobody consumes from now on: wait_for_space() returns false. What is unconsumed stays where it is.
  void stop(RingState state);

 private:
  struct Words {
    alignas(64) std::atomic<std::uint32_t> head;
    alignas(64) std::atomic<std::uint32_t> tail;
    alignas(64) std::atomic<std::uint32_t> consumer_waiting;
    std::atomic<std::uint32_t> wake_position;  // the consumer sleeps until the head is here
    std::atomic<std::uint32_t> reader_waiting;
    alignas(64) std::atomic<std::uint32_t> producer_waiting;
    alignas(64) std::atomic<std::uint32_t> state;
    alignas(64) std::atomic<std::uint32_t> taken;
    std::atomic<std::uint32_t> written;
    std::atomic<std::uint32_t> durable;
    alignas(64) std::atomic<std::uint32_t> progress_waiting;
    Bell progress_bell;
    alignas(64) std::atomic<std::uint32_t> durable_asked;
    alignas(64) std::atomic<std::uint64_t> dropped;  // not yet written as a drop record
    std::atomic<std::int64_t> ts_first_dropped;
    std::atomic<std::uint64_t> dropped_total;
    // Of a ring that shares no bells.
    alignas(64) Bell own_bell;
    Bell own_readers_bell;
    alignas(64) std::uint32_t magic;
  };
  static_assert(sizeof(Words) <= kControlBytes);
  static constexpr std::uint32_t kMagic = 0x31524654;  // "TFR1"

  static Result<std::shared_ptr<SpscRing>> map(const UniqueFd& file, std::size_t bytes, Access access,
                                               const std::string& path);
  SpscRing(MappedRegion control, MappedRegion cells);
  void tell_producer();
  void wake_sleepers(std::uint32_t head);
  std::uint32_t free_cells() const {
    // Relaxed: only the producer, which is the caller, writes the head.
    return capacity() - (words_->head.load(std::memory_order_relaxed) - seen_tail_);
  }

  MappedRegion control_;
  MappedRegion cells_;
  Words* words_;
  std::uint32_t mask_;
  Bell* bell_;
  Bell* readers_bell_;
  UniqueFd progress_event_owner_;
  std::atomic<int> progress_event_{-1};
  /// Producer's: no consumer does it for it.
  bool fences_itself_ = true;
  /// Producer's: the tail as it last saw it, so that reserve() seldom reads the consumer's line. On a line of its own:
  /// both sides read what stands before it.
  alignas(64) std::uint32_t seen_tail_ = 0;
};

}  // namespace tickforge
