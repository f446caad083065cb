// Lives of a recorder on a simulated disk: it records, something happens to it, it starts again on what is left. Something
// may happen to the start as well.
//
// The code under test is that of the real recorder, from plan_open() and the recovery to WriterLoop; the thread, the
// kernel and the clock are not. One seed, one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/broken_storage.h"
#include "testing/simulated_disk.h"

namespace tickforge::testing {

struct SimulationResult {
  /// What contradicts the promises; nothing when all were kept.
  std::optional<std::string> violation;
  FaultCounts faults{};
  std::uint64_t lives = 0;
  std::uint64_t records = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t segments = 0;
  /// Marks for a recovery that were in the log at the end.
  std::uint64_t marks = 0;
  /// Of everything that happened and of every byte that was on the disk after a start.
  std::uint64_t digest = 0;
  /// The last lines of what happened.
  std::vector<std::string> trace;
};

SimulationResult simulate(std::uint64_t seed, Defect defect = Defect::kNone);

}  // namespace tickforge::testing
