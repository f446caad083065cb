// One push into the ring, beside one into a minimal queue of the shape of rigtorp's SPSCQueue. Both carry 64 bytes, have
// as many elements, and are emptied by a thread on the other core that reads a word of each element and gives back all
// that it found at once: while the producer pushes, so that the two fight for the same cache lines, or between its bursts.
#include <sys/mman.h>
#include <x86intrin.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include "pin.h"
#include "programs.h"
#include "trades.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (::posix_memalign(&memory, alignment, bytes == 0 ? 1 : bytes) != 0) std::abort();
  return memory;
}

}  // namespace

// Every allocation of this program is counted; that those of the ring are none is part of the figure.
void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace tickforge::bench {
namespace {

constexpr std::size_t kElements = std::size_t{1} << 16;
/// Pushes between two looks at the clock: the clock costs more than a push.
constexpr std::uint32_t kGroup = 16;
/// Pushes between two waits for an empty queue: the producer never meets a full one.
constexpr std::uint32_t kBurst = 1 << 15;

/// The queue of github.com/rigtorp/SPSCQueue, cut down to what is measured: positions on cache lines of their own, each
/// side with a copy of the other's, one slot that stays empty.
class ReferenceQueue {
 public:
  ReferenceQueue() : slots_(new Slot[kElements]()) {}

  void push(const Trade& trade) {
    const std::size_t at = write_.load(std::memory_order_relaxed);
    std::size_t next = at + 1;
    if (next == kElements) next = 0;
    while (next == read_seen_) read_seen_ = read_.load(std::memory_order_acquire);
    slots_[at].trade = trade;
    write_.store(next, std::memory_order_release);
  }
  /// Calls `take` with every element there is, gives them back, and returns how many there were.
  template <typename Take>
  std::size_t drain(Take take) {
    const std::size_t end = write_.load(std::memory_order_acquire);
    std::size_t at = read_.load(std::memory_order_relaxed);
    std::size_t count = 0;
    for (; at != end; ++count) {
      take(slots_[at].trade);
      if (++at == kElements) at = 0;
    }
    read_.store(at, std::memory_order_release);
    return count;
  }

 private:
  struct alignas(64) Slot {
    Trade trade;
  };
  std::unique_ptr<Slot[]> slots_;
  alignas(64) std::atomic<std::size_t> write_{0};
  alignas(64) std::size_t read_seen_ = 0;
  alignas(64) std::atomic<std::size_t> read_{0};
};

class OurQueue {
 public:
  OurQueue() : ring_(take_or_fail(SpscRing::create(kElements * kCellBytes))) {}

  void push(const Trade& trade) {
    std::uint8_t* cell = ring_->reserve(1);
    while (cell == nullptr) cell = ring_->reserve(1);
    std::memcpy(cell, &trade, sizeof trade);
    ring_->commit(1);
  }
  template <typename Take>
  std::size_t drain(Take take) {
    const std::uint32_t end = ring_->published();
    const std::uint32_t begin = ring_->consumed();
    for (std::uint32_t at = begin; at != end; ++at) take(*reinterpret_cast<const Trade*>(ring_->at(at)));
    if (end != begin) ring_->release(end);
    return end - begin;
  }

 private:
  std::shared_ptr<SpscRing> ring_;
};

/// What two looks at the time stamp counter cost when nothing is between them.
std::int64_t clock_cost() {
  std::int64_t least = INT64_MAX;
  unsigned core = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto start = static_cast<std::int64_t>(__rdtscp(&core));
    least = std::min(least, static_cast<std::int64_t>(__rdtscp(&core)) - start);
  }
  return least;
}

template <typename Queue>
Report measure_push(Options& options) {
  const std::uint64_t bursts = options.count("rounds", 64);
  const bool meanwhile = options.count("meanwhile", 1) != 0;
  options.done();
  const std::uint64_t total = bursts * kBurst;
  Queue queue;
  Samples samples(total / kGroup);
  std::atomic<std::uint64_t> drained{0};
  std::atomic<std::uint64_t> pushed{0};
  std::uint64_t sum = 0;
  std::thread consumer([&] {
    pin_to_core(1);
    for (std::uint64_t count = 0; count < total;) {
      while (!meanwhile && pushed.load(std::memory_order_acquire) == count) _mm_pause();
      count += queue.drain([&](const Trade& trade) { sum += trade.trade_id; });
      drained.store(count, std::memory_order_release);
    }
  });
  pin_to_core(0);
  const std::int64_t cost = clock_cost();
  Trade trade{};
  unsigned core = 0;
  const std::uint64_t allocated = allocations.load();
  const std::int64_t start_ns = monotonic_ns();
  const auto start_tsc = static_cast<std::int64_t>(__rdtscp(&core));
  for (std::uint64_t burst = 0; burst < bursts; ++burst) {
    for (std::uint32_t group = 0; group < kBurst / kGroup; ++group) {
      const auto start = static_cast<std::int64_t>(__rdtscp(&core));
      for (std::uint32_t i = 0; i < kGroup; ++i) {
        trade.trade_id += 1;
        queue.push(trade);
      }
      samples.keep(std::max<std::int64_t>(0, static_cast<std::int64_t>(__rdtscp(&core)) - start - cost));
    }
    pushed.store((burst + 1) * kBurst, std::memory_order_release);
    while (drained.load(std::memory_order_acquire) < (burst + 1) * kBurst) _mm_pause();
  }
  const auto ticks = static_cast<std::int64_t>(__rdtscp(&core)) - start_tsc;
  const double ns_a_tick = static_cast<double>(monotonic_ns() - start_ns) / static_cast<double>(ticks);
  const std::uint64_t allocated_after = allocations.load();
  consumer.join();
  expect(sum == total * (total + 1) / 2, "elements were lost on the way");
  Report report;
  samples.add_to(report, kGroup / ns_a_tick);
  return report.add("allocations", allocated_after - allocated).add("count", total);
}

}  // namespace

Report ring_push(Options& options) { return measure_push<OurQueue>(options); }
Report reference_push(Options& options) { return measure_push<ReferenceQueue>(options); }

}  // namespace tickforge::bench
