// What a new segment must repeat so that it explains itself: the instruments in use and the open connections.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/record.h"

namespace tickforge {

class Preamble {
 public:
  /// Takes note of an instrument or connection record; every other type is ignored. Of a venue's symbol the newest
  /// definition counts; a connection is forgotten when it closes.
  void note(const std::uint8_t* record);
  /// Notes the instruments among `records` (whole records), not the connections: those died with their recorder.
  void note_recovered(const std::vector<std::uint8_t>& records);
  /// Appends a copy of each: instruments by number, then connections by number, marked kFlagCopy with this ts_recv.
  void append_copies(std::vector<std::uint8_t>& records, std::int64_t ts_recv) const;

 private:
  using Record = std::vector<std::uint8_t>;
  std::map<std::string, Record> instruments_;  // by venue and symbol
  std::map<std::uint16_t, Record> connections_;
};

}  // namespace tickforge
