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
  if (request_.asked.close && !request_.under_way) return Pass::kClosed;
  return moved.value() || advanced ? Pass::kMoved : Pass::kIdle;
}

void WriterLoop::take_request(const Asked& asked) {
  if (!has_request(asked)) return;
  request_ = {true, asked};
  if (asked.close) {
    writer_.ask_taken();
  } else {
    writer_.ask_flush();
  }
}

bool WriterLoop::advance_request() {
  // The end of the segment makes all durable, and marks the last block.
  if (!request_.under_way || !(request_.asked.close ? writer_.is_taken() : writer_.is_flushed())) return false;
  request_.under_way = false;
  if (!request_.asked.close) flushes_served_ = request_.asked.flushes;
  return true;
}

}  // namespace tickforge
