#include "ring/spsc_ring.h"

#include <sys/mman.h>

#include <bit>
#include <new>

#include "base/assert.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "ring/futex.h"

namespace tickforge {
namespace {

Error ring_error(const char* doing) {
  return Error{"TF_IO", std::string("making the ring failed at ") + doing + ": " + std::strerror(errno), "", errno};
}

}  // namespace

Result<std::shared_ptr<SpscRing>> SpscRing::create(std::size_t bytes) {
  TF_ASSERT(std::has_single_bit(bytes) && bytes >= kBytesMin && bytes <= kBytesMax);
  const UniqueFd memory(::memfd_create("tickforge-ring", MFD_CLOEXEC));
  if (!memory) return ring_error("memfd_create");
  if (::ftruncate(memory.get(), static_cast<off_t>(kControlBytes + bytes)) != 0) return ring_error("ftruncate");

  constexpr int kAccess = PROT_READ | PROT_WRITE;
  void* page = ::mmap(nullptr, kControlBytes, kAccess, MAP_SHARED, memory.get(), 0);
  if (page == MAP_FAILED) return ring_error("mmap");
  MappedRegion control(page, kControlBytes);

  void* space = ::mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return ring_error("mmap");
  MappedRegion cells(space, 2 * bytes);
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint8_t* place = cells.data() + half * bytes;
    void* view = ::mmap(place, bytes, kAccess, MAP_SHARED | MAP_FIXED, memory.get(), kControlBytes);
    if (view == MAP_FAILED) return ring_error("mmap");
  }
  return std::shared_ptr<SpscRing>(new SpscRing(std::move(control), std::move(cells)));
}

SpscRing::SpscRing(MappedRegion control, MappedRegion cells)
    : control_(std::move(control)),
      cells_(std::move(cells)),
      words_(new (control_.data()) Words{}),
      mask_(static_cast<std::uint32_t>(bytes() / kCellBytes - 1)) {}

std::uint32_t SpscRing::free_cells() const {
  // Relaxed: only the producer, which is the caller, writes the head.
  return capacity() - (words_->head.load(std::memory_order_relaxed) - seen_tail_);
}

std::uint8_t* SpscRing::reserve(std::uint32_t cells) {
  TF_ASSERT(cells <= capacity());
  if (free_cells() < cells) {
    // Pairs with the store in release(): the consumer has read the cells before we write them again.
    seen_tail_ = words_->tail.load(std::memory_order_seq_cst);
    if (free_cells() < cells) return nullptr;
  }
  return at(words_->head.load(std::memory_order_relaxed));
}

void SpscRing::commit(std::uint32_t cells) {
  // Partner: published(). Sequentially consistent, because the load of consumer_waiting must not overtake it.
  const std::uint32_t head = words_->head.load(std::memory_order_relaxed) + cells;
  words_->head.store(head, std::memory_order_seq_cst);
  // Partner: the stores in wait_for_data(). Positions wrap; the ring is far smaller than half of their range.
  if (words_->consumer_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (static_cast<std::int32_t>(head - words_->wake_position.load(std::memory_order_relaxed)) >= 0) wake_consumer();
}

void SpscRing::wake_consumer() {
  // Partner: the store of 1 in wait_for_data().
  if (words_->consumer_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (words_->consumer_waiting.exchange(0, std::memory_order_seq_cst) != 0) futex_wake_one(words_->consumer_waiting);
}

void SpscRing::sleep_consumer(std::int64_t timeout_ns) { futex_wait(words_->consumer_waiting, 1, timeout_ns); }

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
    // Partner: the load of producer_waiting in wake_producer(), which follows a store of the tail or of the state.
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
  wake_producer();
}

void SpscRing::wake_producer() {
  // Partner: the store of 1 in wait_for_space().
  if (words_->producer_waiting.load(std::memory_order_seq_cst) == 0) return;
  if (words_->producer_waiting.exchange(0, std::memory_order_seq_cst) != 0) futex_wake_one(words_->producer_waiting);
}

void SpscRing::stop(RingState state) {
  // Partner: state() in wait_for_space(). Sequentially consistent: a producer about to sleep sees it or is woken.
  words_->state.store(static_cast<std::uint32_t>(state), std::memory_order_seq_cst);
  wake_producer();
}

}  // namespace tickforge
