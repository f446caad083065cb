#include "ring/ring_producer.h"

#include <cstring>

#include "format/loss_records.h"

namespace tickforge {
namespace {

/// A writer that has died without saying so is noticed after this time at the latest.
constexpr std::int64_t kWaitNs = 1'000'000'000;

}  // namespace

std::uint8_t* RingProducer::reserve(std::uint32_t count, std::int64_t ts_recv) {
  if (!owes_drop_record_) return ring_->reserve(count);
  std::uint8_t* memory = ring_->reserve(count + 1);
  if (memory == nullptr) return nullptr;
  const SpscRing::Dropped dropped = ring_->take_dropped();
  const Drop drop = make_drop(dropped.records, dropped.ts_first, ts_recv);
  std::memcpy(memory, &drop, sizeof drop);
  owes_drop_record_ = false;
  // Both are published together.
  return memory + kCellBytes;
}

PushResult RingProducer::push(const void* cells, std::uint32_t count, std::uint32_t records, std::int64_t ts_recv) {
  const std::uint32_t extra = owes_drop_record_ ? 1 : 0;
  const bool fits = count > 0 && count <= ring_->capacity() - extra;
  std::uint8_t* memory = fits ? reserve(count, ts_recv) : nullptr;
  while (fits && memory == nullptr && policy_ == FullPolicy::kBlock) {
    if (!ring_->wait_for_space(count + extra, kWaitNs) && ring_->state() != RingState::kOpen) return PushResult::kStopped;
    memory = reserve(count, ts_recv);
  }
  if (ring_->state() != RingState::kOpen) return PushResult::kStopped;
  if (memory == nullptr) {
    ring_->count_dropped(records, ts_recv);
    owes_drop_record_ = true;
    return PushResult::kDropped;
  }
  std::memcpy(memory, cells, std::size_t{count} * kCellBytes);
  ring_->commit(count + extra);
  return PushResult::kPublished;
}

}  // namespace tickforge
