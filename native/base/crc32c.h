// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720: initial value and final xor 0xFFFFFFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tickforge {

/// CRC of `length` bytes. `previous` continues an earlier CRC: crc32c(b, n, crc32c(a, m)) == crc32c(ab, m + n).
/// Check value: "123456789" gives 0xE3069283.
std::uint32_t crc32c(const void* bytes, std::size_t length, std::uint32_t previous = 0);

/// Copies `length` bytes and gives their CRC, for about the price of one of the two. The places may overlap if `to` is not
/// behind `from`.
std::uint32_t crc32c_move(void* to, const void* from, std::size_t length);

/// The same by each way of computing it that this processor has, the one that crc32c() takes first. For tests.
std::vector<std::uint32_t> crc32c_each_way(const void* bytes, std::size_t length, std::uint32_t previous = 0);

}  // namespace tickforge
