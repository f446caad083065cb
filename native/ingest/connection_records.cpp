#include "ingest/connection_records.h"

#include <cstring>

namespace tickforge {

std::uint32_t connection_cells(const ConnectionTexts& texts) {
  const std::size_t bytes = texts.venue.size() + texts.url.size() + texts.reason.size();
  return static_cast<std::uint32_t>(1 + (bytes + kCellBytes - 1) / kCellBytes);
}

void write_connection(std::uint8_t* memory, ConnectionEvent event, std::uint16_t number, std::uint16_t close_code,
                      const ConnectionTexts& texts, std::int64_t now) {
  const std::uint32_t cells = connection_cells(texts);
  std::memset(memory, 0, cells * kCellBytes);
  Connection record{};
  record.head = make_head(RecordType::kConnection, now, cells, frame_of(number, 0));
  record.event = static_cast<std::uint8_t>(event);
  record.close_code = close_code;
  record.venue_length = static_cast<std::uint8_t>(texts.venue.size());
  record.url_length = static_cast<std::uint16_t>(texts.url.size());
  record.reason_length = static_cast<std::uint16_t>(texts.reason.size());
  std::memcpy(memory, &record, sizeof record);
  std::uint8_t* at = memory + sizeof record;
  for (const std::string_view text : {texts.venue, texts.url, texts.reason}) {
    if (text.empty()) continue;
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
}

}  // namespace tickforge
