#include "journal/preamble.h"

#include <gtest/gtest.h>

#include "testing/ingest_harness.h"
#include "testing/journal_files.h"

namespace tickforge::testing {
namespace {

std::vector<std::uint32_t> copied_numbers(const Preamble& preamble) {
  std::vector<std::uint8_t> copies;
  preamble.append_copies(copies, kNoon);
  std::vector<std::uint32_t> numbers;
  for (std::size_t at = 0; at < copies.size(); at += copies[at] * kCellBytes) {
    const auto head = wire::read<RecordHead>(copies.data() + at);
    EXPECT_NE(head.flags & kFlagCopy, 0);
    numbers.push_back(head.instrument);
  }
  return numbers;
}

TEST(PreambleTest, KeepsTheNewestDefinitionOfASymbolOfTheRecorderItself) {
  Preamble preamble;
  preamble.note(0, definition(1, "A", -2).data());
  preamble.note(0, definition(2, "B", -2).data());
  preamble.note(0, definition(3, "A", -3).data());
  EXPECT_EQ(copied_numbers(preamble), (std::vector<std::uint32_t>{2, 3}));
}

TEST(PreambleTest, KeepsEveryDefinitionOfAProducerWhoseClientsDefineASymbolEachInTheirWay) {
  Preamble preamble;
  preamble.note(1, definition(1, "A", -2).data());
  preamble.note(1, definition(2, "A", -3).data());
  preamble.note(2, definition(3, "A", -3).data());
  preamble.note(2, definition(4, "A", -3).data());
  EXPECT_EQ(copied_numbers(preamble), (std::vector<std::uint32_t>{1, 2, 4})) << "4 says what 3 said";
}

}  // namespace
}  // namespace tickforge::testing
