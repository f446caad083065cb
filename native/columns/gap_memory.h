// Which rows of an export stand behind a gap: remembered over all the blocks that an export goes through.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "format/record.h"

namespace tickforge {

/// Of one journal: numbers of connections mean something only there.
class GapMemory {
 public:
  /// Notes a gap or drop record; `instrument` is the index of its instrument, -1 for a record without one.
  void note(const RecordHead& head, std::int32_t instrument);

  /// The row is the first one of its instrument and connection behind a gap that concerns it. To be called for every
  /// row, in order.
  bool first_behind_gap(const RecordHead& row, std::int32_t instrument) {
    return gaps_ != 0 && look_up(row, instrument);
  }

 private:
  using Place = std::pair<std::int32_t, std::uint64_t>;  // instrument and connection; connection 0 = on all

  bool look_up(const RecordHead& row, std::int32_t instrument);
  static std::uint64_t connection_of(const RecordHead& head) { return head.frame >> kFrameNumberBits; }
  std::uint64_t gaps_at(const Place& place) const;

  std::uint64_t gaps_ = 0;     // so far; every gap has its number
  std::uint64_t journal_ = 0;  // the newest one of the whole journal
  std::map<std::uint64_t, std::uint64_t> connections_;
  std::map<Place, std::uint64_t> instruments_;
  std::map<Place, std::uint64_t> seen_;  // gaps in front of the newest row
  struct Newest {
    std::uint64_t connection = 0;
    std::uint64_t gaps = 0;
  };
  std::vector<Newest> newest_;  // by instrument: of its last row, so that most rows need no map
};

}  // namespace tickforge
