// Decides, before a journal is opened, whether the writer goes on in a segment or starts one.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/error.h"
#include "journal/recovery.h"
#include "journal/storage.h"

namespace tickforge {

struct OpenPlan {
  /// Segment to go on in; empty: the first record starts one.
  std::string path;
  RecoveredTail tail;
  /// Written at once when going on, else at the beginning of the next segment.
  std::optional<Gap> gap;
  /// Of the newest segment: the next one is of no day before. The least value when there is none.
  std::int32_t newest_day = std::numeric_limits<std::int32_t>::min();
};

/// Looks for the newest segment of the journal and recovers it, of whatever day: it is appended to when its day is
/// `now`'s or later (the clock may have gone back). The caller holds the directory's lock. Errors: as recover_segment.
Result<OpenPlan> plan_open(Storage& storage, const std::string& directory, const std::string& journal,
                           std::int64_t now);

}  // namespace tickforge
