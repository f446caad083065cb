#include "lines/text_record.h"

#include <algorithm>
#include <cstring>

namespace tickforge {

void write_text(TextReason reason, bool binary, std::string_view bytes, std::int64_t ts_recv, std::uint64_t frame,
                CellBuffer& out) {
  std::size_t offset = 0;
  do {
    const std::string_view part = bytes.substr(offset, kTextBytesPerRecord);
    auto& text = out.begin<Text>(RecordType::kText, text_cells(part.size()));
    text.head.flags = offset + part.size() == bytes.size() ? kFlagLast : 0;
    text.head.ts_recv = ts_recv;
    text.head.ts_event = kNoneI64;
    text.head.frame = frame;
    text.reason = static_cast<std::uint8_t>(reason);
    text.binary = binary ? 1 : 0;
    text.length = static_cast<std::uint16_t>(part.size());
    text.offset = static_cast<std::uint32_t>(offset);
    text.total_length = static_cast<std::uint32_t>(bytes.size());
    text.sequence = kNoneU64;
    if (!part.empty()) std::memcpy(reinterpret_cast<std::uint8_t*>(&text) + kCellBytes, part.data(), part.size());
    offset += part.size();
  } while (offset < bytes.size());
}

}  // namespace tickforge
