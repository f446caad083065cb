// Records that the server writes about its clients.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/record.h"

namespace tickforge {

/// Close codes of RFC 6455.
inline constexpr std::uint16_t kClosedInOrder = 1000;
inline constexpr std::uint16_t kClosedAbnormally = 1006;

inline constexpr std::uint64_t kFrameNumberMask = (std::uint64_t{1} << kFrameNumberBits) - 1;

constexpr std::uint64_t frame_of(std::uint16_t connection, std::uint64_t frame) {
  return std::uint64_t{connection} << kFrameNumberBits | (frame & kFrameNumberMask);
}

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
/// All instruments of the connection may miss something between the two times.
Gap make_disconnect_gap(std::uint16_t connection, std::int64_t ts_last_good, std::int64_t now);

}  // namespace tickforge
