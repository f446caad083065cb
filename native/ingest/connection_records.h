// Records that the server writes about its clients.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/record.h"

namespace tickforge {

/// Close codes of RFC 6455.
inline constexpr std::uint16_t kClosedInOrder = 1000;
inline constexpr std::uint16_t kClosedAbnormally = 1006;

/// The venue has at most 255 bytes, the others together at most 8,000.
struct ConnectionTexts {
  std::string_view venue;
  std::string_view url;
  std::string_view reason;
};

std::uint32_t connection_cells(const ConnectionTexts& texts);
/// Writes connection_cells() cells.
void write_connection(std::uint8_t* memory, ConnectionEvent event, std::uint16_t number, std::uint16_t close_code,
                      const ConnectionTexts& texts, std::int64_t now);

}  // namespace tickforge
