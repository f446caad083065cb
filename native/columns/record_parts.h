// Parts of a record by its head, for code that lays structs over mapped cells.
#pragma once

#include <cstdint>

#include "format/record.h"

namespace tickforge {

template <typename Record>
const Record& as(const RecordHead* head) {
  return *reinterpret_cast<const Record*>(head);
}

/// The extension cell, or null.
template <typename Extension>
const Extension* extension_of(const RecordHead* head) {
  if ((head->flags & kFlagExtension) == 0 || head->cells < 2) return nullptr;
  return reinterpret_cast<const Extension*>(reinterpret_cast<const std::uint8_t*>(head) + kCellBytes);
}

}  // namespace tickforge
