#include "journal/lane.h"

#include <algorithm>

#include "format/loss_records.h"

namespace tickforge {

Lane::Lane(const Inlet& inlet)
    : ended(inlet.ended),
      producer_(inlet.producer),
      generation_(inlet.generation),
      ring_(inlet.ring),
      taken_(ring_->consumed()),
      written_(taken_),
      syncing_(taken_),
      durable_(taken_),
      released_(taken_),
      flush_until_(taken_),
      take_until_(taken_),
      cells_written_(taken_),
      published_{taken_, taken_, taken_} {}

BlockDraft::Taken Lane::take(std::uint32_t available, std::int64_t now, std::int64_t day_end) {
  if (draft.empty()) draft_began = now;
  const std::uint8_t* cells = ring_->at(taken_);
  const auto taken = draft.take_from_ring(cells, available, taken_, day_end, [&](const std::uint8_t* record) {
    definitions_.push_back(taken_ + static_cast<std::uint32_t>((record - cells) / kCellBytes));
  });
  taken_ += taken.cells;
  if (taken.cells > 0) last_ts_recv_ = std::max(last_ts_recv_, draft.max_ts_recv());
  return taken;
}

void Lane::on_written(std::uint32_t position) {
  cells_written_ += position - written_;
  written_ = position;
}

void Lane::release(bool keeps_until_durable, Preamble& preamble) {
  const std::uint32_t until = keeps_until_durable ? durable_ : written_;
  if (until == released_) return;
  while (!definitions_.empty() && is_before(definitions_.front(), until)) {
    preamble.note(producer_, ring_->at(definitions_.front()));
    definitions_.pop_front();
  }
  released_ = until;
  ring_->release(until);
}

void Lane::go_back() {
  cells_written_ -= written_ - durable_;
  taken_ = written_ = syncing_ = durable_;
  draft.clear();
  definitions_.clear();
  if (farewell == Farewell::kNoted) farewell = Farewell::kNone;
  farewell_end.reset();
}

std::uint32_t Lane::asked_cells() const {
  // A position outside of what is under way was reached long ago, or is nonsense.
  const std::uint32_t under_way = end() - durable_;
  const std::uint32_t asked = ring_->durable_asked() - durable_;
  const std::uint32_t flush = flush_until_ - durable_;
  return std::max(asked <= under_way ? asked : 0, flush <= under_way ? flush : 0);
}

void Lane::cut_off() {
  cut_off_at_ = taken_;
  ended = true;
  ring_->stop(RingState::kFailed);
}

std::optional<Drop> Lane::unrecorded_drop(std::int64_t ts_recv) {
  const SpscRing::Dropped dropped = ring_->take_dropped();
  if (dropped.records > 0) dropped_ = dropped;
  // What stood in the ring of one that was cut off cannot be counted; it was not nothing.
  if (is_cut_off() && dropped_.records == 0) dropped_ = {1, last_ts_recv_ == kNoneI64 ? ts_recv : last_ts_recv_};
  if (dropped_.records == 0) return std::nullopt;
  Drop drop = make_drop(dropped_.records, dropped_.ts_first, std::max(ts_recv, dropped_.ts_first));
  drop.producer = static_cast<std::uint8_t>(producer_);
  if (is_cut_off()) drop.cause = static_cast<std::uint8_t>(GapCause::kMalformed);
  return drop;
}

void Lane::publish_progress() {
  if (published_.taken == taken_ && published_.written == written_ && published_.durable == durable_) return;
  published_ = {taken_, written_, durable_};
  ring_->set_progress(published_);
}

}  // namespace tickforge
