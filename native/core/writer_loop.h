// What the writer thread does, pass by pass, without the thread and its clock: a recorder runs it, and so does the
// simulation.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "core/open_plan.h"
#include "journal/segment_writer.h"
#include "journal/storage.h"
#include "ring/ring_set.h"

namespace tickforge {

class WriterLoop {
 public:
  /// What others have asked for so far.
  struct Asked {
    std::uint64_t flushes = 0;
    bool close = false;
  };
  enum class Pass {
    kIdle,    // nothing moved
    kMoved,   // something did, or a flush was served
    kClosed,  // all that was published before the wish to close is taken over: finish() comes next
  };

  WriterLoop(Storage& storage, RingSet& rings, WriterOptions options) : writer_(storage, rings, std::move(options)) {}

  /// Goes on where the plan says. `now` as of pass().
  Result<void> begin(const OpenPlan& plan, std::int64_t now);
  /// One pass at CLOCK_MONOTONIC `now`. `asked` was read before the call: what its askers published is in the ring.
  Result<Pass> pass(std::int64_t now, const Asked& asked);
  /// The next pass has a request to take up.
  bool has_request(const Asked& asked) const {
    if (asked.close && !closing_) return true;
    return !request_.under_way && (asked.close || asked.flushes != flushes_served_);
  }
  /// Of the flushes asked for, those whose records are durable.
  std::uint64_t flushes_served() const { return flushes_served_; }

  SegmentWriter& writer() { return writer_; }
  const SegmentWriter& writer() const { return writer_; }

 private:
  /// Until all that was published at the start is durable; for an end it is enough that it is taken over.
  struct Request {
    bool under_way = false;
    Asked asked;  // at the start
  };

  void take_request(const Asked& asked);
  bool advance_request();

  SegmentWriter writer_;
  Request request_;
  bool closing_ = false;
  std::uint64_t flushes_served_ = 0;
};

}  // namespace tickforge
