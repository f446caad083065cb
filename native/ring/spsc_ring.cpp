#include "ring/spsc_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <new>

#include "base/assert.h"
#include "base/clock.h"
#include "base/own_file.h"

namespace tickforge {

Result<std::shared_ptr<SpscRing>> SpscRing::create(std::size_t bytes, const std::string& path,
                                                   ProducerPlace producer) {
  TF_ASSERT(std::has_single_bit(bytes) && bytes >= kBytesMin && bytes <= kBytesMax);
  auto file = create_shared(path, kControlBytes + bytes);
  if (!file) return file.error();
  auto ring = map(file.value(), bytes, Access::kReadWrite, path);
  if (!ring) return ring.error();
  Words* words = new (ring.value()->control_.data()) Words{};
  words->magic = kMagic;
  ring.value()->fences_itself_ = producer == ProducerPlace::kOtherProcess || !register_for_fences();
  return ring;
}

Result<std::shared_ptr<SpscRing>> SpscRing::open(const std::string& path, Access access) {
  const UniqueFd file = open_own_file(path.c_str(), O_RDWR);
  if (!file) return system_error("TF_SHARED_MEMORY", "opening the ring", path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_error("TF_SHARED_MEMORY", "looking at the ring", path, errno);
  const std::size_t size = static_cast<std::size_t>(status.st_size);
  const std::size_t bytes = size > kControlBytes ? size - kControlBytes : 0;
  const Error no_ring{"TF_SHARED_MEMORY", "'" + path + "' is no ring of this version", path, 0};
  if (!std::has_single_bit(bytes) || bytes < kBytesMin || bytes > kBytesMax) return no_ring;
  auto ring = map(file, bytes, access, path);
  if (ring && ring.value()->words_->magic != kMagic) return no_ring;
  return ring;
}

Result<std::shared_ptr<SpscRing>> SpscRing::map(const UniqueFd& file, std::size_t bytes, Access access,
                                                const std::string& path) {
  auto control = map_shared(file, 0, kControlBytes, Access::kReadWrite, path);
  if (!control) return control.error();
  void* space = ::mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return system_error("TF_SHARED_MEMORY", "finding room for the ring", path, errno);
  MappedRegion cells(space, 2 * bytes);
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint8_t* place = cells.data() + half * bytes;
    void* view = ::mmap(place, bytes, protection, MAP_SHARED | MAP_FIXED, file.get(), kControlBytes);
    if (view == MAP_FAILED) return system_error("TF_SHARED_MEMORY", "mapping the ring", path, errno);
  }
  return std::shared_ptr<SpscRing>(new SpscRing(control.take(), std::move(cells)));
}

SpscRing::SpscRing(MappedRegion control, MappedRegion cells)
    : control_(std::move(control)),
      cells_(std::move(cells)),
      words_(reinterpret_cast<Words*>(control_.data())),
      mask_(static_cast<std::uint32_t>(bytes() / kCellBytes - 1)),
      bell_(&words_->own_bell),
      readers_bell_(&words_->own_readers_bell) {
  seen_tail_ = words_->tail.load(std::memory_order_acquire);
}

void SpscRing::populate() { (void)::madvise(cells_.data(), cells_.size(), MADV_POPULATE_WRITE); }

void SpscRing::wake_sleepers(std::uint32_t head) {
  // Partner: announce_reader().
  if (words_->reader_waiting.load(std::memory_order_seq_cst) != 0) wake_readers();
  // Partner: the stores in announce_consumer().
  if (words_->consumer_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (!is_before(head, words_->wake_position.load(std::memory_order_relaxed))) wake_consumer();
}

void SpscRing::wake_consumer() {
  // Partner: the store of 1 in announce_consumer().
  if (words_->consumer_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (words_->consumer_waiting.exchange(0, std::memory_order_seq_cst) != 0) ring_one(*bell_);
}

void SpscRing::wake_readers() {
  // Every reader that announced itself on this word sleeps on the same bell.
  if (words_->reader_waiting.exchange(0, std::memory_order_seq_cst) != 0) ring_all(*readers_bell_);
}

bool SpscRing::wait_for_space(std::uint32_t cells, std::int64_t timeout_ns) {
  if (cells > capacity()) return false;
  const std::int64_t deadline = monotonic_ns() + timeout_ns;
  // A producer that publishes by itself may be more than a ring ahead of the tail that reserve() saw last.
  seen_tail_ = words_->tail.load(std::memory_order_seq_cst);
  for (;;) {
    if (state() != RingState::kOpen) return false;
    if (reserve(cells) != nullptr) return true;
    const std::int64_t left = deadline - monotonic_ns();
    if (left <= 0) return false;
    // Partner: the load of producer_waiting in tell_producer(), which follows a store of the tail or of the state. The
    // word is its own bell: whoever takes it back to 0 wakes.
    words_->producer_waiting.store(1, std::memory_order_seq_cst);
    // A consumer that waits for more than there is room for must not do so any longer.
    wake_consumer();
    if (reserve(cells) == nullptr && state() == RingState::kOpen) futex_wait(words_->producer_waiting, 1, left);
    words_->producer_waiting.store(0, std::memory_order_relaxed);
  }
}

void SpscRing::release(std::uint32_t position) {
  // Partner: the load in reserve() (or Atomics.load in JavaScript).
  words_->tail.store(position, std::memory_order_seq_cst);
  tell_producer();
}

void SpscRing::tell_producer() {
  // Partner: the store of 1 in wait_for_space().
  if (words_->producer_waiting.load(std::memory_order_seq_cst) != 0 &&
      words_->producer_waiting.exchange(0, std::memory_order_seq_cst) != 0) {
    futex_wake_one(words_->producer_waiting);
  }
  // Partner: tell_progress() and wait_durable().
  if (words_->progress_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (words_->progress_waiting.exchange(0, std::memory_order_seq_cst) == 0) return;
  ring_all(words_->progress_bell);
  const int event = progress_event_.load(std::memory_order_acquire);
  const std::uint64_t one = 1;
  // It cannot fail but for a full counter, which is readable as well.
  if (event >= 0) (void)!::write(event, &one, sizeof one);
}

RingProgress SpscRing::progress() const {
  // In this order, so that no mark is behind the one that depends on it.
  RingProgress progress;
  progress.durable = words_->durable.load(std::memory_order_seq_cst);
  progress.written = words_->written.load(std::memory_order_seq_cst);
  progress.taken = words_->taken.load(std::memory_order_seq_cst);
  return progress;
}

void SpscRing::set_progress(const RingProgress& progress) {
  // Partner: progress(), and the look at `durable` in wait_durable() after it has announced itself.
  words_->taken.store(progress.taken, std::memory_order_seq_cst);
  words_->written.store(progress.written, std::memory_order_seq_cst);
  words_->durable.store(progress.durable, std::memory_order_seq_cst);
  tell_producer();
}

void SpscRing::ask_durable(std::uint32_t position) {
  // Partner: durable_asked() of a consumer that is about to sleep.
  words_->durable_asked.store(position, std::memory_order_seq_cst);
  wake_consumer();
}

bool SpscRing::wait_durable(std::uint32_t position, std::int64_t timeout_ns) {
  const std::int64_t deadline = monotonic_ns() + timeout_ns;
  for (;;) {
    const std::uint32_t rung = words_->progress_bell.load(std::memory_order_seq_cst);
    words_->progress_waiting.store(1, std::memory_order_seq_cst);
    const bool ended = state() != RingState::kOpen;
    if (!is_before(words_->durable.load(std::memory_order_seq_cst), position)) return true;
    const std::int64_t left = deadline - monotonic_ns();
    if (ended || left <= 0) return false;
    futex_wait(words_->progress_bell, rung, left);
  }
}

void SpscRing::count_dropped(std::uint64_t records, std::int64_t ts_recv) {
  // Relaxed: the producer alone counts, and the consumer looks only when the producer has ended.
  if (words_->dropped.load(std::memory_order_relaxed) == 0) {
    words_->ts_first_dropped.store(ts_recv, std::memory_order_relaxed);
  }
  words_->dropped.fetch_add(records, std::memory_order_relaxed);
  words_->dropped_total.fetch_add(records, std::memory_order_relaxed);
}

SpscRing::Dropped SpscRing::take_dropped() {
  Dropped dropped;
  dropped.ts_first = words_->ts_first_dropped.load(std::memory_order_relaxed);
  dropped.records = words_->dropped.exchange(0, std::memory_order_relaxed);
  return dropped;
}

void SpscRing::stop(RingState state) {
  // Partner: state() in wait_for_space(). Sequentially consistent: a producer about to sleep sees it or is woken.
  words_->state.store(static_cast<std::uint32_t>(state), std::memory_order_seq_cst);
  tell_producer();
}

}  // namespace tickforge
