#include "columns/gap_memory.h"

#include <algorithm>

namespace tickforge {

void GapMemory::note(const RecordHead& head, std::int32_t instrument) {
  const std::uint64_t connection = connection_of(head);
  ++gaps_;
  if (head.instrument != 0) {
    if (instrument >= 0) instruments_[{instrument, connection}] = gaps_;
  } else if (connection != 0) {
    connections_[connection] = gaps_;
  } else {
    journal_ = gaps_;
  }
}

std::uint64_t GapMemory::gaps_at(const Place& place) const {
  const auto found = instruments_.find(place);
  return found == instruments_.end() ? 0 : found->second;
}

bool GapMemory::look_up(const RecordHead& row, std::int32_t instrument) {
  const auto index = static_cast<std::size_t>(instrument);
  const std::uint64_t connection = connection_of(row);
  if (index >= newest_.size()) newest_.resize(index + 1);
  Newest& newest = newest_[index];
  if (newest.gaps == gaps_ && newest.connection == connection) return false;
  const auto of_connection = connections_.find(connection);
  const std::uint64_t gap = std::max({journal_, of_connection == connections_.end() ? 0 : of_connection->second,
                                      gaps_at({instrument, connection}), gaps_at({instrument, 0})});
  std::uint64_t& seen = seen_[{instrument, connection}];
  const bool behind = gap > seen;
  seen = gaps_;
  newest = {connection, gaps_};
  return behind;
}

}  // namespace tickforge
