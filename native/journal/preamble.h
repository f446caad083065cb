// What a new segment must repeat so that it explains itself: the instruments in use and the open connections. Both are of
// this recorder: what an earlier one had defined, no record to come speaks of, as numbers are never given twice.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/record.h"

namespace tickforge {

class Preamble {
 public:
  /// Takes note of a producer's instrument or connection record; every other type is ignored. Of a venue's symbol the
  /// newest definition of producer 0 counts, and each one of other producers that says something else; a connection is
  /// forgotten when it closes.
  void note(std::uint32_t producer, const std::uint8_t* record);
  /// Appends a copy of each: instruments by number, then connections by number, marked kFlagCopy with this ts_recv.
  void append_copies(std::vector<std::uint8_t>& records, std::int64_t ts_recv) const;
  /// Connections that a producer has open.
  std::vector<std::uint16_t> connections_of(std::uint32_t producer) const;
  /// A producer is gone: its connections are. Its definitions stay those of what it recorded.
  void forget_connections(std::uint32_t producer);

 private:
  using Record = std::vector<std::uint8_t>;
  struct Open {
    std::uint32_t producer = 0;
    Record record;
  };
  std::map<std::string, Record> instruments_;  // see key_of()
  std::map<std::uint16_t, Open> connections_;
};

}  // namespace tickforge
