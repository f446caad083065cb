#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace tickforge {
namespace {

/// Bit by bit from the definition.
std::uint32_t by_definition(const std::uint8_t* bytes, std::size_t length) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < length; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~crc;
}

TEST(Crc32c, GivesTheKnownValues) {
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283U);
  EXPECT_EQ(crc32c(nullptr, 0), 0U);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::vector<std::uint8_t>(32, 0x00).data(), 32), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::vector<std::uint8_t>(32, 0xFF).data(), 32), 0x62A8AB43U);
}

TEST(Crc32c, AgreesWithTheDefinitionByEachWayAtEveryLengthAndAlignmentAroundTheBlocks) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(20'000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (const std::size_t around : {0, 8, 64, 246, 310, 502, 758, 1344, 3 * 1344, 6 * 1344, 12'000}) {
    for (std::size_t length = around; length < around + 20; ++length) {
      const std::size_t offset = random() % 16;
      const std::uint32_t expected = by_definition(bytes.data() + offset, length);
      EXPECT_EQ(crc32c(bytes.data() + offset, length), expected) << length;
      for (const std::uint32_t crc : crc32c_each_way(bytes.data() + offset, length)) EXPECT_EQ(crc, expected) << length;
    }
  }
}

TEST(Crc32c, GoesOnFromAnEarlierPart) {
  std::mt19937 random(2);
  std::vector<std::uint8_t> bytes(9'000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  const std::uint32_t whole = crc32c(bytes.data(), bytes.size());
  for (int i = 0; i < 200; ++i) {
    const std::size_t cut = random() % (bytes.size() + 1);
    const std::uint32_t first = crc32c(bytes.data(), cut);
    EXPECT_EQ(crc32c(bytes.data() + cut, bytes.size() - cut, first), whole) << cut;
    for (const std::uint32_t crc : crc32c_each_way(bytes.data() + cut, bytes.size() - cut, first)) EXPECT_EQ(crc, whole) << cut;
  }
}

TEST(Crc32c, MovesWhatItReadsWhereverThatGoesTowardsTheFront) {
  std::mt19937 random(3);
  std::vector<std::uint8_t> before(5'000);
  for (auto& byte : before) byte = static_cast<std::uint8_t>(random());
  for (const std::size_t distance : {0, 1, 24, 63, 64, 65, 240, 256, 300, 2'000}) {
    for (const std::size_t length : {0, 1, 63, 64, 255, 256, 257, 320, 512, 1'000, 2'048, 2'999}) {
      std::vector<std::uint8_t> bytes = before;
      std::uint8_t* const from = bytes.data() + 2'000;
      EXPECT_EQ(crc32c_move(from - distance, from, length), by_definition(before.data() + 2'000, length));
      std::vector<std::uint8_t> expected = before;
      std::memmove(expected.data() + 2'000 - distance, expected.data() + 2'000, length);
      EXPECT_EQ(bytes, expected) << length << " bytes by " << distance;
    }
  }
  std::vector<std::uint8_t> elsewhere(4'000);
  EXPECT_EQ(crc32c_move(elsewhere.data(), before.data(), 4'000), by_definition(before.data(), 4'000));
  EXPECT_TRUE(std::equal(elsewhere.begin(), elsewhere.end(), before.begin()));
}

}  // namespace
}  // namespace tickforge
