// Bounded queue of 64-byte cells between one producer and one consumer, which may be JavaScript and C++.
//
// The cells are mapped twice, one mapping behind the other, so that a record never wraps. Positions count cells
// modulo 2^32; head - tail (modulo 2^32) cells are in use. Neither side enters the kernel unless the other one sleeps.
//
// How a sleeper is never missed: it sets its waiting word to 1 and then looks at the other side's position again; the
// other side stores its position and then looks at the waiting word. Both are sequentially consistent, so at least one
// of the two sees the other. The word slept on is the waiting word itself and the waker sets it to 0 before the wake:
// a wake that comes between the last look and the sleep makes the kernel refuse the sleep.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/mapped_region.h"
#include "format/record.h"

namespace tickforge {

/// Why nobody consumes any more. The value of the ring's error word.
enum class RingState : std::uint32_t { kOpen = 0, kFailed = 1, kClosed = 2 };

class SpscRing {
 public:
  static constexpr std::size_t kControlBytes = 4096;
  static constexpr std::size_t kBytesMin = std::size_t{1} << 20;
  static constexpr std::size_t kBytesMax = std::size_t{1} << 34;

  /// `bytes`: a power of two from kBytesMin to kBytesMax. Errors: TF_IO when the kernel has no memory or address space.
  static Result<std::shared_ptr<SpscRing>> create(std::size_t bytes);

  /// One page of words, each on its own cache line: 0 head, 16 tail, 32 consumer waits (and
  /// 33, until which position), 48 producer waits, 64 state.
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
  std::uint8_t* reserve(std::uint32_t cells);
  /// Publishes the first `cells` cells of what was reserved, and wakes the consumer if it sleeps.
  void commit(std::uint32_t cells);
  /// Waits until `cells` cells are free; false when nobody consumes any more or the time is over.
  bool wait_for_space(std::uint32_t cells, std::int64_t timeout_ns);
  /// For a producer that published by itself (JavaScript), and for requests that the consumer must look at.
  void wake_consumer();

  // Consumer.

  /// Position behind the last published cell.
  std::uint32_t published() const {
    // Pairs with the store in commit() (or Atomics.store in JavaScript): the cells' bytes are visible with it.
    return words_->head.load(std::memory_order_seq_cst);
  }
  /// Position of the first cell that has not been given back.
  std::uint32_t consumed() const {
    // Relaxed: only the consumer, which is the caller, writes the tail.
    return words_->tail.load(std::memory_order_relaxed);
  }
  /// Gives everything before `position` back to the producer, and wakes it if it sleeps.
  void release(std::uint32_t position);
  /// Sleeps until `wanted` cells behind `seen` are published, `interrupted()` holds, wake_consumer() is called or the time
  /// is over. `interrupted` is asked once more after the wish to be woken has been made known. A consumer that will look
  /// again soon anyway wants many: producers then go on without a system call. One that has no use for cells wants more
  /// than the ring holds.
  template <typename Interrupted>
  void wait_for_data(std::uint32_t seen, std::uint32_t wanted, std::int64_t timeout_ns, Interrupted interrupted) {
    // Relaxed: made visible by the store that follows; whoever reads that one reads this one or a later one.
    words_->wake_position.store(seen + wanted, std::memory_order_relaxed);
    // Partner: the load of consumer_waiting in commit() and wake_consumer(), which follows a store of head or of a request.
    words_->consumer_waiting.store(1, std::memory_order_seq_cst);
    // A producer that waits for room publishes no more. Partner: the store in wait_for_space(), before its wake_consumer().
    const bool held_up = wanted <= capacity() && words_->producer_waiting.load(std::memory_order_seq_cst) != 0;
    if (published() - seen < wanted && !held_up && !interrupted()) sleep_consumer(timeout_ns);
    words_->consumer_waiting.store(0, std::memory_order_relaxed);
  }
  /// Nobody consumes from now on: wait_for_space() returns false. What is unconsumed stays where it is.
  void stop(RingState state);

 private:
  struct Words {
    alignas(64) std::atomic<std::uint32_t> head;
    alignas(64) std::atomic<std::uint32_t> tail;
    alignas(64) std::atomic<std::uint32_t> consumer_waiting;
    std::atomic<std::uint32_t> wake_position;  // the consumer sleeps until the head is here
    alignas(64) std::atomic<std::uint32_t> producer_waiting;
    alignas(64) std::atomic<std::uint32_t> state;
  };
  static_assert(sizeof(Words) <= kControlBytes);

  SpscRing(MappedRegion control, MappedRegion cells);
  void sleep_consumer(std::int64_t timeout_ns);
  void wake_producer();
  std::uint32_t free_cells() const;

  MappedRegion control_;
  MappedRegion cells_;
  Words* words_;
  std::uint32_t mask_;
  /// Producer's: the tail as it last saw it, so that reserve() seldom reads the consumer's line.
  std::uint32_t seen_tail_ = 0;
};

}  // namespace tickforge
