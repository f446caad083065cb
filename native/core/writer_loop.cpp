#include "core/writer_loop.h"

namespace tickforge {

Result<void> WriterLoop::begin(const OpenPlan& plan, std::int64_t now) {
  if (!plan.path.empty()) return writer_.resume(plan.path, plan.tail, *plan.gap, now);
  if (plan.gap) writer_.begin_with_gap(*plan.gap, plan.newest_day);
  return {};
}

Result<WriterLoop::Pass> WriterLoop::pass(std::int64_t now, const Asked& asked) {
  if (asked.close && !closing_) {
    // Whoever closes wants an end, with or without space.
    closing_ = true;
    writer_.stop_waiting();
  }
  take_request(asked);
  auto moved = writer_.turn(now);
  if (!moved) return moved.error();
  const bool advanced = advance_request();
  if (request_.asked.close && request_.stage == Stage::kNone) return Pass::kClosed;
  return moved.value() || advanced ? Pass::kMoved : Pass::kIdle;
}

void WriterLoop::take_request(const Asked& asked) {
  if (request_.stage != Stage::kNone || !has_request(asked)) return;
  request_.asked = asked;
  request_.until = ring_.published();
  request_.stage = Stage::kTaking;
}

bool WriterLoop::advance_request() {
  if (request_.stage == Stage::kTaking) {
    // Positions wrap; the ring is far smaller than half of their range.
    if (static_cast<std::int32_t>(writer_.taken() - request_.until) < 0) return false;
    // The end of the segment makes all durable, and marks the last block.
    request_.stage = request_.asked.close ? Stage::kNone : Stage::kSyncing;
    if (!request_.asked.close) request_.blocks = writer_.request_sync();
    return true;
  }
  if (request_.stage == Stage::kSyncing && writer_.durable_blocks() >= request_.blocks) {
    request_.stage = Stage::kNone;
    flushes_served_ = request_.asked.flushes;
    return true;
  }
  return false;
}

}  // namespace tickforge
