// Bytes kept as they came: text records (docs/FORMAT.md, "Text").
#pragma once

#include <cstdint>
#include <string_view>

#include "format/record.h"
#include "lines/cell_buffer.h"

namespace tickforge {

inline constexpr std::size_t kTextBytesPerRecord = (kCellsPerRecordMax - 1) * kCellBytes;

/// Cells that write_text() takes for this many bytes.
constexpr std::uint32_t text_cells(std::size_t bytes) {
  const std::size_t records = bytes == 0 ? 1 : (bytes + kTextBytesPerRecord - 1) / kTextBytesPerRecord;
  return static_cast<std::uint32_t>(records + (bytes + kCellBytes - 1) / kCellBytes);
}

/// Appends `bytes` as one text record, or as several that follow on each other. text_cells() cells must be free.
void write_text(TextReason reason, bool binary, std::string_view bytes, std::int64_t ts_recv, std::uint64_t frame,
                CellBuffer& out);

}  // namespace tickforge
