// Records that the writer makes by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "format/loss_records.h"

namespace tickforge {

template <typename Record>
void append_record(std::vector<std::uint8_t>& records, const Record& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
  records.insert(records.end(), bytes, bytes + sizeof record);
}

}  // namespace tickforge
