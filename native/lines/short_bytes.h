// Names are a few bytes long: comparing and hashing them inline costs less than the calls would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tickforge {

template <typename T>
inline T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Whether `bytes` bytes are the same.
inline bool same_bytes(const char* a, const char* b, std::size_t bytes) {
  if (bytes >= 8) {
    std::size_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
      if (load<std::uint64_t>(a + at) != load<std::uint64_t>(b + at)) return false;
    }
    return load<std::uint64_t>(a + bytes - 8) == load<std::uint64_t>(b + bytes - 8);
  }
  if (bytes >= 4) {
    return load<std::uint32_t>(a) == load<std::uint32_t>(b) &&
           load<std::uint32_t>(a + bytes - 4) == load<std::uint32_t>(b + bytes - 4);
  }
  for (std::size_t at = 0; at < bytes; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

/// A hash that goes on from `seed`; multiply and fold, eight bytes at a time.
inline std::uint64_t hash_bytes(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t kFactor = 0x9E37'79B9'7F4A'7C15;
  const auto fold = [](std::uint64_t word) { return (word ^ word >> 32) * kFactor; };
  std::uint64_t hash = seed + text.size();
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) hash = fold(hash ^ load<std::uint64_t>(text.data() + at));
  std::uint64_t rest = 0;
  for (; at < text.size(); ++at) rest = rest << 8 | static_cast<std::uint8_t>(text[at]);
  hash = fold(hash ^ rest);
  return hash ^ hash >> 29;
}

}  // namespace tickforge
